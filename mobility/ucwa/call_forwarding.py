"""UCWA area *call forwarding*: where a user's incoming calls go.

All of it answers 403 to who has no Enterprise Voice.
"""

from collections.abc import Callable

from mobility.domain.forwarding import (
    CONTACT,
    DELEGATES,
    DISABLED,
    ENABLED,
    FORWARD,
    NONE,
    RING,
    RING_DELAY_S,
    TEAM,
    UNANSWERED_DELAY_S,
    VOICEMAIL_TARGET,
)
from mobility.errors import Refusal
from mobility.http.body import Fields, fields
from mobility.http.message import Document, Response
from mobility.http.route import Answer
from mobility.ucwa.call_forwarding_documents import (
    IMMEDIATE,
    ROOT,
    SIMULTANEOUS,
    UNANSWERED,
    ForwardingDocuments,
)
from mobility.ucwa.declaration import Call, Operation, Resource
from mobility.ucwa.preconditions import require_put_token, required_tags
from mobility.ucwa.service import Ucwa

MAX_TARGET = 80
"""Characters of a target (UCWA rel `immediateForwardToContact`)."""

SETTINGS = (NONE, FORWARD, RING)
"""CallForwardingState, with the value that its page lacks and the parameter table has."""

NUMBER_PLACE = f"me/{ROOT}/{{setting}}/contact"
"""Where the contact of a setting is that is a telephone number: an href never holds one."""

PERIODS = ("Always", "Workhours")
"""ActivePeriod."""

HANDLING = (ENABLED, DISABLED)
"""UnansweredCallHandling."""

RING_TARGETS = (NONE, TEAM, DELEGATES, CONTACT)
UNANSWERED_TARGETS = (NONE, VOICEMAIL_TARGET, CONTACT)

Show = Callable[[ForwardingDocuments], Document]


def shown(show: Show) -> Callable[[Ucwa, Call], Response]:
    """A GET of one of the settings."""

    def get(ucwa: Ucwa, call: Call) -> Response:
        return Response(document=show(_documents(ucwa, call)))

    return get


def get_number(ucwa: Ucwa, call: Call) -> Response:
    """The telephone number that one of the settings names; contacts who are users have their own
    place."""
    rel = call.parameter("setting")
    found = None
    if rel in (IMMEDIATE, SIMULTANEOUS, UNANSWERED):
        found = _documents(ucwa, call).number(rel)
    if found is None:
        raise Refusal("NotFound", "ResourceNotFound", "There is no such contact.")
    return Response(document=found)


async def put_root(ucwa: Ucwa, call: Call) -> Response:
    """PUT with the version in If-Match and the GUID property; absent fields keep their values."""
    documents, body = _put(ucwa, call, ROOT, ForwardingDocuments.root)
    setting = body.choice("activeSetting", SETTINGS)
    period = body.choice("activePeriod", PERIODS)
    unanswered = body.choice("unansweredCallHandling", HANDLING)
    body.check()
    await ucwa.forwarding.set_active(
        call.endpoint, documents.settings, setting=setting, period=period, unanswered=unanswered
    )
    return Response(document=_documents(ucwa, call).root())


async def put_simultaneous(ucwa: Ucwa, call: Call) -> Response:
    """PUT as above.  It says who rings too; the root says whether that is in force."""
    documents, body = _put(ucwa, call, SIMULTANEOUS, ForwardingDocuments.simultaneous)
    target = body.choice("target", RING_TARGETS)
    delay_s = body.integer("ringDelay", *RING_DELAY_S)
    body.check()
    await ucwa.forwarding.set_ring(
        call.endpoint, documents.settings, target=target, delay_s=delay_s
    )
    return Response(document=_documents(ucwa, call).simultaneous())


async def put_unanswered(ucwa: Ucwa, call: Call) -> Response:
    """PUT as above."""
    documents, body = _put(ucwa, call, UNANSWERED, ForwardingDocuments.unanswered)
    target = body.choice("target", UNANSWERED_TARGETS)
    delay_s = body.integer("ringDelay", *UNANSWERED_DELAY_S)
    body.check()
    await ucwa.forwarding.set_unanswered(
        call.endpoint, documents.settings, target=target, delay_s=delay_s
    )
    return Response(document=_documents(ucwa, call).unanswered())


