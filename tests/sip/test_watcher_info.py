"""Documents about watchers."""

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mobility.sip.grammar import Malformed
from mobility.sip.watcher_info import (
    CAUSES,
    MAX_SECONDS,
    MAX_WATCHERS,
    STATUSES,
    Watcher,
    WatcherInfo,
    WatcherList,
)
from tests.sip.test_xml_elements import TEXTS

BODY = b"""<?xml version="1.0"?>
<watcherinfo xmlns="urn:ietf:params:xml:ns:watcherinfo" version="2" state="partial">
<watcher-list resource="sip:professor@example.net" package="presence">
<watcher status="active" id="8ajksjda7s" duration-subscribed="509" event="approved">
sip:userA@example.net</watcher>
<watcher status="terminated" id="hh8juja87s997-ass7" display-name="Mr. Subscriber"
 event="rejected">sip:userB@example.org</watcher>
</watcher-list>
</watcherinfo>"""

TEXT = TEXTS.filter(bool)
SECONDS = st.none() | st.integers(0, MAX_SECONDS)
WATCHERS = st.builds(
    Watcher,
    TEXT,
    TEXT.map(str.strip).filter(bool),
    st.sampled_from(STATUSES),
    st.sampled_from(CAUSES),
    TEXTS,
    SECONDS,
    SECONDS,
)
LISTS = st.builds(WatcherList, TEXTS, TEXTS, st.lists(WATCHERS, max_size=4).map(tuple))
DOCUMENTS = st.builds(
    WatcherInfo,
    st.integers(0, MAX_SECONDS),
    st.booleans(),
    st.lists(LISTS, max_size=3).map(tuple),
)


class WatcherInfoTests(SynchronousTestCase):
    def test_watchers(self) -> None:
        """Each watcher has an id, a status and why it has that."""
        self.assertEqual(
            WatcherInfo.parse(BODY),
            WatcherInfo(
                2,
                False,
                (
                    WatcherList(
                        "sip:professor@example.net",
                        "presence",
                        (
                            Watcher(
                                "8ajksjda7s",
                                "sip:userA@example.net",
                                event="approved",
                                subscribed_s=509,
                            ),
                            Watcher(
                                "hh8juja87s997-ass7",
                                "sip:userB@example.org",
                                "terminated",
                                "rejected",
                                "Mr. Subscriber",
                            ),
                        ),
                    ),
                ),
            ),
        )

    def test_malformed(self) -> None:
        """Without what a document and a watcher must have, it is refused."""
        for good, bad in (
            (b'version="2"', b""),
            (b'version="2"', b'version="-2"'),
            (b'state="partial"', b'state="half"'),
            (b'state="partial"', b""),
            (b'status="active"', b'status="asleep"'),
            (b'event="approved"', b""),
            (b'id="8ajksjda7s"', b""),
            (b"\\nsip:userA@example.net", b""),
            (b'"509"', b'"99999999999"'),
            (b"ns:watcherinfo", b"ns:other"),
            (b"</watcherinfo>", b""),
        ):
            body = BODY.replace(good.replace(b"\\n", b"\n"), bad)
            self.assertNotEqual(body, BODY, good)
            self.assertRaises(Malformed, WatcherInfo.parse, body)

    def test_bound(self) -> None:
        """No more watchers are read than one wants to see."""
        watchers = tuple(Watcher(str(n), "sip:a@example.test") for n in range(MAX_WATCHERS - 1))
        lists = tuple(WatcherList("sip:b@example.test", "presence", watchers) for _ in range(2))
        read = WatcherInfo.parse(bytes(WatcherInfo(0, lists=lists)))
        self.assertEqual([len(one.watchers) for one in read.lists], [MAX_WATCHERS - 1, 1])

    @given(DOCUMENTS)
    def test_round_trip(self, document: WatcherInfo) -> None:
        """What is written can be read."""
        self.assertEqual(WatcherInfo.parse(bytes(document)), document)

    @given(st.binary(max_size=200))
    def test_anything(self, body: bytes) -> None:
        """Anything else is refused, without another error."""
        self.assertRaises(Malformed, WatcherInfo.parse, body)
