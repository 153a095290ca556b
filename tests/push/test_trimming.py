"""What is too large is cut where no reader sees a broken sign."""

import json
import unicodedata

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mobility.push.trimming import ELLIPSIS, boundaries, fit, shortened

FAMILY = "\U0001f469\u200d\U0001f469\u200d\U0001f467"
THUMB = "\U0001f44d\U0001f3fd"
FLAGS = "\U0001f1e9\U0001f1ea\U0001f1eb\U0001f1f7"
HANGUL = "\u1112\u1161\u11ab"


def build(title: str, body: str) -> bytes:
    return json.dumps({"title": title, "body": body}, ensure_ascii=False).encode(
        "utf-8", "surrogatepass"
    )


class BoundaryTests(SynchronousTestCase):
    def test_signs(self) -> None:
        """Joined, toned and combined signs, flags and syllables are never cut."""
        for sign in (FAMILY, THUMB, "e\u0301", "\u2764\ufe0f", HANGUL, "\r\n", "1\ufe0f\u20e3"):
            self.assertEqual(boundaries(f"a{sign}b"), [1, 1 + len(sign)], ascii(sign))

    def test_flags(self) -> None:
        """Two regional indicators are one flag, and four are two."""
        self.assertEqual(boundaries(FLAGS), [2])

    @given(st.text(max_size=60))
    def test_any_text(self, text: str) -> None:
        """No cut leaves a mark or a joiner at the beginning of the rest."""
        for end in boundaries(text):
            self.assertTrue(0 < end < len(text))
            self.assertNotIn(unicodedata.category(text[end]), ("Mn", "Me", "Mc"))
            self.assertNotEqual(text[end], "\u200d")


class ShortenedTests(SynchronousTestCase):
    def test_signs(self) -> None:
        """What is too long ends with an ellipsis after the last sign that fits whole."""
        for text, shown in (
            ("abc", "abc"),
            ("abcd", "ab" + ELLIPSIS),
            ("ab" + THUMB, "ab" + ELLIPSIS),
            ("a d", "a d"),
            ("a de", "a" + ELLIPSIS),
            (THUMB + THUMB, THUMB + ELLIPSIS),
            (FAMILY, ""),
        ):
            self.assertEqual(shortened(text, 3), shown, ascii(text))

    @given(st.text(max_size=60), st.integers(0, 40))
    def test_any_text(self, text: str, characters: int) -> None:
        """It never has more characters, and begins as the text did."""
        made = shortened(text, characters)
        self.assertLessEqual(len(made), characters)
        self.assertTrue(text.startswith(made.removesuffix(ELLIPSIS)))


class FitTests(SynchronousTestCase):
    @given(st.text(max_size=80), st.text(max_size=200), st.integers(40, 300))
    def test_size(self, title: str, body: str, limit: int) -> None:
        """The result fits whenever an empty one does, and is JSON whose texts begin as they did."""
        made = fit(build, title, body, limit)
        self.assertLessEqual(len(made), limit)
        found = json.loads(made.decode("utf-8", "surrogatepass"))
        for name, text in (("title", title), ("body", body)):
            if found[name] != text:
                self.assertTrue(text.startswith(found[name].removesuffix(ELLIPSIS)))

    def test_body_first(self) -> None:
        """The body gives way before the title, and the title before everything."""
        self.assertEqual(
            json.loads(fit(build, "Alice", "x" * 100, 60)),
            {"title": "Alice", "body": "x" * 27 + ELLIPSIS},
        )
        self.assertEqual(
            json.loads(fit(build, "t" * 100, "x" * 100, 60)),
            {"title": "t" * 32 + ELLIPSIS, "body": ""},
        )
        self.assertEqual(json.loads(fit(build, "Alice", "Hi", 25)), {"title": "", "body": ""})

    def test_whole(self) -> None:
        """What fits is left as it is."""
        self.assertEqual(fit(build, "a", FAMILY, 100), build("a", FAMILY))

    def test_emoji(self) -> None:
        """A body of emoji keeps whole ones only."""
        found = json.loads(fit(build, "", FAMILY * 10, 90))
        self.assertEqual(found["body"], FAMILY * (len(found["body"]) // len(FAMILY)) + ELLIPSIS)
