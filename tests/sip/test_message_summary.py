"""Message summaries as voicemail systems send them."""

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mobility.sip.grammar import Malformed
from mobility.sip.message_summary import MAX_COUNT, MessageSummary

COUNTS = st.integers(0, MAX_COUNT)


class MessageSummaryTests(SynchronousTestCase):
    def test_counts(self) -> None:
        """New and old voice messages, urgent ones among them, and the mailbox."""
        body = (
            b"Messages-Waiting: yes\r\nMessage-Account: sip:alice@vm.example.test\r\n"
            b"Voice-Message: 2/8 (0/2)\r\n\r\nFrom: somebody\r\n"
        )
        self.assertEqual(
            MessageSummary.parse(body),
            MessageSummary(True, 2, 8, 0, 2, "sip:alice@vm.example.test"),
        )

    def test_asterisk(self) -> None:
        """Without urgent counts, with plain line ends and names in other cases."""
        body = b"messages-waiting: NO\nVoice-Message: 0/3\n"
        self.assertEqual(MessageSummary.parse(body), MessageSummary(False, 0, 3))

    def test_no_counts(self) -> None:
        """A summary may say only that messages wait."""
        read = MessageSummary.parse(b"Messages-Waiting: yes\r\n")
        self.assertEqual(read, MessageSummary(True, counted=False))
        self.assertEqual(bytes(read), b"Messages-Waiting: yes\r\n")

    def test_malformed(self) -> None:
        """Without Messages-Waiting, or with counts that are none, it is refused."""
        for body in (
            b"",
            b"Voice-Message: 1/1\r\n",
            b"Messages-Waiting: maybe\r\n",
            b"Messages-Waiting: yes\r\nVoice-Message: one/two\r\n",
            b"Messages-Waiting: yes\r\nVoice-Message: 1/9999999999\r\n",
            b"Messages-Waiting: yes\r\nnonsense\r\n",
        ):
            self.assertRaises(Malformed, MessageSummary.parse, body)

    @given(st.builds(MessageSummary, st.booleans(), COUNTS, COUNTS, COUNTS, COUNTS))
    def test_round_trip(self, summary: MessageSummary) -> None:
        """What is written is read the same."""
        self.assertEqual(MessageSummary.parse(bytes(summary)), summary)

    @given(st.binary(max_size=100))
    def test_anything(self, body: bytes) -> None:
        """Bytes that are no summary are Malformed and nothing else."""
        try:
            MessageSummary.parse(body)
        except Malformed:
            pass
