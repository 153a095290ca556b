"""Offers that are put into the places of another session's streams."""

from hypothesis import given
from hypothesis.strategies import booleans, lists, sampled_from, tuples
from twisted.trial.unittest import SynchronousTestCase

from mobility.media.layout import laid_out, picked
from mobility.media.offers import read_description
from mobility.media.sdp import parse

STREAMS = lists(tuples(sampled_from(("audio", "video")), booleans()), min_size=1, max_size=4)


def described(name: str, streams: list[tuple[str, bool]], more: str = "") -> str:
    """A description; each stream has its medium and whether it is open."""
    lines = [
        f"m={medium} {4000 + 2 * at if is_open else 0} RTP/AVP {at}\r\n"
        for at, (medium, is_open) in enumerate(streams)
    ]
    head = f"v=0\r\no={name} 1 1 IN IP4 192.0.2.9\r\ns=-\r\nc=IN IP4 192.0.2.9\r\nt=0 0\r\n"
    return head + more + "".join(lines)


def media(description: str) -> list[tuple[str, int]]:
    return [(one.medium, one.port) for one in parse(description).media]


class LayoutTests(SynchronousTestCase):
    def test_alike(self) -> None:
        """An offer that can follow is left as it is, whatever it has besides."""
        for layout, offer in (
            ([("audio", True)], [("audio", True)]),
            ([("audio", True)], [("audio", True), ("video", True)]),
            ([("video", False)], [("audio", True)]),
        ):
            text = described("new", offer, "a=group:BUNDLE a v\r\n")
            self.assertEqual(laid_out(described("old", layout), text), (text, ()))
        self.assertEqual(laid_out("nothing", text), (text, ()))
        self.assertEqual(picked(text, ()), text)

    def test_fewer(self) -> None:
        """Streams that the offer does not have are ended, and the answer is to the offer's."""
        layout = described("old", [("audio", True), ("video", True)])
        made, places = laid_out(layout, described("new", [("audio", True)], "a=group:BUNDLE a\r\n"))
        self.assertEqual(media(made), [("audio", 4000), ("video", 0)])
        self.assertNotIn("a=group", made)
        answer = picked(described("old", [("audio", True), ("video", False)]), places)
        self.assertEqual(media(answer), [("audio", 4000)])

    def test_other_order(self) -> None:
        """Streams are put where those of their media are."""
        layout = described("old", [("audio", True), ("video", True)])
        made, places = laid_out(layout, described("new", [("video", True), ("audio", True)]))
        self.assertEqual(media(made), [("audio", 4002), ("video", 4000)])
        self.assertEqual(media(picked(made, places)), [("video", 4000), ("audio", 4002)])

    def test_unreadable_answer(self) -> None:
        """An answer that does not fit is for who takes it to refuse."""
        self.assertEqual(picked("nothing", (1, 0)), "nothing")
        short = described("old", [("audio", True)])
        self.assertEqual(picked(short, (1, 0)), short)

    @given(STREAMS, STREAMS)
    def test_any(self, before: list[tuple[str, bool]], offered: list[tuple[str, bool]]) -> None:
        """Whatever is laid out can follow, offers no more and no less than the offer, and gives it
        back."""
        layout, offer = described("old", before), described("new", offered)
        made, places = laid_out(layout, offer)
        read_description(made).must_follow(read_description(layout).streams)
        self.assertEqual(
            sorted(one for one in media(made) if one[1]),
            sorted(one for one in media(offer) if one[1]),
        )
        self.assertEqual(media(picked(made, places)), media(offer))
