"""URIs that lead to one phone: how they are written, and what they lead to."""

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mobility.domain.agenda import Agenda
from mobility.domain.bindings import Bindings, Registering
from mobility.domain.records import Binding, User
from mobility.domain.users import Users
from mobility.sip.gruu import HANDLE_BYTES, PREFIX, Gruus, Seal, new_handle, plain_instance
from mobility.sip.refusal import SipRefusal
from mobility.sip.uri import parse_sip_uri, parse_uri
from tests.domain.doubles import MemoryLedger, done, running, uri

HANDLES = st.binary(min_size=HANDLE_BYTES, max_size=HANDLE_BYTES).map(bytes.hex)
INSTANCES = st.text(
    st.characters(min_codepoint=32, exclude_categories=("Cs",)), min_size=1, max_size=60
)


class Counter:
    """Entropy of which no two pieces are the same."""

    def __init__(self) -> None:
        self.count = 0

    def __call__(self, size: int) -> bytes:
        self.count += 1
        return self.count.to_bytes(size, "big")


class SealTests(SynchronousTestCase):
    @given(HANDLES)
    def test_round_trip(self, handle: str) -> None:
        """What is sealed can be read again, in whatever case it comes back, and differs each
        time."""
        seal = Seal(b"secret", Counter())
        one, two = seal.seal(handle), seal.seal(handle)
        self.assertNotEqual(one, two)
        self.assertEqual({seal.open(one), seal.open(two), seal.open(one.upper())}, {handle})

    @given(HANDLES, st.data())
    def test_unforgeable(self, handle: str, data: st.DataObject) -> None:
        """One letter that is another leads nowhere, and so does what another system has sealed."""
        seal = Seal(b"secret", Counter())
        user = seal.seal(handle)
        at = data.draw(st.integers(0, len(user) - 1))
        letters = st.sampled_from("abcdefghijklmnopqrstuvwxyz234567.-")
        letter = data.draw(letters.filter(lambda one: one != user[at]))
        self.assertEqual(seal.open(user[:at] + letter + user[at + 1 :]), "")
        self.assertEqual(Seal(b"other", Counter()).open(user), "")

    @given(st.text(max_size=80))
    def test_anything(self, text: str) -> None:
        """Any other text is refused without an error."""
        seal = Seal(b"secret", Counter())
        self.assertEqual(seal.open(text), "")
        self.assertEqual(seal.open(PREFIX + text), "")


class GruuTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.now = 1_000.0
        ledger = MemoryLedger()
        self.bindings = Bindings(ledger, Agenda())
        self.gruus = Gruus(
            Users(ledger, [User(uri(name), name) for name in ("alice", "bob")]),
            self.bindings,
            ["example.test"],
            b"secret",
            Counter(),
            lambda: self.now,
        )

    def bind(
        self, instance: str, handle: str = "", *, key: str = "1", contact: str = "sip:a@192.0.2.7"
    ) -> Binding:
        binding = Binding(
            uri("alice"), key, contact, "c", 1, self.now, self.now + 60, instance, handle=handle
        )
        saved = lambda live: Registering([binding])  # noqa: E731
        done(running(self.bindings.register(uri("alice"), saved, self.now)))
        return binding

    def refused(self, text: str) -> int:
        with self.assertRaises(SipRefusal) as refusal:
            self.gruus.find(parse_uri(text))
        return refusal.exception.status

    @given(INSTANCES)
    def test_any_instance(self, instance: str) -> None:
        """Whatever a phone says it is, its public GRUU is a URI that leads to it."""
        self.setUp()
        binding = self.bind(instance)
        public, temporary = self.gruus.of(binding)
        self.assertEqual(temporary, "")
        if not plain_instance(instance):
            self.assertEqual(public, "")
            return
        found = self.gruus.find(parse_uri(public))
        assert found is not None
        self.assertEqual(self.gruus.bindings_of(found), [binding])

    def test_public(self) -> None:
        """A public GRUU is the address with the instance; UUIDs have no case."""
        self.bind("<urn:uuid:00000000-0000>")
        binding = self.bind("<urn:uuid:F81D4FAE-7DEC>", key="2")
        (public, _) = self.gruus.of(binding)
        self.assertEqual(public, "sip:alice@example.test;gr=urn:uuid:F81D4FAE-7DEC")
        found = self.gruus.find(parse_uri(public.lower().replace("urn:uuid", "URN%3auuid")))
        assert found is not None
        self.assertEqual(self.gruus.bindings_of(found), [binding])

    def test_temporary(self) -> None:
        """Temporary GRUUs name neither user nor phone, are all different, and lead to it."""
        binding = self.bind("<urn:uuid:1>", new_handle())
        given = {self.gruus.of(binding)[1] for _ in range(10)}
        self.assertEqual(len(given), 10)
        for one in given:
            self.assertNotIn("alice", one)
            self.assertTrue(one.endswith("@example.test;gr"), one)
            found = self.gruus.find(parse_uri(one))
            assert found is not None
            self.assertEqual(self.gruus.bindings_of(found), [binding])

    def test_over(self) -> None:
        """A temporary GRUU is over with the registration, or when that has another handle."""
        first = self.gruus.of(self.bind("<urn:uuid:1>", new_handle()))[1]
        self.bind("<urn:uuid:1>", new_handle())
        self.assertEqual(self.refused(first), 404)
        second = self.gruus.of(self.bind("<urn:uuid:1>", new_handle()))[1]
        self.now += 60
        self.assertEqual(self.refused(second), 404)

    def test_two_flows(self) -> None:
        """A temporary GRUU lasts while one of the phone's flows does."""
        handle = new_handle()
        one = self.bind("<urn:uuid:1>", handle)
        two = self.bind("<urn:uuid:1>", handle, key="2", contact="sip:a@192.0.2.8")
        temporary = parse_uri(self.gruus.of(one)[1])
        for gone, left in ((one, [two]), (two, [])):
            removing = Registering(removed=[gone.id])
            done(running(self.bindings.register(uri("alice"), lambda _: removing, self.now)))  # noqa: B023
            if left:
                found = self.gruus.find(temporary)
                assert found is not None
                self.assertEqual(self.gruus.bindings_of(found), left)
        self.assertEqual(self.refused(str(temporary)), 404)

    def test_secure(self) -> None:
        """A phone with a SIPS contact has SIPS GRUUs."""
        binding = self.bind("<urn:uuid:1>", new_handle(), contact="sips:a@192.0.2.7")
        for one in self.gruus.of(binding):
            self.assertEqual(parse_sip_uri(one).scheme, "sips")

    def test_not_there(self) -> None:
        """Strangers and what cannot be read are 404, a phone that is not registered is 480."""
        self.bind("<urn:uuid:1>", new_handle())
        self.assertEqual(self.refused("sip:dave@example.test;gr=urn:uuid:1"), 404)
        self.assertEqual(self.refused("sip:alice@example.test;gr"), 404)
        self.assertEqual(self.refused("sip:tgruu.x@example.test;gr"), 404)
        self.assertEqual(self.refused("sip:alice@example.test;gr=urn:uuid:2"), 480)
        self.assertEqual(self.refused("sip:bob@example.test;gr=urn:uuid:1"), 480)

    def test_others(self) -> None:
        """Addresses, meetings, numbers and GRUUs of other domains are none of ours."""
        for text in (
            "sip:alice@example.test",
            "sip:alice@example.test;gruu;opaque=app:conf:focus:id:ABC",
            "sip:alice@elsewhere.test;gr=urn:uuid:1",
            "tel:+14255550100",
        ):
            self.assertIsNone(self.gruus.find(parse_uri(text)), text)
