"""Scheduling, reading, changing and deleting online meetings over the wire."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mobility.config.meetings import DialInRegion, MeetingsConfig
from mobility.domain.meeting_policy import MeetingPolicy
from mobility.errors import PeerFault
from mobility.http.body import Fields
from mobility.testing import WEB
from mobility.ucwa.documents import PUT_TOKEN_VALUE
from mobility.ucwa.meetings import EXPIRATION_RANGE_S, MAX_DESCRIPTION, MAX_INVITED, changes_of
from tests.ucwa.service import START, USERS, Client, UcwaTestCase, uri

MINE = "onlineMeetings/myOnlineMeetings"
ASSIGNED = f"{MINE}/assigned"


def put_token(document: dict[str, Any]) -> str:
    """The name of the GUID property."""
    return next(name for name, value in document.items() if value == PUT_TOKEN_VALUE)


class MeetingsTestCase(UcwaTestCase):
    """Alice, who schedules."""

    meetings: MeetingsConfig | None = MeetingsConfig(per_user=3)

    async def setUp(self) -> None:  # type: ignore[override]  # trial awaits it
        await super().setUp()
        self.alice = await self.service.sign_in("alice", available=False)

    async def schedule(self, **body: object) -> dict[str, Any]:
        response = await self.alice.post(MINE, body)
        self.assertEqual(response.status, 201, response.body)
        document: dict[str, Any] = response.json()
        return document

    def put(self, document: dict[str, Any], etag: str = "", **changes: object) -> Any:
        """PUT of a document with changes, under its own etag unless another is given."""
        headers = {"If-Match": f'"{etag or document["etag"]}"'}
        href = document["_links"]["self"]["href"]
        return self.alice.request("PUT", href, {**document, **changes}, headers=headers)

    async def listed(self, client: Client | None = None) -> list[str]:
        """The subjects of the meetings a user sees in the list."""
        document = await (client or self.alice).document(MINE)
        return [one["subject"] for one in document["_embedded"]["myOnlineMeeting"]]


class ScheduleTests(MeetingsTestCase):
    async def test_as_the_task_page_shows(self) -> None:
        """The request of "Schedule an online meeting" gives what that page shows."""
        body = {
            "attendanceAnnouncementsStatus": "Disabled",
            "description": "hey guys let's do a musical!",
            "subject": "holiday party",
            "attendees": ["sip:Chris@contoso.com", "sip:Alex@contoso.com"],
            "leaders": [],
        }
        response = await self.alice.post(MINE, body)
        self.assertEqual(response.status, 201)
        shown = response.json()
        key = shown["onlineMeetingId"]
        address = f"sip:alice@example.test;gruu;opaque=app:conf:focus:id:{key}"
        own = f"{self.alice.href}/{MINE}/{key}"
        self.assertEqual(response.header("Location"), own)
        self.assertEqual(response.header("ETag"), f'"{shown["etag"]}"')
        legacy = shown.pop("legacyOnlineMeetingUri")
        self.assertRegex(legacy, f"^conf:{address}\\?conversation-id=[0-9a-f-]{{36}}$")
        del shown[put_token(shown)], shown["etag"]
        self.assertEqual(
            shown,
            {
                "rel": "myOnlineMeeting",
                "accessLevel": "SameEnterprise",
                "entryExitAnnouncement": "Disabled",
                "attendees": ["sip:chris@contoso.com", "sip:alex@contoso.com"],
                "automaticLeaderAssignment": "Disabled",
                "description": "hey guys let's do a musical!",
                "expirationTime": f"/Date({int(START + 28_800) * 1000})/",
                "leaders": [],
                "onlineMeetingId": key,
                "onlineMeetingUri": address,
                "onlineMeetingRel": "myOnlineMeetings",
                "organizerUri": "sip:alice@example.test",
                "phoneUserAdmission": "Disabled",
                "lobbyBypassForPhoneUsers": "Disabled",
                "subject": "holiday party",
                "joinUrl": f"{WEB.external_url}/meet/alice/{key}",
                "_links": {
                    "self": {"href": own},
                    "onlineMeetingExtensions": {"href": f"{own}/extensions"},
                },
                "_embedded": {"onlineMeetingExtension": []},
            },
        )

    async def test_nothing_said(self) -> None:
        """A POST without a body schedules a meeting with the defaults."""
        response = await self.alice.post(MINE)
        self.assertEqual(response.status, 201)
        self.assertEqual(response.json()["subject"], "")

    async def test_reference_path(self) -> None:
        """The reference page's path leads to the same meetings."""
        shown = await self.schedule(subject="One")
        href = shown["_links"]["self"]["href"].replace("/ucwa/oauth/v1/", "/ucwa/v1/")
        self.assertEqual((await self.alice.document(href))["subject"], "One")

    async def test_in_xml(self) -> None:
        """A meeting is scheduled and shown in XML."""
        body = (
            b'<input xmlns="http://schemas.microsoft.com/rtc/2012/03/ucwa">'
            b'<property name="subject">Sales &amp; plans</property>'
            b'<property name="expirationTime">2025-06-16T00:00:00Z</property>'
            b'<propertyList name="attendees"><item>sip:bob@example.test</item></propertyList>'
            b"</input>"
        )
        response = await self.alice.post(
            MINE,
            body=body,
            content_type="application/xml",
            headers={"Accept": "application/xml"},
        )
        self.assertEqual(response.status, 201)
        for part in (
            b'<property name="subject">Sales &amp; plans</property>',
            b'<property name="expirationTime">2025-06-16T00:00:00.000Z</property>',
            b'<propertyList name="attendees"><item>sip:bob@example.test</item></propertyList>',
            b'<resource rel="myOnlineMeeting" href="',
        ):
            self.assertIn(part, response.body)

    async def test_too_many(self) -> None:
        """Above the limit 409 TooManyOnlineMeetings; a deleted meeting makes room."""
        first, *_ = [await self.schedule() for _ in range(3)]
        self.refused(await self.alice.post(MINE), 409, "Conflict", "TooManyOnlineMeetings")
        self.accepted(await self.alice.delete(first["_links"]["self"]["href"]), 204)
        await self.schedule()

    async def test_repeated(self) -> None:
        """A POST that is repeated under its Idempotency-Key schedules one meeting."""
        answers = [
            await self.alice.post(MINE, {"subject": "Once"}, headers={"Idempotency-Key": "k"})
            for _ in range(2)
        ]
        self.assertEqual([answer.status for answer in answers], [201, 201])
        self.assertEqual(answers[0].json(), answers[1].json())
        self.assertEqual(await self.listed(), ["Once"])

    async def test_wrong_values(self) -> None:
        """Every wrong value is named, and nothing is scheduled."""
        body = {
            "accessLevel": "Anybody",
            "attendees": ["sip:bob@example.test", "tel:+14255550100"],
            "automaticLeaderAssignment": 1,
            "description": "x" * (MAX_DESCRIPTION + 1),
            "entryExitAnnouncement": "Enabled",
            "expirationTime": "tomorrow",
            "leaders": ["sip:a@b.test"] * (MAX_INVITED + 1),
            "lobbyBypassForPhoneUsers": "Enabled",
            "phoneUserAdmission": "Enabled",
            "subject": ["no", "text"],
        }
        self.assertEqual(self.wrong_parameters(await self.alice.post(MINE, body)), set(body))
        self.assertEqual(await self.listed(), [])

    async def test_access_level_none(self) -> None:
        """The access level None, "not initialized", leaves the choice to the server."""
        shown = await self.schedule(accessLevel="None")
        self.assertEqual(shown["accessLevel"], "SameEnterprise")

    async def test_expiration(self) -> None:
        """expirationTime may be a year ago to ten years from now, in either spelling of a date."""
        least, most = EXPIRATION_RANGE_S
        for offset_s, good in ((most, True), (most + 1, False), (least, True), (least - 1, False)):
            body = {"expirationTime": f"/Date({int(START + offset_s) * 1000})/"}
            response = await self.alice.post(MINE, body)
            if good:
                self.assertEqual(response.json()["expirationTime"], body["expirationTime"])
            else:
                self.assertEqual(self.wrong_parameters(response), {"expirationTime"})
        iso = await self.schedule(expirationTime="2025-06-16T02:00:00.0000000+02:00")
        self.assertEqual(iso["expirationTime"], "/Date(1750032000000)/")

    async def test_expired(self) -> None:
        """A meeting whose time has passed is gone from the list and under its own link."""
        shown = await self.schedule(expirationTime=f"/Date({int(START + 60) * 1000})/")
        self.clock.advance(59)
        self.assertEqual(await self.listed(), [""])
        self.clock.advance(1)
        self.assertEqual(await self.listed(), [])
        self.refused(
            await self.alice.get(shown["_links"]["self"]["href"]),
            404,
            "NotFound",
            "ResourceNotFound",
        )

    async def test_restart(self) -> None:
        """Meetings outlive the process, with their links and versions."""
        shown = await self.schedule(subject="Kept")
        await self.service.restart()
        self.assertEqual(await self.alice.document(shown["_links"]["self"]["href"]), shown)

    async def test_others(self) -> None:
        """Nobody else reads, changes or deletes a meeting, or sees it in a list."""
        shown = await self.schedule(subject="Mine")
        bob = await self.service.sign_in("bob", available=False)
        href = f"{MINE}/{shown['onlineMeetingId']}"
        token = put_token(shown)
        attempts = (
            bob.get(href),
            bob.delete(href),
            bob.request("PUT", href, {token: PUT_TOKEN_VALUE}, headers={"If-Match": "*"}),
            bob.get(f"{href}/extensions"),
        )
        for attempt in attempts:
            self.refused(await attempt, 404, "NotFound", "ResourceNotFound")
        self.assertEqual(await self.listed(bob), [])
        self.assertEqual(await self.listed(), ["Mine"])


