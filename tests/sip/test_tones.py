"""Keys that are pressed in calls and told beside the media."""

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mobility.domain.tones import SIGNALS, Tone
from mobility.sip.grammar import Malformed
from mobility.sip.message import Request
from mobility.sip.refusal import SipRefusal
from mobility.sip.tones import (
    DURATION_MS,
    MAX_DURATION_MS,
    MIN_DURATION_MS,
    PLAIN,
    RELAY,
    body_of,
    tone_of,
)
from tests.domain.doubles import uri
from tests.domain.phone_world import OUTSIDE
from tests.sip.call_world import Telephone, sdp
from tests.sip.test_calls import CallTestCase
from tests.sip.test_transfers import TransferTestCase


def info(body: bytes, kind: str = RELAY) -> Request:
    return Request(fields={"Content-Type": [kind]}, method="INFO", uri="sip:a@b.test", body=body)


class ToneTests(SynchronousTestCase):
    @given(st.builds(Tone, st.sampled_from(SIGNALS), st.integers(MIN_DURATION_MS, MAX_DURATION_MS)))
    def test_round_trip(self, tone: Tone) -> None:
        """What is written is read again."""
        self.assertEqual(tone_of(info(body_of(tone))), tone)

    @given(st.binary(max_size=300), st.sampled_from((RELAY, PLAIN)))
    def test_anything(self, body: bytes, kind: str) -> None:
        """Whatever comes is a key, nothing, or malformed."""
        try:
            tone = tone_of(info(body, kind))
        except Malformed:
            return
        if tone is None:
            self.assertEqual(body, b"")
        else:
            self.assertIn(tone.signal, SIGNALS)
            self.assertTrue(MIN_DURATION_MS <= tone.duration_ms <= MAX_DURATION_MS)

    def test_habits(self) -> None:
        """Keys are read as phones write them: with blanks, small letters, and by numbers of their
        events."""
        for body, signal, duration in (
            (b"Signal= 5\r\nDuration= 250\r\n", "5", 250),
            (b"signal=*", "*", DURATION_MS),
            (b"Signal=11\nDuration=9999999", "#", MAX_DURATION_MS),
            (b"Signal=d\r\nDuration=1", "D", MIN_DURATION_MS),
        ):
            self.assertEqual(tone_of(info(body)), Tone(signal, duration))
        self.assertEqual(tone_of(info(b"7\r\n", PLAIN)), Tone("7", DURATION_MS))
        self.assertEqual(tone_of(info(b"10", f"{PLAIN};x=y")), Tone("*", DURATION_MS))

    def test_no_keys(self) -> None:
        """A flash and what is longer than a key is malformed; other bodies are 415."""
        for body in (
            b"Signal=16",
            b"Signal=!",
            b"Signal=55",
            b"Duration=5",
            b"Signal=1\nDuration=x",
        ):
            self.assertRaises(Malformed, tone_of, info(body))
        self.assertRaises(Malformed, tone_of, info(b"Signal=1\r\n" + b" " * 300))
        refusal = self.assertRaises(SipRefusal, tone_of, info(b"x", "text/plain"))
        self.assertEqual((refusal.status, refusal.fields["Accept"]), (415, [f"{RELAY}, {PLAIN}"]))

    def test_hidden(self) -> None:
        """A key, which may be somebody's PIN, is not shown."""
        self.assertNotIn("7", repr(Tone("7", 100)))


class PhoneTests(TransferTestCase):
    """Alice's phone has called Bob's."""

    def press(self, telephone: Telephone, body: str = "Signal=5\r\nDuration=200\r\n") -> None:
        telephone.within("INFO", body=body, kind=RELAY)
        self.sip.settle()

    def test_other_phone(self) -> None:
        """A key that one phone presses is told the other; whether that takes it is the answer."""
        self.press(self.alice)
        told = self.bob.last("INFO")
        self.assertEqual(told.body, b"Signal=5\r\nDuration=200\r\n")
        self.assertEqual(told.first("Content-Type"), RELAY)
        self.assertNotIn("INFO", self.alice.methods)
        before = len(self.alice.answers)
        self.bob.responds(told, 200)
        self.sip.settle()
        self.assertEqual(self.alice.statuses[before:], [200])
        self.press(self.alice)
        self.bob.responds(self.bob.last("INFO"), 501)
        self.sip.settle()
        self.assertEqual(self.alice.statuses[-1], 415)

    def test_back(self) -> None:
        """Who was called presses keys too."""
        self.bob.sends("INFO", body="Signal=1", kind=RELAY)
        self.sip.settle()
        self.alice.responds(self.alice.last("INFO"), 200)
        self.sip.settle()
        self.assertEqual(self.bob.statuses[-1], 200)

    def test_transferred(self) -> None:
        """After a transfer keys go to whom the call has gone to."""
        carol = self.sip.phone("carol", "192.0.2.23")
        self.refer(uri("carol"))
        carol.answers_with(200, sdp("carol"))
        self.sip.settle()
        self.bob.responds(self.bob.last("INVITE"), 200, sdp("bob"))
        self.sip.settle()
        self.bob.sends("INFO", body="Signal=9", kind=RELAY)
        self.sip.settle()
        self.assertIn(b"Signal=9", carol.last("INFO").body)
        carol.responds(carol.last("INFO"), 200)
        self.sip.settle()
        self.assertEqual(self.bob.statuses[-1], 200)


class OtherEndTests(CallTestCase):
    """Alice's phone calls what is no phone."""

    def test_application(self) -> None:
        """An application hears tones with the media alone: the phone is told so with 415."""
        bob = self.sip.application("bob")
        alice = self.sip.telephone("alice")
        alice.calls(uri("bob"), sdp("alice"))
        self.accept(bob, self.rings(bob).id, sdp("bob"))
        alice.acknowledges()
        alice.within("INFO", body="Signal=5", kind=RELAY)
        self.sip.settle()
        self.assertEqual(alice.statuses[-1], 415)
        alice.within("INFO", body="<x/>", kind="application/media_control+xml")
        self.assertEqual(alice.statuses[-1], 415)

    def test_gateway(self) -> None:
        """A gateway is told the keys that a phone presses, and the phone those of the gateway."""
        gateway, alice = self.sip.gateway(), self.sip.telephone("alice")
        alice.calls(f"sip:{OUTSIDE}@example.test;user=phone", sdp("alice"))
        self.sip.settle()
        gateway.answers_with(200, sdp("gw"))
        self.sip.settle()
        alice.acknowledges()
        alice.within("INFO", body="#", kind=PLAIN)
        self.sip.settle()
        self.assertIn(b"Signal=#", gateway.last("INFO").body)
        gateway.responds(gateway.last("INFO"), 200)
        self.sip.settle()
        self.assertEqual(alice.statuses[-1], 200)
        gateway.sends("INFO", body="Signal=5", kind=RELAY)
        self.sip.settle()
        self.assertIn(b"Signal=5", alice.last("INFO").body)
        alice.responds(alice.last("INFO"), 200)
        self.sip.settle()
        self.assertEqual(gateway.statuses[-1], 200)
