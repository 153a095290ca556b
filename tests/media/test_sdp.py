"""SDP text to records and back, and what is refused."""

from itertools import chain

import attrs
from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mobility.domain.descriptions import Stream
from mobility.errors import PeerFault
from mobility.media import sdp
from mobility.media.offers import read_description
from mobility.media.sdp import Attribute, Connection, Line, Media, Origin, SdpError, Session

OFFER = "\r\n".join(
    (
        "v=0",
        "o=- 4611731400430051336 2 IN IP4 198.51.100.7",
        "s=session",
        "c=IN IP4 198.51.100.7",
        "b=CT:99980",
        "t=0 0",
        "a=x-devicecaps:audio:send,recv;video:send,recv",
        "m=audio 50012 RTP/SAVP 104 9 0 101",
        "a=ice-ufrag:eQyG",
        "a=ice-pwd:tI6kqSzVMUY4ckkFVJPTyScC",
        "a=candidate:1 1 UDP 2130706431 198.51.100.7 50012 typ host",
        "a=crypto:2 AES_CM_128_HMAC_SHA1_80 inline:WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz|2^31",
        "a=rtpmap:104 SILK/16000",
        "a=sendonly",
        "m=video 0 RTP/SAVP 122",
        "a=rtpmap:122 X-H264UC/90000",
        "",
    )
)
"""A description as a client of Skype for Business makes one."""

TOKENS = st.text(st.sampled_from("!#$%&'*+-.0123456789ABCXYZ^_`abcxyz{|}~"), min_size=1, max_size=8)
WORDS = st.text(st.characters(min_codepoint=33, max_codepoint=0x2FF), min_size=1, max_size=8)
TEXTS = st.text(
    st.characters(min_codepoint=32, exclude_characters="\r\n\0", exclude_categories=["Cs"]),
    max_size=20,
)
NUMBERS = st.integers(0, 10**19).map(str)
CONNECTIONS = st.builds(Connection, WORDS, WORDS, WORDS)
ATTRIBUTES = st.lists(st.builds(Attribute, TOKENS, st.none() | TEXTS), max_size=4).map(tuple)
BANDWIDTHS = st.lists(st.builds(Line, st.just("b"), TEXTS), max_size=2)


def lines_of(once: str, before: str = "") -> st.SearchStrategy[tuple[Line, ...]]:
    """Lines of these letters, each at most once, in their order, with bandwidths between."""

    def lines(letters: str) -> st.SearchStrategy[list[Line]]:
        return st.lists(st.sampled_from(letters), unique=True).flatmap(
            lambda chosen: st.tuples(
                *(
                    st.builds(Line, st.just(letter), TEXTS)
                    for letter in sorted(chosen, key=letters.index)
                )
            ).map(list)
        )

    first = lines(before) if before else st.just([])
    return st.tuples(first, BANDWIDTHS, lines(once)).map(lambda parts: tuple(chain(*parts)))


MEDIA = st.builds(
    Media,
    TOKENS,
    st.integers(0, 65535),
    TOKENS,
    st.lists(TOKENS, min_size=1, max_size=4).map(tuple),
    st.integers(1, 99),
    CONNECTIONS,
    lines_of("k", "i"),
    ATTRIBUTES,
)
SESSIONS = st.builds(
    Session,
    st.builds(Origin, WORDS, NUMBERS, NUMBERS, WORDS, WORDS, WORDS),
    TEXTS,
    st.none() | CONNECTIONS,
    lines_of("zk", "iuep"),
    st.lists(st.builds(Line, st.sampled_from("tr"), TEXTS), max_size=3).map(
        lambda more: (Line("t", "0 0"), *more)
    ),
    ATTRIBUTES,
    st.lists(MEDIA, max_size=4).map(tuple),
)


