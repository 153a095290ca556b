"""Patterns and translations that administrators write."""

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mobility.domain.number_patterns import (
    MAX_PATTERN,
    MAX_TRANSLATION,
    WrongPattern,
    check_translation,
    number_pattern,
)


def translated(pattern: str, translation: str, number: str) -> str | None:
    found = number_pattern(pattern)
    check_translation(found, translation)
    return found.translated(number, translation)


class PatternTests(SynchronousTestCase):
    """What is found."""

    def test_anchors(self) -> None:
        """A pattern is found anywhere unless it is anchored."""
        self.assertTrue(number_pattern("[0-9]{10}").found_in("+14255550100"))
        self.assertFalse(number_pattern("^[0-9]{10}$").found_in("+14255550100"))

    def test_ascii(self) -> None:
        """A digit is one of the ten of ASCII."""
        self.assertFalse(number_pattern(r"\d").found_in("\u0663"))

    def test_wrong(self) -> None:
        """What RE2 does not know, and what is too long, empty or not ASCII, is refused with why."""
        for text, why in (
            ("", "must not be empty"),
            ("1" * (MAX_PATTERN + 1), "at most"),
            ("é", "ASCII"),
            ("(", "missing"),
            ("^(?!9)", "invalid perl operator"),
            (r"(1)\1", "invalid escape"),
            ("(?>1)", "invalid perl operator"),
            ("1{1000}{1000}", "repetition"),
            (r"((\d{90}){10}){10}", "repetition"),
        ):
            with self.subTest(text=text):
                error = self.assertRaises(WrongPattern, number_pattern, text)
                self.assertIn(why, str(error))

    def test_nested_repeats(self) -> None:
        """A pattern that would keep a backtracking engine busy for years says no at once."""
        self.assertFalse(number_pattern(r"^((1+)+)+$").found_in("1" * 63 + "2"))

    @given(st.text(st.sampled_from("^$()[]{}?*+|\\.d19,<>!=:n"), max_size=40), st.text())
    def test_anything(self, text: str, number: str) -> None:
        """Whatever is written is a pattern or refused; whatever is dialled is found or not."""
        try:
            pattern = number_pattern(text)
        except WrongPattern:
            return
        self.assertIn(pattern.found_in(number), (True, False))


class TranslationTests(SynchronousTestCase):
    """What references stand for, as in .NET."""

    def test_references(self) -> None:
        """Numbers, braces, names, the whole match and a dollar."""
        for pattern, translation, result in (
            (r"^(\d{7})$", "+1425$1", "+14255551234"),
            (r"^(\d{3})(\d{4})$", "+${2}0$1", "+12340555"),
            (r"^(?<local>\d{7})$", "+1${local}", "+15551234"),
            (r"^5", "$0-$&", "5-5"),
            (r"^5", "$$5", "$5"),
            (r"^(9)?(\d+)$", "$1+$2", "+5551234"),
            (r"(\d)(\d)(\d)(\d)(\d)(\d)(\d)()()()(1?)", "$11", ""),
        ):
            with self.subTest(translation=translation):
                self.assertEqual(translated(pattern, translation, "5551234"), result)

    def test_no_match(self) -> None:
        """Without a match there is no translation."""
        self.assertIsNone(translated(r"^(\d{7})$", "$1", "123"))

    def test_wrong(self) -> None:
        """A reference to what is not there is refused when it is written."""
        for translation, why in (
            ("", "empty"),
            ("1" * (MAX_TRANSLATION + 1), "at most"),
            ("$2", "group 2"),
            ("$11", "${1}1"),
            ("${x}", "'x'"),
            ("${1", "without its }"),
            ("1$", "refers to nothing"),
            ("$x", "refers to nothing"),
            ("$" + "9" * 100, "group 9"),
        ):
            with self.subTest(translation=translation):
                error = self.assertRaises(
                    WrongPattern, check_translation, number_pattern(r"^(\d+)$"), translation
                )
                self.assertIn(why, str(error))