async def forward_to_contact(ucwa: Ucwa, call: Call) -> Response:
    body = _body(ucwa, call)
    contact = _contact(ucwa, call, body)
    await ucwa.forwarding.forward(call.endpoint, CONTACT, contact)
    return Response(204)


def forward_to(target: str) -> Callable[[Ucwa, Call], Answer]:
    """A POST that sends all calls to delegates or voicemail."""

    async def post(ucwa: Ucwa, call: Call) -> Response:
        await ucwa.forwarding.forward(call.endpoint, target)
        return Response(204)

    return post


async def ring_contact(ucwa: Ucwa, call: Call) -> Response:
    body = _body(ucwa, call)
    contact = _contact(ucwa, call, body)
    await ucwa.forwarding.ring_too(call.endpoint, CONTACT, contact=contact)
    return Response(204)


def ring_too(target: str) -> Callable[[Ucwa, Call], Answer]:
    """A POST that lets delegates or the team ring along."""

    async def post(ucwa: Ucwa, call: Call) -> Response:
        body = _body(ucwa, call)
        delay_s = body.integer("ringDelay", *RING_DELAY_S)
        body.check()
        await ucwa.forwarding.ring_too(call.endpoint, target, delay_s)
        return Response(204)

    return post


async def unanswered_to_contact(ucwa: Ucwa, call: Call) -> Response:
    body = _body(ucwa, call)
    delay_s = body.integer("ringDelay", *UNANSWERED_DELAY_S)
    contact = _contact(ucwa, call, body)
    await ucwa.forwarding.send_unanswered(call.endpoint, CONTACT, delay_s, contact)
    return Response(204)


async def unanswered_to_voicemail(ucwa: Ucwa, call: Call) -> Response:
    body = _body(ucwa, call)
    delay_s = body.integer("ringDelay", *UNANSWERED_DELAY_S)
    body.check()
    await ucwa.forwarding.send_unanswered(call.endpoint, VOICEMAIL_TARGET, delay_s)
    return Response(204)


async def reset_unanswered(ucwa: Ucwa, call: Call) -> Response:
    await ucwa.forwarding.reset_unanswered(call.endpoint)
    return Response(204)


async def turn_off(ucwa: Ucwa, call: Call) -> Response:
    await ucwa.forwarding.turn_off(call.endpoint)
    return Response(204)


def _documents(ucwa: Ucwa, call: Call) -> ForwardingDocuments:
    """What the caller has set; 403 without Enterprise Voice."""
    uri = call.endpoint.user_uri
    ucwa.forwarding.destinations.must_have_voice(uri)
    return ForwardingDocuments(call.hrefs, ucwa.forwarding, ucwa.users, uri)


def _contact(ucwa: Ucwa, call: Call, body: Fields) -> str:
    """The target of the body, everything else in it checked as well."""
    text = body.text("target", required=True, max_length=MAX_TARGET)
    body.check()
    return ucwa.forwarding.destinations.contact(text, call.endpoint.user_uri)


def _body(ucwa: Ucwa, call: Call) -> Fields:
    """What a POST says; 403 without Enterprise Voice, whatever that is."""
    ucwa.forwarding.destinations.must_have_voice(call.endpoint.user_uri)
    return fields(call.request)


def _put(ucwa: Ucwa, call: Call, rel: str, show: Show) -> tuple[ForwardingDocuments, Fields]:
    """What a PUT is about and what it says; 412 when something has changed since it was read."""
    known_tags = required_tags(call.request)
    documents = _documents(ucwa, call)
    body = fields(call.request)
    require_put_token(body, documents.put_token(rel))
    if show(documents)["etag"] not in known_tags:
        raise Refusal("PreconditionFailed", None, "The settings have changed since they were read.")
    return documents, body


FORBIDDEN = (("Forbidden", ""),)
NO_DELEGATES = (*FORBIDDEN, ("Conflict", "NoDelegatesConfigured"))
NO_TEAM = (*FORBIDDEN, ("Conflict", "NoTeamMembersConfigured"))
CHANGED = (*FORBIDDEN, ("PreconditionFailed", ""), ("PreconditionRequired", ""))
BAD_NUMBER = (*FORBIDDEN, ("BadRequest", "NormalizationFailed"))
_IMMEDIATE = f"me/{ROOT}/{IMMEDIATE}"
_SIMULTANEOUS = f"me/{ROOT}/{SIMULTANEOUS}"
_UNANSWERED = f"me/{ROOT}/{UNANSWERED}"

