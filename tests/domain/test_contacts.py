"""Contact lists."""

from collections.abc import Awaitable

from twisted.trial.unittest import TestCase

from mobility.domain.applications import Endpoint
from mobility.domain.contacts import ContactList
from mobility.domain.records import Contact, Group, Receipt
from mobility.errors import Refusal, Unavailable
from tests.domain.doubles import START, World, running, uri

ALICE = uri("alice")


class ContactsTestCase(TestCase):
    """Alice, whose list is empty."""

    def setUp(self) -> None:
        self.world = World("alice", "bob", "carol")
        self.contacts = self.world.contacts

    def list_of(self, name: str) -> ContactList:
        return self.successResultOf(self.contacts.of(uri(name)))

    def add(self, name: str, group_id: str = "default") -> None:
        self.successResultOf(running(self.contacts.add(ALICE, uri(name), group_id)))

    def create(self, name: str) -> Group:
        return self.successResultOf(running(self.contacts.create_group(ALICE, name)))

    def refused(self, action: Awaitable[object], code: str, subcode: str | None) -> None:
        """`action` is refused so, and stores nothing."""
        before = len(self.world.ledger.units)
        refusal = self.failureResultOf(running(action), Refusal).value
        self.assertEqual((refusal.code, refusal.subcode), (code, subcode))
        self.assertEqual(len(self.world.ledger.units), before)


class MemberTests(ContactsTestCase):
    """Who is in which group."""

    def test_empty(self) -> None:
        """A new user has the two built-in groups and nobody in them."""
        entries = self.list_of("alice")
        self.assertEqual([group.kind for group in entries.groups], ["default", "pinned"])
        self.assertEqual({group.owner_uri for group in entries.groups}, {ALICE})
        self.assertEqual(entries.uris(), [])

    def test_add(self) -> None:
        """A contact is in its group, is there once, and is nobody else's."""
        for group_id, name in (("default", "carol"), ("pinned", "bob"), ("default", "bob")):
            self.add(name, group_id)
        entries = self.list_of("alice")
        self.assertEqual(entries.uris(), [uri("bob"), uri("carol")])
        self.assertEqual(entries.uris("pinned"), [uri("bob")])
        self.assertEqual(self.list_of("bob").uris(), [])

    def test_unknown_group(self) -> None:
        """A group that does not exist is 404, and nothing is stored."""
        add = self.contacts.add(ALICE, uri("bob"), "none")
        self.refused(add, "NotFound", "ResourceNotFound")

    def test_twice(self) -> None:
        """Who is in a group cannot be added to it again."""
        self.add("bob")
        self.refused(self.contacts.add(ALICE, uri("bob")), "Conflict", "AlreadyExists")

    def test_too_many(self) -> None:
        """The limit counts people, not entries: who is in the list may enter more groups."""
        for number in range(self.world.bounds.contacts):
            self.add(f"person{number}")
        add = self.contacts.add(ALICE, uri("bob"))
        self.refused(add, "Conflict", "LimitExceeded")
        self.add("person0", "pinned")
        remove = self.contacts.remove(ALICE, uri("person1"), "default")
        self.successResultOf(running(remove))
        self.add("bob")

    def test_remove(self) -> None:
        """Who is taken out of one group stays in the others; 404 for who is not in it."""
        self.add("bob")
        self.add("bob", "pinned")
        self.successResultOf(running(self.contacts.remove(ALICE, uri("bob"), "default")))
        self.assertEqual(self.list_of("alice").contacts, [Contact(ALICE, "pinned", uri("bob"))])
        again = self.contacts.remove(ALICE, uri("bob"), "default")
        self.refused(again, "NotFound", "ResourceNotFound")

    def test_remove_from_all(self) -> None:
        """A contact leaves all groups in one unit of work, and nobody else does."""
        for name, group_id in (("bob", "default"), ("bob", "pinned"), ("carol", "pinned")):
            self.add(name, group_id)
        before = len(self.world.ledger.units)
        self.successResultOf(running(self.contacts.remove_from_all(ALICE, uri("bob"))))
        self.assertEqual(len(self.world.ledger.units), before + 1)
        self.assertEqual(self.list_of("alice").uris(), [uri("carol")])
        again = self.contacts.remove_from_all(ALICE, uri("bob"))
        self.refused(again, "NotFound", "ResourceNotFound")

    def test_at_the_same_time(self) -> None:
        """Two changes of one list wait for one another, so that the limit holds."""
        for number in range(self.world.bounds.contacts - 1):
            self.add(f"person{number}")
        self.world.ledger.hold()
        first = running(self.contacts.add(ALICE, uri("bob")))
        second = running(self.contacts.add(ALICE, uri("carol")))
        self.world.ledger.release()
        self.successResultOf(first)
        self.assertEqual(self.failureResultOf(second, Refusal).value.subcode, "LimitExceeded")


