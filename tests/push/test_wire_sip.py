"""The federation format in SIP MESSAGE requests: what is written is read, and within its bounds."""

from typing import Any

import attrs
import msgspec
from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mobility.push.wire import (
    Device,
    Health,
    Notification,
    ProviderHealth,
    Result,
    Verdict,
    VerdictPage,
    WireFault,
)
from mobility.push.wire_json import (
    decode_health,
    decode_results,
    decode_verdicts,
    encode_batches,
    encode_notification,
)
from mobility.push.wire_sip import (
    MESSAGE_BYTES,
    MESSAGE_ITEMS,
    Batch,
    HealthWanted,
    Refused,
    VerdictsWanted,
    answered,
    decode_question,
    encode_error,
    encode_health_wanted,
    encode_health_within,
    encode_results_within,
    encode_verdicts_wanted,
    encode_verdicts_within,
    fitting,
)

anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=10,
)
texts = st.text(max_size=300)


def notification(**more: Any) -> Notification:
    device = Device("apns", "org.example.app", token="ab" * 32)
    return attrs.evolve(Notification("1", device, "message", 2_000_000_000), **more)


class QuestionTests(SynchronousTestCase):
    @given(st.lists(st.tuples(texts, texts), max_size=120))
    def test_batches(self, said: list[tuple[str, str]]) -> None:
        """Notifications go in questions within both bounds, in order, and none is lost."""
        told = [
            notification(id=str(number), title=title[:256], body=body * 13)
            for number, (title, body) in enumerate(said)
        ]
        told = [one for one in map(fitting, told) if isinstance(one, Notification)]
        read: list[Any] = []
        for body, count in encode_batches(told, 1_800_000_000, MESSAGE_ITEMS, MESSAGE_BYTES):
            self.assertLessEqual(len(body), MESSAGE_BYTES)
            question = decode_question(body)
            if not isinstance(question, Batch):
                raise AssertionError(question)
            self.assertEqual((question.now, len(question.items)), (1_800_000_000, count))
            read += question.items
        self.assertEqual(read, told)

    def test_other_questions(self) -> None:
        """A question for verdicts and one for the health are read as they were written."""
        self.assertEqual(
            decode_question(encode_verdicts_wanted(7, "s")), VerdictsWanted(7, "s", 25)
        )
        self.assertEqual(
            decode_question(encode_verdicts_wanted(7, "s", "fe1.example.test")),
            VerdictsWanted(7, "s", 25, "fe1.example.test"),
        )
        self.assertEqual(decode_question(encode_health_wanted()), HealthWanted())

    def test_fitting(self) -> None:
        """What is too large loses its texts first, and is rejected if that is not enough."""
        small = notification(title="t", body="b" * 4_096)
        self.assertIs(fitting(small), small)
        device = attrs.evolve(small.device, token="\x01" * 4_096, voip_token="\x01" * 4_000)
        wide = notification(body="\x01" * 4_096, device=device)
        self.assertEqual(fitting(wide), attrs.evolve(wide, body=""))
        endless = attrs.evolve(wide, device=attrs.evolve(device, endpoint="\x01" * 2_048))
        found = fitting(endless)
        self.assertIsInstance(found, Result)
        self.assertGreater(len(encode_notification(endless)), MESSAGE_BYTES)

    @given(st.binary(max_size=200) | anything.map(msgspec.json.encode))
    def test_anything(self, body: bytes) -> None:
        """Whatever comes is a question or a fault of whoever sent it."""
        try:
            decode_question(body)
        except WireFault:
            pass

    @given(st.dictionaries(st.sampled_from(["ask", "after", "stream", "wait", "now"]), anything))
    def test_any_fields(self, fields: dict[str, Any]) -> None:
        """So does whatever stands in the fields that are known."""
        try:
            decode_question(msgspec.json.encode({"version": 1, **fields}))
        except (WireFault, OverflowError):
            pass


class AnswerTests(SynchronousTestCase):
    def test_results(self) -> None:
        """Results that would be too long keep their ids, outcomes and the key of the reason."""
        short = [Result("1", "rejected", "malformed: kind is not one of call")]
        self.assertEqual(decode_results(encode_results_within(short)), short)
        long = [
            Result(f"{n:064d}", "rejected", "malformed: " + "\x01" * 189)
            for n in range(MESSAGE_ITEMS)
        ]
        body = encode_results_within(long)
        self.assertLessEqual(len(body), MESSAGE_BYTES)
        found = decode_results(body)
        self.assertEqual([one.id for one in found], [one.id for one in long])
        self.assertEqual({one.reason for one in found}, {"malformed"})

    def test_verdicts(self) -> None:
        """A page is as long as one answer holds; what is left begins where it ends."""
        page = VerdictPage(
            "s",
            tuple(
                Verdict(number, f"{number:064d}", "failed", "provider", "x" * 200, 1_800_000_000)
                for number in range(1, 501)
            ),
        )
        body = encode_verdicts_within(page)
        self.assertLessEqual(len(body), MESSAGE_BYTES)
        found = decode_verdicts(body)
        self.assertGreater(len(found.verdicts), 100)
        self.assertEqual(found.verdicts, page.verdicts[: len(found.verdicts)])
        self.assertEqual(decode_verdicts(encode_verdicts_within(VerdictPage("s", ()))).stream, "s")

    def test_health(self) -> None:
        """As many providers are told as one answer holds."""
        one = ProviderHealth("fcm", "a" * 200, "ok", "r" * 200, "c" * 200)
        body = encode_health_within(Health("org", (one,) * 900))
        self.assertLessEqual(len(body), MESSAGE_BYTES)
        self.assertGreater(len(decode_health(body).providers), 50)

    def test_errors(self) -> None:
        """What HTTPS would answer with an error is one, and says how long to wait."""
        refused = self.assertRaises(Refused, answered, encode_error(429, "Quota", 5))
        self.assertEqual((refused.status, refused.retry_after_s), (429, 5))
        self.assertEqual(str(refused), "it answered 429 Quota")
        body = encode_results_within([])
        self.assertIs(answered(body), body)

    @given(anything)
    def test_any_error(self, error: Any) -> None:
        """Whatever stands there is an error, none, or cannot be read."""
        try:
            answered(msgspec.json.encode({"version": 1, "error": error}))
        except (Refused, WireFault, OverflowError):
            pass
