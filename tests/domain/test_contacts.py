"""Contact lists."""

from twisted.trial.unittest import TestCase

from mobility.errors import Refusal
from tests.domain.doubles import World, uri


class ContactsTests(TestCase):
    """Everybody has a default and a pinned group."""

    def setUp(self) -> None:
        self.world = World("alice", "bob", "carol")
        self.contacts = self.world.contacts

    def test_empty(self) -> None:
        """A new user has the two built-in groups and nobody in them."""
        entries = self.successResultOf(self.contacts.of(uri("alice")))
        self.assertEqual([group.kind for group in entries.groups], ["default", "pinned"])
        self.assertEqual({group.owner_uri for group in entries.groups}, {uri("alice")})
        self.assertEqual(entries.uris(), [])

    def test_add(self) -> None:
        """A contact is in its group, is there once, and is nobody else's."""
        for group_id, name in (("default", "carol"), ("pinned", "bob"), ("default", "bob")):
            self.successResultOf(self.contacts.add(uri("alice"), uri(name), group_id))
        entries = self.successResultOf(self.contacts.of(uri("alice")))
        self.assertEqual(entries.uris(), [uri("bob"), uri("carol")])
        self.assertEqual(entries.uris("pinned"), [uri("bob")])
        others = self.successResultOf(self.contacts.of(uri("bob")))
        self.assertEqual(others.uris(), [])

    def test_unknown_group(self) -> None:
        """A group that does not exist is 404, and nothing is stored."""
        failure = self.failureResultOf(self.contacts.add(uri("alice"), uri("bob"), "none"), Refusal)
        self.assertEqual(failure.value.code, "NotFound")
        entries = self.successResultOf(self.contacts.of(uri("alice")))
        self.assertEqual(entries.uris(), [])
