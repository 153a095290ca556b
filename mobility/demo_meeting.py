"""`mobility demo --scene meeting`: five people in a meeting, one of them without an account."""

from typing import Any
from urllib.parse import quote

from treq.client import HTTPClient
from twisted.internet.interfaces import IReactorTime

from mobility.demo import DemoFailed, Person, Script, text_of

ANONYMOUS = "urn:microsoft.rtc:anonmeeting"


SCREEN = (
    "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\n"
    "m=applicationsharing 50000 TCP/RTP/SAVP 127\r\na=rtpmap:127 x-data/90000\r\na=sendonly\r\n"
)
"""The offer of a screen, at an address that is nobody's."""


class Attendee(Person):
    """A client that takes part in a meeting."""

    def __init__(self, http: HTTPClient, clock: IReactorTime, address: str) -> None:
        super().__init__(http, clock, address)
        self.conversation = ""
        self.messaging: dict[str, Any] = {}

    @property
    def name(self) -> str:
        return self.address.partition("@")[0]

    async def knock(self, meeting_uri: str, display_name: str = "") -> None:
        """Ask to come into a meeting, and remember the conversation it is."""
        body = {"onlineMeetingUri": meeting_uri, "operationId": f"{self.name} joins"}
        if display_name:
            body["anonymousDisplayName"] = display_name
        await self.post("joinOnlineMeeting", body, expect=201)
        added = await self.event("added", "conversation")
        self.conversation = added["link"]["href"]

    async def come_in(self) -> None:
        """Wait until one is inside, and take part in the messages."""
        await self.event("completed", "onlineMeetingInvitation", state="Connected")
        shown = await self.get(self.conversation)
        modality = await self.get(shown["_links"]["messaging"]["href"])
        await self.create(modality["_links"]["addMessaging"]["href"], {"operationId": "messages"})
        await self.messages()

    async def messages(self) -> dict[str, Any]:
        """The messaging modality once it has changed and is connected."""
        event = await self.event("updated", "messaging", state="Connected")
        self.messaging = event["_embedded"]["messaging"]["_links"]
        return self.messaging

    async def write(self, text: str) -> None:
        await self.post_text(self.messaging["sendMessage"]["href"], text)

    async def read(self) -> str:
        """The next message of somebody else."""
        event = await self.event("completed", "message", direction="Incoming")
        return text_of(event["_embedded"]["message"]["_links"]["plainMessage"]["href"])

    def participant(self, address: str) -> str:
        """Where somebody in the conference is, as this client sees it."""
        return f"{self.conversation}/participants/{address}"


class Guest(Attendee):
    """Somebody who has the join URL and no account."""

    async def open(self, join_url: str) -> dict[str, Any]:
        """What the join URL says to a client."""
        door: dict[str, Any] = await self._json("GET", join_url, expect=200)
        return door

    async def enter(self, door: dict[str, Any]) -> None:
        """From the join URL to a token and an application."""
        token_url = await self.challenged(door["_links"]["root"]["href"])
        form = {
            "grant_type": ANONYMOUS,
            "ms_rtc_conferenceuri": door["onlineMeetingUri"],
            "password": door["conferenceKey"],
        }
        await self.use_token(token_url, form)
        await self.create_application("mobility demo")


