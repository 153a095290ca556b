"""The pieces header fields are made of."""

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mobility.sip.grammar import (
    MAX_PARAMETERS,
    MAX_VALUES,
    Malformed,
    format_parameters,
    parse_parameters,
    quote,
    split_values,
    unquote,
)
from tests.sip.samples import QUOTED, TOKENS


class QuoteTests(SynchronousTestCase):
    @given(QUOTED)
    def test_round_trip(self, text: str) -> None:
        """Any text without line ends can be quoted and read back."""
        self.assertEqual(unquote(quote(text)), text)


class ListTests(SynchronousTestCase):
    @given(st.lists(st.one_of(TOKENS, QUOTED.map(quote), TOKENS.map("<{}>".format)), min_size=1))
    def test_round_trip(self, values: list[str]) -> None:
        """Commas within quotes and brackets part nothing."""
        self.assertEqual(split_values(" , ".join(values)), values)

    def test_wrong(self) -> None:
        """Empty values and what is open are refused, and more values than there may be."""
        for text in (",", "a,", "a,,b", '"a', "<a", "a,<b", ",".join("a" * (MAX_VALUES + 1))):
            with self.assertRaises(Malformed):
                split_values(text)
        self.assertEqual(len(split_values(",".join("a" * MAX_VALUES))), MAX_VALUES)


class ParameterTests(SynchronousTestCase):
    @given(
        st.dictionaries(
            TOKENS.map(str.lower), st.one_of(st.none(), TOKENS, QUOTED.map(quote)), max_size=8
        )
    )
    def test_round_trip(self, parameters: dict[str, str | None]) -> None:
        """Parameters are read as they were written."""
        self.assertEqual(parse_parameters(format_parameters(parameters)), parameters)

    def test_whitespace(self) -> None:
        """Whitespace may stand around every piece."""
        read = parse_parameters(' ; a = 1 ;\tB ; c = "x;y" ')
        self.assertEqual(read, {"a": "1", "b": None, "c": '"x;y"'})

    def test_wrong(self) -> None:
        """A parameter has a name, comes once, and there is a bound."""
        many = "".join(f";p{number}" for number in range(MAX_PARAMETERS + 1))
        for text in (";", ";;a", ";=1", ";a=1;A=2", "a", ';a="', ";a b", many):
            with self.assertRaises(Malformed):
                parse_parameters(text)