class GroupTests(ContactsTestCase):
    """Groups of one's own."""

    def test_create(self) -> None:
        """A group has the name it was given and an id of its own, with the receipt beside it."""
        receipt = Receipt(ALICE, "key", "print", "", START)
        group = self.successResultOf(running(self.contacts.create_group(ALICE, "Sales", receipt)))
        self.assertEqual(self.list_of("alice").groups[2:], (group,))
        self.assertEqual((group.name, group.kind), ("Sales", "custom"))
        (stored,) = self.world.ledger.all(Receipt).values()
        self.assertEqual(stored.resource_id, group.id)

    def test_too_many(self) -> None:
        """The groups everybody has do not count to the limit; a name is there once."""
        for number in range(self.world.bounds.groups - 1):
            self.create(f"Group {number}")
        again = self.contacts.create_group(ALICE, "Group 0")
        self.refused(again, "Conflict", "AlreadyExists")
        self.create("Last")
        more = self.contacts.create_group(ALICE, "More")
        self.refused(more, "Conflict", "TooManyGroups")

    def test_rename(self) -> None:
        """A group is renamed by who knows it as it is, to a name that is free."""
        sales, support = self.create("Sales"), self.create("Support")
        renamed = self.successResultOf(running(self.contacts.rename_group(sales, "Shop")))
        self.assertEqual(self.list_of("alice").group(sales.id), renamed)
        self.assertEqual(renamed.name, "Shop")
        late = self.contacts.rename_group(sales, "Market")
        self.refused(late, "PreconditionFailed", None)
        taken = self.contacts.rename_group(renamed, support.name)
        self.refused(taken, "Conflict", "AlreadyExists")

    def test_same_name(self) -> None:
        """A name that is the group's already changes nothing."""
        sales = self.create("Sales")
        before = len(self.world.ledger.units)
        same = self.successResultOf(running(self.contacts.rename_group(sales, "Sales")))
        self.assertEqual((same, len(self.world.ledger.units)), (sales, before))

    def test_remove(self) -> None:
        """Members of a removed group who are in no other go to the default group."""
        sales = self.create("Sales")
        for name, group_id in (("bob", sales.id), ("carol", sales.id), ("carol", "pinned")):
            self.add(name, group_id)
        self.successResultOf(running(self.contacts.remove_group(ALICE, sales.id)))
        entries = self.list_of("alice")
        self.assertEqual([group.id for group in entries.groups], ["default", "pinned"])
        self.assertEqual(entries.uris("default"), [uri("bob")])
        self.assertEqual(entries.uris("pinned"), [uri("carol")])
        self.assertEqual(len(entries.contacts), 2)
        again = self.contacts.remove_group(ALICE, sales.id)
        self.refused(again, "NotFound", "ResourceNotFound")

    def test_builtin(self) -> None:
        """The groups everybody has can be neither renamed nor removed."""
        for group in self.list_of("alice").groups:
            rename = self.contacts.rename_group(group, "Mine")
            self.refused(rename, "Forbidden", "OperationNotSupported")
            remove = self.contacts.remove_group(ALICE, group.id)
            self.refused(remove, "Forbidden", "OperationNotSupported")