class MeetingScript(Script):
    """A meeting of four colleagues and a guest: scheduled, joined by link, locked, led, and over.

    Each step is said with the time it took.
    """

    more_users = ("dave",)

    async def run(self, sip_domain: str) -> None:
        """Play it.  Raises `DemoFailed` at the first step that goes wrong."""
        self._inside: list[Attendee] = []
        self._waiting = ""
        names = ("alice", "bob", "carol", "dave")
        people = [Attendee(self._http, self._clock, f"{name}@{sip_domain}") for name in names]
        alice, bob, carol, dave = people
        for person in people:
            await self._step(f"{person.name} signs in", self._sign_in(person))
        meeting = await self._step(
            "alice schedules a meeting that is open to everyone, with bob as a leader",
            self._schedule(alice, bob),
        )
        uri = meeting["onlineMeetingUri"]
        for person in (alice, bob, carol):
            await self._step(f"{person.name} joins", self._join(person, uri))
        gil = Guest(self._http, self._clock, f"gil@{sip_domain}")
        door = await self._step(
            "gil, who has no account, opens the join URL", gil.open(meeting["joinUrl"])
        )
        self._expect(door.get("subject") == "Review", "the join URL does not tell the subject")
        await self._step("gil joins as a guest", self._join_as_guest(gil, door))
        await self._step(
            "gil writes, and all read it", self._say_to_all(gil, "Hello from outside.")
        )
        await self._step("alice shares her screen, and all see whose it is", self._share(alice))
        await self._step("alice locks the meeting", self._lock(alice, meeting))
        await self._step("dave knocks and waits in the lobby", self._knock(dave, bob, uri))
        await self._step("bob admits dave", self._admit(bob, dave))
        await self._step(
            "alice writes, and dave reads that and nothing older",
            self._say_to_all(alice, "Welcome, dave."),
        )
        await self._step("bob makes carol a leader", self._promote(bob, carol))
        await self._step(
            "carol keeps the attendees from writing, gil among them", self._silence(carol, gil)
        )
        await self._step("bob sends gil away", self._eject(bob, gil))
        await self._step("alice ends the meeting for all", self._end(alice, meeting))
        for person in people:
            await self._step(f"{person.name} signs out", person.sign_out())

    async def _sign_in(self, person: Attendee) -> None:
        await person.sign_in(await person.discover(self._root_url), self._password)
        await person.create_application("mobility demo")
        person.listen()

    async def _schedule(self, alice: Attendee, bob: Attendee) -> dict[str, Any]:
        body = {"subject": "Review", "accessLevel": "Everyone", "leaders": [bob.uri]}
        meeting: dict[str, Any] = await alice.post("myOnlineMeetings", body, expect=201)
        self._say(f"             {meeting['joinUrl']}")
        return meeting

    async def _join(self, person: Attendee, uri: str) -> None:
        await person.knock(uri)
        await person.come_in()
        self._inside.append(person)

    async def _join_as_guest(self, gil: Guest, door: dict[str, Any]) -> None:
        await gil.enter(door)
        gil.listen()
        await gil.knock(door["onlineMeetingUri"], "Gil Gray")
        await gil.come_in()
        self._inside.append(gil)

    async def _say_to_all(self, writer: Attendee, text: str) -> None:
        await writer.write(text)
        for person in self._inside:
            if person is not writer:
                read = await person.read()
                self._expect(read == text, f"{person.name} did not get the message that was sent")
                self._say(f"             {person.name} reads: {read}")

    async def _share(self, alice: Attendee) -> None:
        screen = await alice.get(f"{alice.conversation}/applicationSharing")
        offer = {"mediaOffer": {"href": f"data:application/sdp,{quote(SCREEN)}"}}
        body = {"operationId": "screen", "_links": offer}
        await alice.create(screen["_links"]["mobility:startApplicationSharing"]["href"], body)
        others = [person for person in self._inside if person is not alice]
        for person in others:
            added = await person.event("added", "applicationSharer", within="applicationSharing")
            sharer = await person.get(added["link"]["href"])
            self._expect(sharer["uri"] == alice.uri, f"{person.name} sees somebody else share")
        screen = await alice.get(f"{alice.conversation}/applicationSharing")
        await alice.post_href(screen["_links"]["mobility:stopApplicationSharing"]["href"])
        for person in others:
            await person.event("deleted", "applicationSharer")

    async def _lock(self, alice: Attendee, meeting: dict[str, Any]) -> None:
        await alice.replace({**meeting, "accessLevel": "Locked"})
        for person in self._inside:
            changed = await person.event("updated", "onlineMeeting")
            shown = await person.get(changed["link"]["href"])
            self._expect(shown["accessLevel"] == "Locked", f"{person.name} sees no locked meeting")

    async def _knock(self, dave: Attendee, bob: Attendee, uri: str) -> None:
        await dave.knock(uri)
        await dave.event("updated", "conversation", state="InLobby")
        self._waiting = (await bob.event("added", "participant", within="lobby"))["link"]["href"]

    async def _admit(self, bob: Attendee, dave: Attendee) -> None:
        await self._act(bob, self._waiting, "admit")
        await dave.come_in()
        self._inside.append(dave)

    async def _promote(self, bob: Attendee, carol: Attendee) -> None:
        await self._act(bob, bob.participant(carol.address), "promote")
        await carol.event("updated", "localParticipant")
        shown = await carol.get(carol.conversation)
        self._expect("lobby" in shown["_links"], "carol leads and sees no lobby")

    async def _silence(self, carol: Attendee, gil: Guest) -> None:
        gil.forget("messaging")
        shown = await carol.get(carol.conversation)
        await carol.post_href(shown["_links"]["disableAudienceMessaging"]["href"])
        links = await gil.messages()
        self._expect("sendMessage" not in links, "gil may still write")

    async def _eject(self, bob: Attendee, gil: Guest) -> None:
        people = await bob.get(f"{bob.conversation}/participants")
        (href,) = [
            link["href"]
            for link in people["_links"]["participant"]
            if link.get("title") == "Gil Gray"
        ]
        await self._act(bob, href, "eject")
        await gil.event("deleted", "conversation")
        self._inside.remove(gil)
        await gil.sign_out()

    async def _end(self, alice: Attendee, meeting: dict[str, Any]) -> None:
        await alice.remove(meeting["_links"]["self"]["href"])
        for person in self._inside:
            await person.event("deleted", "conversation")

    async def _act(self, leader: Attendee, href: str, action: str) -> None:
        shown = await leader.get(href)
        self._expect(action in shown["_links"], f"{leader.name} cannot {action}")
        await leader.post_href(shown["_links"][action]["href"])

    @staticmethod
    def _expect(fact: bool, otherwise: str) -> None:
        if not fact:
            raise DemoFailed(otherwise)