class ParseTests(SynchronousTestCase):
    def test_offer(self) -> None:
        """A client's description is read, kept and written as it came."""
        session = sdp.parse(OFFER)
        audio, video = session.media
        self.assertEqual(
            (audio.medium, audio.port, audio.protocol, audio.formats),
            ("audio", 50012, "RTP/SAVP", ("104", "9", "0", "101")),
        )
        self.assertEqual(sdp.attribute(audio.attributes, "ice-ufrag"), "eQyG")
        self.assertEqual(sdp.attribute(audio.attributes, "sendonly"), "")
        self.assertIsNone(sdp.attribute(video.attributes, "sendonly"))
        self.assertEqual(sdp.serialise(session), OFFER)

    def test_line_feeds(self) -> None:
        """Lines may end with LF alone, and the last one with nothing."""
        self.assertEqual(sdp.parse(OFFER.replace("\r\n", "\n").rstrip()), sdp.parse(OFFER))

    @given(SESSIONS)
    def test_round_trip(self, session: Session) -> None:
        """What is written is read back equal."""
        self.assertEqual(sdp.parse(sdp.serialise(session)), session)

    @given(st.text() | st.lists(st.sampled_from(OFFER.split("\r\n"))).map("\n".join))
    def test_hostile(self, text: str) -> None:
        """Whatever comes is read or refused with a reason."""
        try:
            sdp.parse(text)
        except SdpError as error:
            self.assertTrue(str(error))

    def test_refused(self) -> None:
        """Each rule has its reason."""
        head = "v=0\no=- 1 1 IN IP4 1.2.3.4\ns=-\n"
        for text, reason in (
            ("", "is none of SDP"),
            (head, "no time"),
            ("v=1" + OFFER[3:], "v=0"),
            (OFFER.replace("o=-", "o=- -"), "o= line"),
            (OFFER.replace("c=IN IP4 198.51.100.7", "c=IN"), "c= line"),
            (OFFER.replace("c=IN IP4 198.51.100.7\r\n", ""), "without a connection"),
            (OFFER.replace("s=session", "s=session\r\ns=again"), "twice"),
            (OFFER.replace("t=0 0", "a=early\r\nt=0 0"), "wrong order"),
            (OFFER.replace("t=0 0", "x=1\r\nt=0 0"), "unknown kind"),
            (OFFER.replace("50012 RTP", "65536 RTP"), "wrong port"),
            (OFFER.replace("RTP/SAVP 104", "RTP,SAVP 104"), "wrong protocol"),
            (OFFER.replace(" 104 9 0 101", ""), "port, protocol and format"),
            (OFFER.replace("a=ice-ufrag", "a= "), "without a name"),
            (OFFER + "a=x:" + "y" * sdp.MAX_LINE, "longer than"),
            (OFFER + "a=x\r\n" * sdp.MAX_LINES, "lines"),
            (OFFER + "m=audio 0 RTP/AVP 0\r\n" * sdp.MAX_MEDIA, "media streams"),
            (OFFER + "x" * sdp.MAX_BYTES, "bytes"),
            (OFFER + "a=\0", "control"),
        ):
            with self.assertRaises(SdpError) as raised:
                sdp.parse(text)
            self.assertIn(reason, str(raised.exception))

    def test_bound_is_octets(self) -> None:
        """The size of a description counts UTF-8 octets."""
        long = OFFER + "a=x:" + "€" * (sdp.MAX_BYTES // 3)
        self.assertRaises(SdpError, sdp.parse, long)


class DescriptionTests(SynchronousTestCase):
    def test_streams(self) -> None:
        """The streams with their directions; port 0 is a stream that is not open."""
        description = read_description(OFFER)
        self.assertEqual(
            description.streams,
            (
                Stream("Audio", "RTP/SAVP", "SendOnly"),
                Stream("Video", "RTP/SAVP", open=False),
            ),
        )
        self.assertEqual(description.text, OFFER)

    def test_direction_of_the_session(self) -> None:
        """A stream without a direction has that of the session."""
        session = sdp.parse(OFFER)
        held = attrs.evolve(
            session, attributes=(Attribute("inactive"),), media=session.media[1:] * 2
        )
        streams = read_description(sdp.serialise(held)).streams
        self.assertEqual({stream.direction for stream in streams}, {"Inactive"})

    def test_refused(self) -> None:
        """What is no description, or has no stream, is UCWA's own error."""
        for text in ("hello", OFFER[: OFFER.index("m=")]):
            with self.assertRaises(PeerFault) as raised:
                read_description(text)
            self.assertEqual(raised.exception.subcode, "InvalidMediaDescription")
            self.assertNotIn("hello", raised.exception.message)
