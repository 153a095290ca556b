"""Facts survive the store."""

import attrs
from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import TestCase

from mobility.domain.facts import KINDS, ConversationSnapshot, Fact, decode, encode

TIMES = st.floats(0, 1e11)
VALUES = {
    "sent_at": TIMES,
    "conversation": st.builds(ConversationSnapshot, created_at=TIMES),
}
"""What the fields that hold times hold; the other fields hold anything of their type."""

FACTS = st.one_of(
    *(
        st.builds(
            kind, **{name: VALUES[name] for name in attrs.fields_dict(kind) if name in VALUES}
        )
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
