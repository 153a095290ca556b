"""The outbox under random use: messages, reading, sending, failures of either side, restarts."""

from collections import defaultdict
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)
from twisted.internet.defer import ensureDeferred
from twisted.trial.unittest import TestCase

from mobility.domain.ledger import Unit
from mobility.domain.push_notices import Accepted, Draft, Hops, Later, Result, Wake
from mobility.domain.push_outbox import PushOutbox
from mobility.domain.push_rules import BADGE, CALL, MESSAGE, WITHDRAWAL, PushSettings
from mobility.domain.records import PushNotice, PushSubscription
from mobility.errors import Unavailable
from tests.domain.doubles import START, MemoryLedger

BOB = "sip:bob@example.test"
ALICE = "sip:alice@example.test"
CONVERSATIONS = ("aaaa", "bbbb")


def device(number: int, collapse: str = "conversation") -> PushSubscription:
    key = str(number)
    return PushSubscription(
        BOB, key, "fcm", "app", f"token{number}", 0.0, 0.0, 1e12, collapse=collapse
    )


class Broken(Exception):
    """A step that could not be stored."""


def done(awaitable: Any) -> Any:
    """The result of what is done by now; raises Broken for what the store did not take."""
    results: list[Any] = []
    failures: list[Any] = []
    ensureDeferred(awaitable).addCallbacks(results.append, failures.append)
    if failures:
        failures[0].trap(Unavailable)
        raise Broken
    return results[0]


