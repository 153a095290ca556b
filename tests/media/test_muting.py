"""Descriptions of devices that somebody else has muted."""

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mobility.media.muting import heard, heard_offer, muted
from mobility.media.offers import read_description

DIRECTIONS = st.sampled_from(("sendrecv", "sendonly", "recvonly", "inactive"))
ANSWERS = {
    "sendrecv": ("sendrecv", "sendonly", "recvonly", "inactive"),
    "sendonly": ("recvonly", "inactive"),
    "recvonly": ("sendonly", "inactive"),
    "inactive": ("inactive",),
}
"""What may be answered to an offer (RFC 3264 section 6.1)."""


def sdp(*streams: str, session: str = "") -> str:
    """A description of audio, video and audio again, each with a direction, "" for none."""
    media = ("audio", "video", "audio")
    lines = [
        f"m={medium} {4000 + place} RTP/AVP 0\r\n" + (f"a={one}\r\n" if one else "")
        for place, (medium, one) in enumerate(zip(media, streams, strict=False))
    ]
    head = f"a={session}\r\n" if session else ""
    return (
        f"v=0\r\no=- 1 1 IN IP4 192.0.2.9\r\ns=-\r\nc=IN IP4 192.0.2.9\r\nt=0 0\r\n{head}"
        + "".join(lines)
    )


def directions(text: str) -> list[str]:
    """The directions of its streams, as SDP says them."""
    words = {
        "SendReceive": "sendrecv",
        "SendOnly": "sendonly",
        "ReceiveOnly": "recvonly",
        "Inactive": "inactive",
    }
    return [words[one.direction] for one in read_description(text).streams]


class MutingTests(SynchronousTestCase):
    """What a mixer is told, and what the device is told of its answer."""

    def test_muted(self) -> None:
        """A muted device receives alone; what it held stays held; other media stay."""
        for own, said in (
            ("", "recvonly"),
            ("sendrecv", "recvonly"),
            ("sendonly", "inactive"),
            ("recvonly", "recvonly"),
            ("inactive", "inactive"),
        ):
            self.assertEqual(
                directions(muted(sdp(own, "sendrecv"), ("Audio",))), [said, "sendrecv"]
            )

    def test_direction_of_the_session(self) -> None:
        """A direction that stands for the whole session is kept for what is not muted."""
        text = muted(sdp("", "", session="sendonly"), ("Audio",))
        self.assertEqual(directions(text), ["inactive", "sendonly"])

    def test_nothing_to_mute(self) -> None:
        """A description without such a stream, or no description, stays as it is, to the byte."""
        self.assertEqual(muted(sdp("sendrecv"), ("Video",)), sdp("sendrecv"))
        self.assertEqual(muted(sdp("sendrecv"), ()), sdp("sendrecv"))
        for text in ("", "nonsense"):
            self.assertEqual(muted(text, ("Audio",)), text)
            self.assertEqual(heard(text, sdp(""), ("Audio",)), text)
            self.assertEqual(heard_offer(text, ("Audio",)), text)

    @given(DIRECTIONS, st.data())
    def test_answer_fits(self, own: str, data: st.DataObject) -> None:
        """Whatever the mixer answers, the device gets an answer that fits what it has offered, and
        may send wherever it has offered to."""
        offer = sdp(own)
        (said,) = directions(muted(offer, ("Audio",)))
        answered = data.draw(st.sampled_from(ANSWERS[said]))
        (told,) = directions(heard(sdp(answered), offer, ("Audio",)))
        self.assertIn(told, ANSWERS[own])
        if own in ("sendrecv", "sendonly"):
            self.assertIn(told, ("sendrecv", "recvonly"))

    def test_offer_of_the_mixer(self) -> None:
        """What a mixer offers a muted device asks it to go on sending."""
        self.assertEqual(
            directions(heard_offer(sdp("sendonly", "sendonly"), ("Audio",))),
            ["sendrecv", "sendonly"],
        )