class ToldTests(ContactsTestCase):
    """Who hears of changes, and for how long."""

    def setUp(self) -> None:
        super().setUp()
        self.phone = self.world.sign_in("alice", "phone", available=False)
        self.tablet = self.world.sign_in("alice", "tablet", available=False)

    def start(self, endpoint: Endpoint, minutes: int = 10) -> None:
        subscriptions = self.world.contact_subscriptions
        start = subscriptions.start(endpoint, minutes, self.world.now)
        self.successResultOf(running(start))

    def state(self, endpoint: Endpoint) -> str:
        return self.world.contact_subscriptions.state(endpoint)

    def test_changes(self) -> None:
        """An application that subscribed hears of every change in order, another of none."""
        self.start(self.phone)
        sales = self.create("Sales")
        self.add("bob", sales.id)
        renamed = self.successResultOf(running(self.contacts.rename_group(sales, "Shop")))
        self.successResultOf(running(self.contacts.remove_group(ALICE, renamed.id)))
        self.successResultOf(running(self.contacts.remove(ALICE, uri("bob"), "default")))
        self.assertEqual(
            self.world.told(self.phone),
            [
                f"group {sales.id} added",
                f"contact bob in {sales.id} added",
                "contact bob in the list added",
                f"group {sales.id} updated",
                "contact bob in default added",
                f"group {sales.id} deleted",
                "contact bob in default deleted",
                "contact bob in the list deleted",
            ],
        )
        self.assertEqual(self.world.told(self.tablet), [])

    def test_expiry(self) -> None:
        """A subscription is warned of a minute before its end, and its end is told."""
        self.start(self.phone)
        self.world.advance(539)
        self.assertEqual(self.world.told(self.phone), [])
        self.world.advance(1)
        self.assertEqual(self.world.told(self.phone), ["contact subscription Connected"])
        self.world.advance(59)
        self.assertEqual(self.state(self.phone), "Connected")
        self.world.advance(1)
        self.assertEqual(self.state(self.phone), "Disconnected")
        self.assertEqual(self.world.told(self.phone), ["contact subscription Disconnected"])
        self.add("bob")
        self.assertEqual(self.world.told(self.phone), [])

    def test_refresh(self) -> None:
        """A refresh adds to the time that is left, up to 60 minutes from now."""
        self.phone.uses_events = True
        self.start(self.phone, 40)
        self.start(self.phone, 40)
        self.world.advance(3_539)
        self.assertEqual(self.world.told(self.phone), [])
        self.world.advance(1)
        self.assertEqual(self.world.told(self.phone), ["contact subscription Connected"])

    def test_refresh_after_the_warning(self) -> None:
        """A subscription that is refreshed in its last minute goes on."""
        self.start(self.phone)
        self.world.advance(570)
        self.start(self.phone)
        self.world.advance(60)
        self.assertEqual(self.state(self.phone), "Connected")
        self.assertEqual(self.world.told(self.phone), ["contact subscription Connected"])

    def test_stop(self) -> None:
        """A subscription that is stopped ends without a word; there is then none to stop."""
        self.start(self.phone)
        self.successResultOf(running(self.world.contact_subscriptions.stop(self.phone)))
        self.add("bob")
        self.world.advance(601)
        self.assertEqual(self.world.told(self.phone), [])
        self.refused(self.world.contact_subscriptions.stop(self.phone), "Conflict", None)

    def test_stop_as_it_ends(self) -> None:
        """A subscription that is stopped when its time has just come does not end twice."""
        self.start(self.phone)
        self.world.advance(599)
        self.world.told(self.phone)
        due = self.world.agenda.due(self.world.now + 1)
        self.assertEqual(len(due), 1)
        self.successResultOf(running(self.world.contact_subscriptions.stop(self.phone)))
        for action in due:
            self.successResultOf(running(action(self.world.now + 1)))
        self.assertEqual(self.world.told(self.phone), [])

    def test_end_of_the_application(self) -> None:
        """The subscription ends with its application, and leaves no appointment behind."""
        self.start(self.phone)
        for endpoint in (self.phone, self.tablet):
            self.successResultOf(self.world.end(endpoint))
        self.assertEqual(len(self.world.agenda), 0)
        self.assertEqual(self.state(self.phone), "Disconnected")
        self.add("bob")
        start = self.world.contact_subscriptions.start(self.phone, 10, self.world.now)
        self.refused(start, "NotFound", "ApplicationNotFound")

    def test_full_store(self) -> None:
        """While the store takes nothing the end is not told, and is told once it does."""
        self.start(self.phone)
        self.world.advance(599)
        self.world.told(self.phone)
        self.world.ledger.failing = True
        self.world.advance(2)
        self.world.ledger.failing = False
        self.world.advance(6)
        self.assertEqual(self.world.told(self.phone), ["contact subscription Disconnected"])
        self.assertEqual([one.type for one in self.world.failures], [Unavailable])

    def test_restart(self) -> None:
        """A subscription outlives a restart; its application is told what is stored, and no other
        application is."""
        self.start(self.phone)
        world = self.world = self.world.restarted()
        self.contacts = world.contacts
        phone, tablet = world.applications.of_user(ALICE)
        self.world.ledger.failing = True
        self.failureResultOf(running(self.contacts.add(ALICE, uri("bob"))), Unavailable)
        self.world.ledger.failing = False
        self.add("bob")
        self.add("carol")
        self.assertEqual(world.told(tablet), [])
        self.assertEqual(
            world.told(phone),
            [
                "contact bob in default added",
                "contact bob in the list added",
                "contact carol in default added",
                "contact carol in the list added",
            ],
        )

    def test_stop_after_restart(self) -> None:
        """A subscription of before a restart can be stopped after it, and then tells nothing."""
        self.start(self.phone)
        world = self.world = self.world.restarted()
        phone = world.same(self.phone)
        self.successResultOf(running(world.contact_subscriptions.stop(phone)))
        self.successResultOf(running(world.contacts.add(ALICE, uri("bob"))))
        self.assertEqual(world.told(phone), [])
