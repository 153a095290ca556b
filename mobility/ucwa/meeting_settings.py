"""UCWA area *online meetings*: what may be chosen, what is the default, and how to dial in."""

from urllib.parse import quote

from mobility.config.meetings import DialInRegion
from mobility.domain.meeting_policy import DISABLED, ENABLED
from mobility.errors import Refusal
from mobility.http.message import Document, Response
from mobility.ucwa.declaration import Call, Operation, Resource
from mobility.ucwa.documents import links, present
from mobility.ucwa.hrefs import ASSIGNED_MEETING, Hrefs
from mobility.ucwa.service import Ucwa

NEW_MEETING = "myOnlineMeetings"
ASSIGNED = "myAssignedOnlineMeeting"
"""OnlineMeetingRel: the two kinds of meeting a user can invite to."""


def get_eligible_values(ucwa: Ucwa, call: Call) -> Response:
    policy = ucwa.meetings.policy
    rels = links(self=call.hrefs.of("onlineMeetings/eligibleValues"))
    if policy.assigned:
        rels |= links(myAssignedOnlineMeeting=call.hrefs.meeting(ASSIGNED_MEETING))
    rels |= links(myOnlineMeetings=call.hrefs.of("onlineMeetings/myOnlineMeetings"))
    return Response(
        document={
            "rel": "onlineMeetingEligibleValues",
            "accessLevels": list(policy.access_levels),
            "automaticLeaderAssignments": list(policy.automatic_leader_assignments),
            "eligibleOnlineMeetingRels": [NEW_MEETING, *([ASSIGNED] if policy.assigned else [])],
            "entryExitAnnouncements": list(policy.phone_settings),
            "lobbyBypassForPhoneUsersSettings": list(policy.phone_settings),
            "_links": rels,
        }
    )


def get_default_values(ucwa: Ucwa, call: Call) -> Response:
    policy = ucwa.meetings.policy
    return Response(
        document={
            "rel": "onlineMeetingDefaultValues",
            "accessLevel": policy.access_level,
            "automaticLeaderAssignment": policy.automatic_leader_assignment,
            "defaultOnlineMeetingRel": NEW_MEETING,
            "entryExitAnnouncement": DISABLED,
            "lobbyBypassForPhoneUsers": DISABLED,
            "participantsWarningThreshold": policy.size,
            "_links": links(self=call.hrefs.of("onlineMeetings/defaultValues")),
        }
    )


def get_policies(ucwa: Ucwa, call: Call) -> Response:
    """onlineMeetingPolicies; nothing here records a meeting or mixes its audio."""
    policy = ucwa.meetings.policy
    by_phone = ENABLED if policy.dial_in else DISABLED
    return Response(
        document={
            "rel": "onlineMeetingPolicies",
            "entryExitAnnouncement": by_phone,
            "externalUserMeetingRecording": DISABLED,
            "meetingRecording": DISABLED,
            "meetingSize": policy.size,
            "phoneUserAdmission": by_phone,
            "voipAudio": DISABLED,
            "_links": links(self=call.hrefs.of("onlineMeetings/policies")),
        }
    )


def get_customization(ucwa: Ucwa, call: Call) -> Response:
    settings = ucwa.meeting_settings
    return Response(
        document={
            "rel": "onlineMeetingInvitationCustomization",
            **present(
                enterpriseHelpUrl=settings.enterprise_help_url,
                invitationFooterText=settings.footer,
                invitationHelpUrl=settings.help_url,
                invitationLegalUrl=settings.legal_url,
                invitationLogoUrl=settings.logo_url,
            ),
            "_links": links(self=call.hrefs.of("onlineMeetings/customInvitation")),
        }
    )


async def get_dial_in(ucwa: Ucwa, call: Call) -> Response:
    """phoneDialInInformation, with the conference id of the user's assigned meeting."""
    settings, policy = ucwa.meeting_settings, ucwa.meetings.policy
    conference_id = ""
    if policy.dial_in and policy.assigned:
        conference_id = (await ucwa.meetings.assigned(call.endpoint, call.now)).record.number
    return Response(
        document={
            "rel": "phoneDialInInformation",
            **present(
                conferenceId=conference_id,
                defaultRegion=settings.dial_in[0].name if settings.dial_in else "",
                externalDirectoryUri=settings.external_directory_url,
                internalDirectoryUri=settings.internal_directory_url,
            ),
            "isAudioConferenceProviderEnabled": False,
            "_links": links(self=call.hrefs.of("onlineMeetings/phoneDialInInformation")),
            "_embedded": {
                "dialInRegion": [_region(call.hrefs, region) for region in settings.dial_in]
            },
        }
    )


def get_region(ucwa: Ucwa, call: Call) -> Response:
    for region in ucwa.meeting_settings.dial_in:
        if region.name == call.parameter("region"):
            return Response(document=_region(call.hrefs, region))
    raise Refusal("NotFound", "ResourceNotFound", "There is no such region.")


def _region(hrefs: Hrefs, region: DialInRegion) -> Document:
    own = f"onlineMeetings/phoneDialInInformation/{quote(region.name, safe='')}"
    return {
        "rel": "dialInRegion",
        "languages": list(region.languages),
        "name": region.name,
        "number": f"tel:{region.number}",
        "_links": links(self=hrefs.of(own)),
    }


RESOURCES = (
    *(
        Resource(
            rel,
            f"onlineMeetings/{path}",
            (Operation("GET", handler),),
            aliases=(f"onlineMeetings/{rel}",),
        )
        for rel, path, handler in (
            ("onlineMeetingEligibleValues", "eligibleValues", get_eligible_values),
            ("onlineMeetingDefaultValues", "defaultValues", get_default_values),
            ("onlineMeetingPolicies", "policies", get_policies),
            ("onlineMeetingInvitationCustomization", "customInvitation", get_customization),
        )
    ),
    Resource(
        "phoneDialInInformation",
        "onlineMeetings/phoneDialInInformation",
        (Operation("GET", get_dial_in),),
    ),
    Resource(
        "dialInRegion",
        "onlineMeetings/phoneDialInInformation/{region}",
        (Operation("GET", get_region),),
    ),
)
