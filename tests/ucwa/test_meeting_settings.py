"""What clients are told of the choices, the defaults and the numbers to call."""

from typing import Any

from mobility.config.meetings import DialInRegion, MeetingsConfig
from tests.ucwa.service import UcwaTestCase


class DefaultTests(UcwaTestCase):
    """A front end on which nothing is configured."""

    async def shown(self, path: str, rel: str) -> dict[str, Any]:
        """A resource without rel and links, the same on the reference page's path."""
        alice = await self.service.sign_in("alice", available=False)
        document = await alice.document(f"onlineMeetings/{path}")
        self.assertEqual(await alice.document(f"onlineMeetings/{rel}"), document)
        del document["_links"]
        self.assertEqual(document.pop("rel"), rel)
        return document

    async def test_eligible_values(self) -> None:
        """What may be chosen; nothing for callers, since nobody can call."""
        self.assertEqual(
            await self.shown("eligibleValues", "onlineMeetingEligibleValues"),
            {
                "accessLevels": ["SameEnterprise", "Everyone", "Invited", "Locked"],
                "automaticLeaderAssignments": ["Disabled", "SameEnterprise", "Everyone"],
                "eligibleOnlineMeetingRels": ["myOnlineMeetings", "myAssignedOnlineMeeting"],
                "entryExitAnnouncements": ["Disabled"],
                "lobbyBypassForPhoneUsersSettings": ["Disabled"],
            },
        )

    async def test_default_values(self) -> None:
        """What a meeting has where nothing is chosen."""
        self.assertEqual(
            await self.shown("defaultValues", "onlineMeetingDefaultValues"),
            {
                "accessLevel": "SameEnterprise",
                "automaticLeaderAssignment": "Disabled",
                "defaultOnlineMeetingRel": "myOnlineMeetings",
                "entryExitAnnouncement": "Disabled",
                "lobbyBypassForPhoneUsers": "Disabled",
                "participantsWarningThreshold": 250,
            },
        )

    async def test_policies(self) -> None:
        """What this front end does in meetings, and how many may be invited."""
        shown = await self.shown("policies", "onlineMeetingPolicies")
        self.assertEqual(shown.pop("meetingSize"), 250)
        self.assertEqual(set(shown.values()), {"Disabled"})

    async def test_customization(self) -> None:
        """An invitation says nothing of the company unless that is configured."""
        rel = "onlineMeetingInvitationCustomization"
        self.assertEqual(await self.shown("customInvitation", rel), {})

    async def test_dial_in(self) -> None:
        """Without numbers there is no conference id either."""
        self.assertEqual(
            await self.shown("phoneDialInInformation", "phoneDialInInformation"),
            {"isAudioConferenceProviderEnabled": False, "_embedded": {"dialInRegion": []}},
        )


class ConfiguredTests(UcwaTestCase):
    """A front end with everything configured."""

    meetings = MeetingsConfig(
        size=12,
        anonymous=False,
        access_level="Invited",
        automatic_leader_assignment="SameEnterprise",
        dial_in=(
            DialInRegion("Redmond", "+14255550001", ("en-US", "fr-FR")),
            DialInRegion("Köln / Bonn", "+492215550100", ("de-DE",)),
        ),
        internal_directory_url="https://dial.int.example.test",
        external_directory_url="https://dial.example.test",
        help_url="https://help.example.test",
        enterprise_help_url="https://first.example.test",
        legal_url="https://legal.example.test",
        logo_url="https://logo.example.test/logo.png",
        footer="Confidential & private.",
    )

    async def setUp(self) -> None:  # type: ignore[override]  # trial awaits it
        await super().setUp()
        self.alice = await self.service.sign_in("alice", available=False)

    async def test_values(self) -> None:
        """Choices and defaults follow the configuration, and so does what is scheduled."""
        eligible = await self.alice.document("onlineMeetings/eligibleValues")
        self.assertNotIn("Everyone", eligible["accessLevels"])
        self.assertEqual(eligible["entryExitAnnouncements"], ["Disabled", "Enabled"])
        default = await self.alice.document("onlineMeetings/defaultValues")
        meeting = (await self.alice.post("onlineMeetings/myOnlineMeetings")).json()
        for name, value in (
            ("accessLevel", "Invited"),
            ("automaticLeaderAssignment", "SameEnterprise"),
        ):
            self.assertEqual((default[name], meeting[name]), (value, value))
        self.assertEqual(default["participantsWarningThreshold"], 12)
        policies = await self.alice.document("onlineMeetings/policies")
        self.assertEqual((policies["meetingSize"], policies["phoneUserAdmission"]), (12, "Enabled"))
        refused = await self.alice.post(
            "onlineMeetings/myOnlineMeetings", {"accessLevel": "Everyone"}
        )
        self.assertEqual(self.wrong_parameters(refused), {"accessLevel"})

    async def test_customization(self) -> None:
        """An invitation says of the company what is configured."""
        shown = await self.alice.document("onlineMeetings/customInvitation")
        self.assertEqual(shown["invitationFooterText"], "Confidential & private.")
        self.assertEqual(shown["invitationLogoUrl"], "https://logo.example.test/logo.png")
        self.assertEqual(len(shown), 2 + 5)

    async def test_dial_in(self) -> None:
        """The numbers to call, the default region first, and the id of the assigned meeting."""
        shown = await self.alice.document("onlineMeetings/phoneDialInInformation")
        assigned = await self.alice.document("onlineMeetings/myOnlineMeetings/assigned")
        self.assertEqual(shown["conferenceId"], assigned["conferenceId"])
        self.assertEqual(shown["defaultRegion"], "Redmond")
        self.assertEqual(shown["externalDirectoryUri"], "https://dial.example.test")
        regions = shown["_embedded"]["dialInRegion"]
        self.assertEqual(
            [one["number"] for one in regions], ["tel:+14255550001", "tel:+492215550100"]
        )
        self.assertEqual(regions[0]["languages"], ["en-US", "fr-FR"])
        for region in regions:
            found = await self.alice.document(region["_links"]["self"]["href"])
            self.assertEqual(found, region)
        unknown = await self.alice.get("onlineMeetings/phoneDialInInformation/Atlantis")
        self.refused(unknown, 404, "NotFound", "ResourceNotFound")