RESOURCES = (
    Resource(
        ROOT,
        f"me/{ROOT}",
        (
            Operation("GET", shown(ForwardingDocuments.root), refusals=FORBIDDEN),
            Operation(
                "PUT",
                put_root,
                refusals=(*CHANGED, ("Conflict", "")),
                parameters=("activePeriod", "activeSetting", "unansweredCallHandling"),
            ),
        ),
    ),
    Resource(
        "turnOffCallForwarding",
        f"me/{ROOT}/turnOffCallForwarding",
        (Operation("POST", turn_off, (204,), refusals=FORBIDDEN),),
    ),
    Resource(
        IMMEDIATE,
        _IMMEDIATE,
        (Operation("GET", shown(ForwardingDocuments.immediate), refusals=FORBIDDEN),),
    ),
    Resource(
        "immediateForwardToContact",
        f"{_IMMEDIATE}/immediateForwardToContact",
        (
            Operation(
                "POST", forward_to_contact, (204,), refusals=BAD_NUMBER, parameters=("target",)
            ),
        ),
    ),
    Resource(
        "immediateForwardToDelegates",
        f"{_IMMEDIATE}/immediateForwardToDelegates",
        (Operation("POST", forward_to(DELEGATES), (204,), refusals=NO_DELEGATES),),
    ),
    Resource(
        "immediateForwardToVoicemail",
        f"{_IMMEDIATE}/immediateForwardToVoicemail",
        (Operation("POST", forward_to(VOICEMAIL_TARGET), (204,), refusals=FORBIDDEN),),
    ),
    Resource(
        SIMULTANEOUS,
        _SIMULTANEOUS,
        (
            Operation("GET", shown(ForwardingDocuments.simultaneous), refusals=FORBIDDEN),
            Operation(
                "PUT",
                put_simultaneous,
                refusals=(*CHANGED, *NO_DELEGATES[1:], *NO_TEAM[1:], ("Conflict", "")),
                parameters=("ringDelay", "target"),
            ),
        ),
    ),
    Resource(
        "simultaneousRingToContact",
        f"{_SIMULTANEOUS}/simultaneousRingToContact",
        (Operation("POST", ring_contact, (204,), refusals=BAD_NUMBER, parameters=("target",)),),
    ),
    Resource(
        "simultaneousRingToDelegates",
        f"{_SIMULTANEOUS}/simultaneousRingToDelegates",
        (
            Operation(
                "POST",
                ring_too(DELEGATES),
                (204,),
                refusals=NO_DELEGATES,
                parameters=("ringDelay",),
            ),
        ),
    ),
    Resource(
        "simultaneousRingToTeam",
        f"{_SIMULTANEOUS}/simultaneousRingToTeam",
        (Operation("POST", ring_too(TEAM), (204,), refusals=NO_TEAM, parameters=("ringDelay",)),),
    ),
    Resource(
        UNANSWERED,
        _UNANSWERED,
        (
            Operation("GET", shown(ForwardingDocuments.unanswered), refusals=FORBIDDEN),
            Operation(
                "PUT",
                put_unanswered,
                refusals=(*CHANGED, ("Conflict", "")),
                parameters=("ringDelay", "target"),
            ),
        ),
    ),
    Resource(
        "unansweredCallToContact",
        f"{_UNANSWERED}/unansweredCallToContact",
        (
            Operation(
                "POST",
                unanswered_to_contact,
                (204,),
                refusals=BAD_NUMBER,
                parameters=("ringDelay", "target"),
            ),
        ),
    ),
    Resource(
        "unansweredCallToVoicemail",
        f"{_UNANSWERED}/unansweredCallToVoicemail",
        (
            Operation(
                "POST",
                unanswered_to_voicemail,
                (204,),
                refusals=FORBIDDEN,
                parameters=("ringDelay",),
            ),
        ),
    ),
    Resource(
        "resetUnansweredCallSettings",
        f"{_UNANSWERED}/resetUnansweredCallSettings",
        (Operation("POST", reset_unanswered, (204,), refusals=FORBIDDEN),),
    ),
)