class PutTests(MeetingsTestCase):
    async def test_update(self) -> None:
        """PUT of the whole document with a change answers 200 with the new version."""
        shown = await self.schedule(subject="Weekly", attendees=[uri("bob")])
        changed = await self.put(
            shown,
            subject="Important details",
            accessLevel="locked",
            attendees=[],
            expirationTime="2025-06-20T01:17:18.000Z",
        )
        self.assertEqual(changed.status, 200)
        after = changed.json()
        self.assertNotEqual(after["etag"], shown["etag"])
        self.assertEqual(changed.header("ETag"), f'"{after["etag"]}"')
        expected = {
            "subject": "Important details",
            "accessLevel": "Locked",
            "attendees": [],
            "expirationTime": "/Date(1750382238000)/",
            "etag": after["etag"],
        }
        self.assertEqual(after, {**shown, **expected})
        href = shown["_links"]["self"]["href"]
        self.assertEqual(await self.alice.document(href), after)
        unchanged = await self.alice.get(href, If_None_Match=f'"{after["etag"]}"')
        self.assertEqual(unchanged.status, 304)

    async def test_absent_fields(self) -> None:
        """Fields that are not sent keep their values."""
        shown = await self.schedule(subject="Kept", leaders=[uri("bob")], accessLevel="Invited")
        token = put_token(shown)
        href = shown["_links"]["self"]["href"]
        body = {token: PUT_TOKEN_VALUE, "description": "New"}
        changed = await self.alice.request("PUT", href, body, headers={"If-Match": shown["etag"]})
        after = changed.json()
        self.assertEqual(after, {**shown, "description": "New", "etag": after["etag"]})

    async def test_conditions(self) -> None:
        """Without If-Match 428, with an old etag 412, without the GUID property 400."""
        shown = await self.schedule(subject="First")
        href = shown["_links"]["self"]["href"]
        without = await self.alice.request("PUT", href, shown)
        self.refused(without, 428, "PreconditionRequired")
        self.assertEqual((await self.put(shown, subject="Second")).status, 200)
        self.refused(await self.put(shown, subject="Third"), 412, "PreconditionFailed")
        token = put_token(shown)
        self.assertEqual(self.wrong_parameters(await self.put(shown, **{token: ""})), {token})
        self.assertEqual(await self.listed(), ["Second"])

    async def test_what_cannot_change(self) -> None:
        """Who a meeting belongs to and how it is called cannot be changed."""
        shown = await self.schedule()
        changes = {
            "onlineMeetingId": "OTHER",
            "organizerUri": uri("bob"),
            "onlineMeetingUri": "sip:bob@example.test",
            "accessLevel": "Nobody",
        }
        self.assertEqual(self.wrong_parameters(await self.put(shown, **changes)), set(changes))


