"""What `mobility push trace` and `send-test` print of a notification."""

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from mobility.commands.push import _hops, _standing
from mobility.domain.records import PushNotice
from mobility.operate.push import notice_of


class _Nobody:
    """A push side that knows nothing beside the row."""

    def attempts_of(self, notice_id: str) -> int:  # a PushSide
        return 0

    def obstacle(self, notice: PushNotice) -> str:  # a PushSide
        return "it answered 503"


def notice(**more: Any) -> dict[str, Any]:
    """A notification as the operator API shows it, `receipt` and `whereabouts` as given."""
    place = {name: more.pop(name, "" if name == "receipt" else None) for name in ASKED}
    row = PushNotice(
        "7f",
        "sip:bob@example.test",
        "d1",
        "message",
        "t",
        "c1",
        1000.0,
        1000.0,
        9e9,
        1010.0,
        **more,
    )
    nobody: Any = _Nobody()
    return {**notice_of(row, nobody), **place}


ASKED = ("receipt", "whereabouts")


class TraceWordsTests(SynchronousTestCase):
    def last(self, silence: str = "", **more: Any) -> str:
        """The last line, without its time."""
        return list(_hops(notice(**more), silence))[-1][14:].strip()

    def provider(self, place: str, tries: int = 0, status: str = "", wait_s: float = 0.0) -> str:
        found = {"id": "7f", "place": place, "tries": tries, "status": status, "wait_s": wait_s}
        return self.last(state="accepted", handed_at=1001.0, whereabouts=found)

    def test_whereabouts(self) -> None:
        """While no provider has answered it says where the notification is, as the clearing house
        tells it, or why that tells nothing."""
        begin = "provider: no answer yet"
        for place, said in (
            (("queued",), ": the clearing house has it in its queue"),
            (
                ("queued", 0, "503", 12.4),
                ": the clearing house has it in its queue and asks the provider in 12 s"
                " (the last: 503)",
            ),
            (("sending",), ": the clearing house has asked the provider and waits"),
            (
                ("later", 1, "429", 0.2),
                ": the clearing house asks the provider again in 1 s, after 1 try in vain"
                " (the last: 429)",
            ),
            (("told",), ": the clearing house has one, and it is on its way here"),
            (("elsewhere",), ": elsewhere"),
        ):
            self.assertEqual(self.provider(*place), begin + said)
        self.assertEqual(self.last(state="accepted"), begin)
        silent = self.last("it answered 404", state="accepted")
        said = " (the clearing house does not say where it is: it answered 404)"
        self.assertEqual(silent, begin + said)

    def test_ends(self) -> None:
        """Each end says what it means, and keeps what the provider said before."""
        self.assertEqual(self.last(state="waiting"), "clearing house: not yet: it answered 503")
        sent = {"state": "sent", "taken": True, "answer": "200", "answered_at": 1002.0}
        self.assertEqual(self.last(**sent), "provider: taken (200)")
        read = list(_hops(notice(**{**sent, "state": "ended", "reason": "read"}, receipt="read")))
        self.assertEqual(
            [line[14:].strip() for line in read[-3:]],
            [
                "provider: taken (200)",
                "receipt: the user has read the message",
                "over: read (the user has read it)",
            ],
        )
        refused = {"answer": "410 Unregistered", "answered_at": 1002.0}
        ended = list(_hops(notice(**refused, state="ended", reason="dead_token: 410 Unregistered")))
        self.assertEqual(ended[-2][14:].strip(), "provider: not taken: 410 Unregistered")
        self.assertIn("the app subscribes anew", ended[-1])

    def test_standing(self) -> None:
        """The age of what waits longest is first, and says who keeps it."""
        house = {"url": "https://house", "state": "closed", "last_failure": ""}
        counts = dict.fromkeys(("waiting", "unanswered", "shown", "handed", "sent", "devices"), 0)
        empty: dict[str, Any] = {"problem": "", "house": house, "rejected": {}, "skipped": {}}
        for here, there, said in (
            (None, None, "nothing waits"),
            (12.0, 3.0, "the oldest waits for 12.0 s, to be taken by the clearing house"),
            (None, 3.0, "the oldest waits for 3.0 s, at the clearing house for its provider"),
        ):
            found = {**empty, **counts, "oldest_s": here, "unanswered_s": there}
            self.assertEqual(next(_standing(found)), said)
