"""Two who call one another become a conference, and the process dies at any step of it."""

from collections.abc import Awaitable, Callable

from twisted.internet.defer import Deferred
from twisted.trial.unittest import TestCase

from mobility.domain.applications import Endpoint
from mobility.domain.call_rows import Wanted
from mobility.domain.descriptions import AUDIO
from mobility.domain.ledger import Committed, Unit
from mobility.domain.records import Call, Conversation, Invitation, Leg
from mobility.domain.registration import Availability
from mobility.media.offers import read_description
from mobility.testing_mixer import MemoryMixer
from tests.descriptions import sdp
from tests.domain.doubles import MemoryLedger, World, done, running, uri
from tests.domain.test_calls import Answer
from tests.domain.test_escalation_machine import People
from tests.domain.wiring import conference_calls

STEPS = 40
"""More units than what is done here takes."""

FOLLOW_S = 60
"""Longer than who is to follow to the conference has."""


class Died(Exception):
    """The process is gone."""


class MortalLedger(MemoryLedger):
    """The process dies with the last of `left` units, which is stored yet, or is not."""

    left = STEPS
    stores_last = False

    def commit(self, unit: Unit) -> Deferred[Committed]:
        if self.left <= 0:
            raise Died
        self.left -= 1
        if self.left or self.stores_last:
            committed = super().commit(unit)
        if not self.left:
            raise Died
        return committed


class DeathTests(TestCase):
    def build(self, world: World) -> None:
        self.world = world
        self.mixer = MemoryMixer()
        self.calls = conference_calls(world, self.mixer)

    def of(self, name: str) -> Endpoint:
        (endpoint,) = self.world.applications.of_user(uri(name))
        return endpoint

    def wanted(self, to: str = "") -> Wanted:
        return Wanted(uri(to) if to else "", (AUDIO,), read_description(sdp("audio")), "s")

    def do(self, deed: Awaitable[object]) -> object:
        """Something, and all that follows from it at once."""
        result = done(running(deed))
        while actions := self.world.agenda.due(0.0):
            for action in actions:
                done(running(action(self.world.now)))
        return result

    def talk(self) -> str:
        """Alice and Bob talk; their conversation."""
        world = self.world
        for name in ("alice", "bob", "carol"):
            endpoint = self.world.sign_in(name, available=False)
            chosen = Availability(("Messaging", AUDIO))
            done(running(world.applications.make_available(endpoint, chosen, world.now)))
            endpoint.parked = 1
        calling = world.calls.start(self.of("alice"), self.wanted("bob"), world.now)
        invitation = done(running(calling))
        answer = Answer(read_description(sdp("audio")))
        self.do(world.calls.accept(self.of("bob"), invitation.id, answer, world.now))
        return invitation.conversation_id

    def go_over(self, conversation_id: str) -> None:
        """Both go over to a conference, one after the other."""
        for name in ("alice", "bob"):
            over = self.calls.escalate(
                self.of(name), conversation_id, self.wanted(), self.world.now
            )
            self.do(over)
            self.mixer.of(uri(name)).answers()
            self.do(_nothing())

    def ask_in(self, conversation_id: str) -> None:
        """Alice asks Carol in, who comes."""
        world, alice = self.world, self.of("alice")
        conferences = world.conferences
        asking = conferences.add_participant(alice, conversation_id, uri("carol"), "op", world.now)
        invitation = done(running(asking))
        self.do(_nothing())
        self.do(conferences.accept(self.of("carol"), invitation.id, world.now))

    def goes_on(self, conversation_id: str) -> None:
        """What was stored is whole, and can be gone on with, or is over for everybody."""
        world = self.world
        world.advance(FOLLOW_S)
        self.assertEqual(world.failures, [])
        people = People()
        people.world = world
        people.invitations_end_once()
        people.conversations_end_once()
        people.rosters_agree()
        people.memory_is_what_is_stored()
        self.assertFalse([one for one in world.stored(Invitation) if one.state == "Connecting"])
        conversation = world.conversations.get(conversation_id)
        assert conversation is not None
        names = {leg.user_uri for leg in conversation.legs.values()}
        self.assertLessEqual({uri("alice"), uri("bob")}, names)
        calls = {leg.call for leg in conversation.legs.values()}
        if conversation.is_conference:
            self.assertEqual(calls, {"Disconnected"})
            for name in ("alice", "bob"):
                self.do(self.calls.add(self.of(name), conversation_id, self.wanted(), world.now))
                self.mixer.of(uri(name)).answers()
                self.do(_nothing())
        else:
            self.assertEqual(calls, {"Connected"})
            self.go_over(conversation_id)
        conversation = world.conversations.get(conversation_id)
        assert conversation is not None
        talking = {leg.user_uri for leg in conversation.legs.values() if leg.call == "Connected"}
        self.assertEqual(talking, {uri("alice"), uri("bob")})
        for endpoint in list(world.applications):
            done(world.end(endpoint))
        self.assertEqual({one.state for one in world.stored(Conversation)}, {"Ended"})
        self.assertEqual([one for one in world.stored(Leg) if one.state == "Conferenced"], [])
        self.assertEqual({one.state for one in world.stored(Call)}, {"Ended"})

    def dies(self, deed: Callable[[str], None]) -> int:
        """Do it again and again, each time as far as one unit more; how many units it takes."""
        for step in range(1, STEPS):
            for stores_last in (False, True):
                ledger = MortalLedger()
                self.build(World("alice", "bob", "carol", ledger=ledger))
                conversation_id = self.talk()
                ledger.left, ledger.stores_last = step, stores_last
                try:
                    deed(conversation_id)
                except Died:
                    pass
                else:
                    return step
                self.build(self.world.restarted())
                self.goes_on(conversation_id)
        raise AssertionError("it does not end")

    def test_goes_over(self) -> None:
        """Both go over to the conference: the call is as it was, or can be begun there anew."""
        self.assertGreater(self.dies(self.go_over), 4)

    def test_third_one(self) -> None:
        """One asks a third one in: the call is as it was, or can be begun in the conference."""
        self.assertGreater(self.dies(self.ask_in), 2)


async def _nothing() -> None:
    """Only what follows from what was done before."""