class OutboxMachine(RuleBasedStateMachine):
    """One user with two devices, in two conversations and with some calls.

    A message that is unread must be in a notification that waits, or in one that the clearing
    house has, for each device; and nothing is given out about what was read before.
    """

    @initialize(collapse=st.sampled_from(["conversation", "all", "none"]))
    def begin(self, collapse: str) -> None:
        self.devices = {"1": device(1), "2": device(2, collapse)}
        self.ledger = MemoryLedger()
        self.now = START
        self.last: dict[str, int] = defaultdict(int)
        self.read: dict[str, int] = defaultdict(int)
        self.taken: list[PushNotice] = []
        self.handed: dict[str, PushNotice] = {}
        self.calls: dict[str, bool] = {}
        self.open()

    def open(self) -> None:
        self.outbox = PushOutbox(
            self.ledger,
            lambda uri, key, now: self.devices.get(key),
            lambda device: "",
            lambda stream, position: False,
            PushSettings(message_lifetime_s=1e9, badge_lifetime_s=1e9, ringing_s=30.0),
            Hops(),
        )
        self.outbox.load(self.ledger.snapshot().push_notices)
        self.taken = []

    def commit(self, draft: Draft) -> bool:
        try:
            done(self.outbox.commit(draft))
        except Broken:
            return False
        return True

    @rule(conversation=st.sampled_from(CONVERSATIONS), fails=st.integers(0, 4))
    def message(self, conversation: str, fails: int) -> None:
        """A message comes; now and then the store does not take it."""
        number = self.last[conversation] + 1
        draft = Draft(Unit(), self.now)
        for one in self.devices.values():
            wake = Wake(MESSAGE, conversation, conversation, number, ALICE)
            self.outbox.wake(draft, one, wake)
        self.ledger.failing = fails == 0
        if self.commit(draft):
            self.last[conversation] = number
        self.ledger.failing = False

    @rule(conversation=st.sampled_from(CONVERSATIONS), some=st.integers(0, 3))
    def reads(self, conversation: str, some: int) -> None:
        """The user reads up to some message."""
        upto = max(self.read[conversation], self.last[conversation] - some)
        draft = Draft(Unit(), self.now)
        self.outbox.read(draft, BOB, conversation, upto, "read")
        if self.commit(draft):
            self.read[conversation] = upto

    @rule()
    def rings(self) -> None:
        """A call comes."""
        key = f"{len(self.calls):032x}"
        draft = Draft(Unit(), self.now)
        for one in self.devices.values():
            self.outbox.wake(draft, one, Wake(CALL, key, f"c{key}", expires_at=self.now + 30))
        if self.commit(draft):
            self.calls[key] = True

    @rule()
    def gives_up(self) -> None:
        """The calls that ring are over."""
        for key in [key for key, ringing in self.calls.items() if ringing]:
            draft = Draft(Unit(), self.now)
            self.outbox.rings_no_more(draft, key, "call cancelled")
            if self.commit(draft):
                self.calls[key] = False

    @rule(limit=st.integers(1, 5), fails=st.integers(0, 5))
    def takes(self, limit: int, fails: int) -> None:
        """The sending side takes some; what was read before is not among them."""
        self.ledger.failing = fails == 0
        try:
            taken = done(self.outbox.take(self.now, limit))
        except Broken:
            taken = []
        self.ledger.failing = False
        for notice in taken:
            if notice.kind == MESSAGE:
                assert notice.number > self.read[notice.conversation_id], notice
            if notice.kind == CALL:
                assert self.calls[notice.cause], notice
            assert notice.id not in [one.id for one in self.taken]
        self.taken += taken

    @rule(outcome=st.sampled_from(["accepted", "later", "lost"]), fails=st.integers(0, 5))
    def settles(self, outcome: str, fails: int) -> None:
        """The clearing house answers, or it has taken them and its answer is lost."""
        taken, self.taken = self.taken, []
        if outcome != "later":
            self.handed.update((notice.id, notice) for notice in taken)
        result: Result = Accepted() if outcome == "accepted" else Later(self.now + 1)
        self.ledger.failing = fails == 0
        try:
            done(self.outbox.settle([(one.id, result) for one in taken], self.now))
        except Broken:
            pass
        self.ledger.failing = False

    @rule()
    def restart(self) -> None:
        """The process dies and another takes over."""
        self.ledger = self.ledger.reopened()
        self.open()

    @rule(seconds=st.sampled_from([0.5, 6.0, 40.0]))
    def time_passes(self, seconds: float) -> None:
        self.now += seconds

    @invariant()
    def nothing_is_lost(self) -> None:
        """Every unread message is in a notification that waits or that was handed over."""
        if not hasattr(self, "outbox"):
            return
        kept = self.outbox.of_user(BOB)
        for conversation, last in self.last.items():
            for number in range(self.read[conversation] + 1, last + 1):
                for key in self.devices:
                    covers = [
                        one
                        for one in (*kept, *self.handed.values())
                        if one.kind == MESSAGE
                        and (one.subscription_id, one.conversation_id) == (key, conversation)
                        and one.first <= number <= one.number
                    ]
                    assert covers, (conversation, number, key, kept)

    @invariant()
    def memory_is_the_store(self) -> None:
        """Memory has what the store has."""
        if not hasattr(self, "outbox"):
            return
        stored = {one.id: one for one in self.ledger.snapshot().push_notices}
        assert {one.id: one for one in self.outbox.of_user(BOB)} == stored

    def teardown(self) -> None:
        """In the end everything is handed over, and what was read is off all screens."""
        if not hasattr(self, "outbox"):
            return
        self.settles("accepted", 1)
        while True:
            self.now += 10
            self.takes(5, 1)
            if not self.taken and self.outbox.due_at() is None:
                break
            self.settles("accepted", 1)
        for one in self.outbox.of_user(BOB):
            if one.kind == MESSAGE:
                assert one.number > self.read[one.conversation_id], one
            assert one.kind in (MESSAGE, CALL, BADGE, WITHDRAWAL)


class MachineTests(TestCase):
    """The machine, run by Hypothesis."""

    def test_outbox(self) -> None:
        """Whatever the clearing house, the disk and time do, nothing unread is lost."""
        run_state_machine_as_test(
            OutboxMachine,
            settings=settings(max_examples=100, stateful_step_count=40, deadline=None),
        )
