"""What is refused to who comes into a meeting that is full, or asks somebody into one."""

from mobility.config import MeetingsConfig
from mobility.testing import MemoryResponse
from tests.ucwa.service import Client, UcwaTestCase, uri

JOIN = "communication/onlineMeetingInvitations"


class LimitTests(UcwaTestCase):
    """A meeting of Alice's that has room for her and one more, and for one in its lobby."""

    meetings = MeetingsConfig(size=2, lobby_size=1)

    async def setUp(self) -> None:  # type: ignore[override]  # trial awaits it
        await super().setUp()
        self.alice, self.bob, self.carol = [
            await self.service.sign_in(name) for name in ("alice", "bob", "carol")
        ]

    async def begin(self, access: str) -> None:
        body = {"accessLevel": access}
        made = await self.alice.post("onlineMeetings/myOnlineMeetings", body)
        self.meeting = made.json()["onlineMeetingUri"]
        self.accepted(await self.join(self.alice), 201)
        self.accepted(await self.join(self.bob), 201)

    async def join(self, client: Client) -> MemoryResponse:
        return await client.post(JOIN, {"onlineMeetingUri": self.meeting})

    async def test_full(self) -> None:
        """A third one is refused with 409 TooManyParticipants, and comes in once one has left."""
        await self.begin("SameEnterprise")
        self.refused(await self.join(self.carol), 409, "Conflict", "TooManyParticipants")
        shown = await self.bob.document("communication/conversations")
        (own,) = shown["_links"]["conversation"]
        self.accepted(await self.bob.delete(own["href"]), 204)
        self.accepted(await self.join(self.carol), 201)

    async def test_asked(self) -> None:
        """Nobody is asked into a meeting that is full."""
        await self.begin("SameEnterprise")
        shown = await self.alice.document("communication/conversations")
        (own,) = shown["_links"]["conversation"]
        conversation = await self.alice.document(own["href"])
        asking = conversation["_links"]["addParticipant"]["href"]
        response = await self.alice.post(asking, {"to": uri("carol")})
        self.refused(response, 409, "Conflict", "TooManyParticipants")

    async def test_lobby(self) -> None:
        """A second one in the lobby is refused with 409 TooManyLobbyParticipants."""
        await self.begin("Locked")
        self.refused(await self.join(self.carol), 409, "Conflict", "TooManyLobbyParticipants")
