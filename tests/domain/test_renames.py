"""Another name of a user, in the conversations that it takes part in."""

import attrs
from twisted.internet.defer import Deferred
from twisted.trial.unittest import TestCase

from mobility.domain.applications import Endpoint
from mobility.domain.conferences import Join
from mobility.domain.facts import ParticipantChanged
from mobility.domain.records import Participant, User
from tests.domain.doubles import World, done, running, uri


class RenameTests(TestCase):
    def setUp(self) -> None:
        self.world = World("alice", "bob", "carol")
        self.alice, self.bob, self.carol = (
            self.world.sign_in(name) for name in ("alice", "bob", "carol")
        )

    def rename(self, name: str, to: str) -> Deferred[User]:
        def change(user: User) -> User:
            return attrs.evolve(user, name=to)

        return running(self.world.users.update(uri(name), change, self.world.now))

    def shown(self, endpoint: Endpoint) -> list[tuple[str, bool, str]]:
        """The updated participants that the application was told of: name, local, view."""
        return [
            (entry.fact.name, entry.fact.local, entry.fact.within)
            for entry in self.world.entries(endpoint)
            if isinstance(entry.fact, ParticipantChanged) and entry.fact.change == "updated"
        ]

    def conference(self, *endpoints: Endpoint) -> str:
        """A conference of these; its id."""
        now = self.world.now
        first, *others = endpoints
        invitation = done(running(self.world.conferences.join(first, "", Join(), now)))
        record = self.world.conversation(first, invitation.conversation_id).record
        for other in others:
            done(running(self.world.conferences.join(other, record.meeting_uri, Join(), now)))
        return invitation.conversation_id

    def test_two_parties(self) -> None:
        """Both sides of a conversation are told, and nobody else."""
        self.world.connected(self.alice, self.bob)
        done(self.rename("bob", "Robert"))
        self.assertEqual(self.shown(self.alice), [("Robert", False, "")])
        self.assertEqual(self.shown(self.bob), [("Robert", True, "")])
        self.assertEqual(self.shown(self.carol), [])

    def test_conference(self) -> None:
        """In a conference it is told in the view of the participant too, and kept."""
        self.conference(self.alice, self.bob)
        before = [len(self.shown(one)) for one in (self.alice, self.bob)]
        done(self.rename("bob", "Robert"))
        self.assertEqual(
            self.shown(self.alice)[before[0] :],
            [("Robert", False, ""), ("Robert", False, "leaders")],
        )
        self.assertEqual(
            self.shown(self.bob)[before[1] :], [("Robert", True, ""), ("Robert", False, "leaders")]
        )
        world = self.world.restarted()
        names = {one.name for one in world.stored(Participant)}
        self.assertEqual(names, {"Alice", "Robert"})

    def test_still_ringing(self) -> None:
        """Who is rung hears of the caller's new name; the caller does not see the callee yet."""
        done(self.world.call(self.alice, "bob"))
        done(self.rename("alice", "Alicia"))
        self.assertEqual(self.shown(self.bob), [("Alicia", False, "")])
        done(self.rename("bob", "Robert"))
        self.assertEqual(self.shown(self.alice), [("Alicia", True, "")])

    def test_same_name(self) -> None:
        """A change of anything else is told to nobody in conversations."""
        self.world.connected(self.alice, self.bob)
        done(running(self.world.users.update(uri("bob"), _promoted, self.world.now)))
        self.assertEqual(self.shown(self.alice), [])


def _promoted(user: User) -> User:
    return attrs.evolve(user, title="Director")