class AssignedTests(MeetingsTestCase):
    async def test_always_there(self) -> None:
        """Every user has one meeting that is there without being scheduled, and stays."""
        dashboard = await self.alice.document("onlineMeetings")
        href = dashboard["_links"]["myAssignedOnlineMeeting"]["href"]
        self.assertEqual(href, f"{self.alice.href}/{ASSIGNED}")
        shown = await self.alice.document(href)
        self.assertEqual(shown["rel"], "myAssignedOnlineMeeting")
        self.assertEqual(shown["onlineMeetingRel"], "myAssignedOnlineMeeting")
        self.assertNotIn("expirationTime", shown)
        listed = await self.alice.document(MINE)
        self.assertEqual(listed["_embedded"]["myAssignedOnlineMeeting"], [shown])
        self.assertEqual(listed["_embedded"]["myOnlineMeeting"], [])
        await self.service.restart()
        self.assertEqual(await self.alice.document(href), shown)

    async def test_changed(self) -> None:
        """It can be changed but not be made to expire, and deleting it gives other coordinates."""
        shown = await self.alice.document(ASSIGNED)
        changed = (await self.put(shown, subject="My room")).json()
        self.assertEqual(changed["subject"], "My room")
        expiring = await self.put(changed, expirationTime="2025-06-20T00:00:00Z")
        self.assertEqual(self.wrong_parameters(expiring), {"expirationTime"})
        self.accepted(await self.alice.delete(ASSIGNED), 204)
        another = await self.alice.document(ASSIGNED)
        self.assertEqual(another["subject"], "")
        self.assertNotEqual(another["onlineMeetingUri"], shown["onlineMeetingUri"])


