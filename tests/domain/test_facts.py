"""Facts survive the store."""

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import TestCase

from mobility.domain.facts import KINDS, Fact, decode, encode

FACTS = st.one_of(
    *(
        st.builds(kind).filter(lambda fact: "\ud800" not in repr(fact))
        for kind in KINDS.values()
    )
)


class FactTests(TestCase):
    """A stream gives back what was put into it."""

    @given(FACTS)
    def test_round_trip(self, fact: Fact) -> None:
        """Every kind of fact with any values comes back equal and of the same class."""
        back = decode(*encode(fact))
        self.assertEqual(back, fact)
        self.assertIs(type(back), type(fact))

    def test_foreign_kind(self) -> None:
        """A kind that is not known is a KeyError."""
        self.assertRaises(KeyError, decode, "Nonsense", "{}")