class WithoutAssignedTests(MeetingsTestCase):
    meetings = MeetingsConfig(assigned=False)

    async def test_no_link(self) -> None:
        """Where none is assigned there is no link to one, and its path answers 404."""
        for href in ("onlineMeetings", "onlineMeetings/eligibleValues"):
            shown = await self.alice.document(href)
            self.assertNotIn("myAssignedOnlineMeeting", shown["_links"])
            self.assertIn("myOnlineMeetings", shown["_links"])
        embedded = self.alice.application["_embedded"]["onlineMeetings"]
        self.assertNotIn("myAssignedOnlineMeeting", embedded["_links"])
        self.refused(await self.alice.get(ASSIGNED), 404, "NotFound", "ResourceNotFound")
        listed = await self.alice.document(MINE)
        self.assertEqual(listed["_embedded"]["myAssignedOnlineMeeting"], [])


class DialInTests(MeetingsTestCase):
    meetings = MeetingsConfig(
        join_url="https://meet.example.test", dial_in=(DialInRegion("Redmond", "+14255550100"),)
    )

    async def test_phone_settings(self) -> None:
        """Where people can dial in, a meeting has a number and the settings for callers."""
        settings = dict.fromkeys(
            ("entryExitAnnouncement", "lobbyBypassForPhoneUsers", "phoneUserAdmission"), "Enabled"
        )
        shown = await self.schedule(**settings)
        self.assertEqual({**shown, **settings}, shown)
        self.assertRegex(shown["conferenceId"], "^[0-9]{9}$")
        self.assertEqual(
            shown["joinUrl"], f"https://meet.example.test/alice/{shown['onlineMeetingId']}"
        )


class RemovedUserTests(MeetingsTestCase):
    async def test_same_name_again(self) -> None:
        """Who gets a removed user's address does not get its meetings."""
        await self.schedule(subject="Of the first Alice")
        await self.service.front_end.users.remove(uri("alice"), self.clock.seconds())
        await self.service.front_end.users.add(USERS[0])
        self.alice = await self.service.sign_in("alice", available=False)
        self.assertEqual(await self.listed(), [])


NAMES = (
    "accessLevel",
    "attendees",
    "automaticLeaderAssignment",
    "description",
    "entryExitAnnouncement",
    "expirationTime",
    "leaders",
    "lobbyBypassForPhoneUsers",
    "phoneUserAdmission",
    "subject",
)
TEXTS = st.text(max_size=20) | st.sampled_from(
    ("Everyone", "locked", "None", "Enabled", "sip:a@b.test", "2030-01-01", "/Date(1760000000000)/")
)
VALUES = st.none() | st.booleans() | st.integers() | TEXTS | st.lists(TEXTS | st.none(), max_size=4)
POLICY = MeetingPolicy(1, 1, 1, assigned=True, anonymous=True, dial_in=True)


class InputTests(SynchronousTestCase):
    @given(st.dictionaries(st.sampled_from(NAMES), VALUES))
    def test_any_input(self, body: dict[str, Any]) -> None:
        """Whatever is sent becomes eligible values, or is refused by name."""
        given_fields = Fields(body)
        changes = changes_of(given_fields, POLICY, START)
        try:
            given_fields.check()
        except PeerFault as fault:
            self.assertLessEqual({one.name for one in fault.parameters}, set(body))
            return
        eligible = {
            "access_level": POLICY.access_levels,
            "automatic_leader_assignment": POLICY.automatic_leader_assignments,
            "entry_exit_announcement": POLICY.phone_settings,
            "lobby_bypass_for_phone_users": POLICY.phone_settings,
            "phone_user_admission": POLICY.phone_settings,
        }
        for field, value in changes.items():
            if field in eligible:
                self.assertIn(value, eligible[field])
            elif field == "expires_at":
                self.assertIsInstance(value, float)
            else:
                self.assertIsInstance(value, str)
