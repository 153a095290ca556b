"""Tests of `mobility.auth.lockout`."""

from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    rule,
    run_state_machine_as_test,
)
from twisted.trial.unittest import SynchronousTestCase

from mobility.auth.lockout import ADDRESS_FACTOR, Lockout, retry_after_s

FAILURES, BASE_S, MAX_S = 5, 1.0, 900.0


class LockoutTests(SynchronousTestCase):
    """`Lockout`."""

    def setUp(self) -> None:
        self.lockout = Lockout(FAILURES, BASE_S, MAX_S)

    def fail(self, times: int, user: str = "alice", address: str = "", now: float = 0.0) -> float:
        """Fail so often at once; the last lock."""
        return [self.lockout.failed(user, address, now) for _ in range(times)][-1]

    def test_a_few_failures_lock_nothing(self) -> None:
        """Below the number of failures a user may go on."""
        self.assertEqual(self.fail(FAILURES - 1), 0.0)
        self.assertEqual(self.lockout.wait_s("alice", "", 0.0), 0.0)

    def test_each_further_failure_doubles_the_wait(self) -> None:
        """The waits are 1, 2, 4 ... seconds, up to the longest."""
        locks = [self.fail(FAILURES)] + [self.fail(1) for _ in range(12)]
        self.assertEqual(locks[:5], [1.0, 2.0, 4.0, 8.0, 16.0])
        self.assertEqual(locks[-1], MAX_S)

    def test_a_lock_ends(self) -> None:
        """The wait counts down to nothing."""
        self.fail(FAILURES + 3, now=100.0)
        self.assertEqual(self.lockout.wait_s("alice", "", 102.5), 5.5)
        self.assertEqual(self.lockout.wait_s("alice", "", 108.0), 0.0)

    def test_other_users_are_not_locked(self) -> None:
        """A lock is the user's own."""
        self.fail(FAILURES)
        self.assertEqual(self.lockout.wait_s("bob", "192.0.2.1", 0.0), 0.0)

    def test_a_success_forgets_the_users_failures(self) -> None:
        """After a sign-in the user may fail as often as at first."""
        self.fail(FAILURES - 1)
        self.lockout.succeeded("alice")
        self.assertEqual(self.fail(FAILURES - 1), 0.0)

    def test_an_address_that_tries_many_users_is_locked(self) -> None:
        """One password tried on every user locks the address for all of them."""
        for number in range(FAILURES * ADDRESS_FACTOR):
            self.assertEqual(self.lockout.wait_s(f"u{number}", "192.0.2.1", 0.0), 0.0)
            self.lockout.failed(f"u{number}", "192.0.2.1", 0.0)
        self.assertEqual(self.lockout.wait_s("zoe", "192.0.2.1", 0.0), 1.0)
        self.assertEqual(self.lockout.wait_s("zoe", "192.0.2.2", 0.0), 0.0)

    def test_a_success_does_not_clear_the_address(self) -> None:
        """One good account does not buy more tries at others."""
        for number in range(FAILURES * ADDRESS_FACTOR):
            self.lockout.failed(f"u{number}", "192.0.2.1", 0.0)
            self.lockout.succeeded("mallory")
        self.assertEqual(self.lockout.wait_s("zoe", "192.0.2.1", 0.0), 1.0)

    def test_an_unknown_address_is_not_counted(self) -> None:
        """Failures behind a proxy that names no client lock no address."""
        for number in range(1000):
            self.lockout.failed(f"u{number}", "", 0.0)
        self.assertEqual(self.lockout.wait_s("zoe", "", 0.0), 0.0)
        self.assertEqual(self.lockout.tracked[1], 0)

    def test_failures_are_forgiven_with_time(self) -> None:
        """One is forgiven for each fifth of the longest lock."""
        self.fail(FAILURES - 1, now=0.0)
        self.assertEqual(self.fail(1, now=MAX_S / FAILURES), 0.0)
        self.assertEqual(self.fail(1, now=MAX_S / FAILURES), 1.0)

    def test_nothing_is_forgiven_while_locked(self) -> None:
        """Who waits out the longest lock and fails again waits as long again."""
        self.fail(FAILURES + 20, now=0.0)
        self.assertEqual(self.fail(1, now=MAX_S), MAX_S)

    def test_a_clock_set_back_does_not_lock_for_long(self) -> None:
        """A lock that seems longer than any can be is void."""
        self.fail(FAILURES + 20, now=1_000_000.0)
        self.assertEqual(self.lockout.wait_s("alice", "", 10.0), 0.0)

    def test_the_tables_are_bounded(self) -> None:
        """Of many users and addresses the ones longest without a failure are forgotten."""
        lockout = Lockout(1, BASE_S, MAX_S, tracked=10)
        for number in range(100):
            lockout.failed("alice", "192.0.2.1", 0.0)
            lockout.failed(f"u{number}", f"a{number}", 0.0)
        self.assertEqual(lockout.tracked, (10, 10))
        self.assertEqual(lockout.wait_s("u3", "", 0.0), 0.0)
        self.assertEqual(lockout.wait_s("alice", "", 0.0), MAX_S)

    def test_retry_after_is_never_too_early(self) -> None:
        """Seconds are rounded up, and never 0."""
        self.assertEqual([retry_after_s(wait) for wait in (0.001, 1.0, 1.5)], [1, 1, 2])

    @given(st.lists(st.floats(0, 1e9), max_size=200))
    def test_no_lock_is_longer_than_the_longest(self, times: list[float]) -> None:
        """Whatever the clock does, a wait lies between nothing and `max_s`."""
        lockout = Lockout(2, BASE_S, MAX_S)
        for now in times:
            self.assertTrue(0.0 <= lockout.failed("alice", "192.0.2.1", now) <= MAX_S)
            self.assertTrue(0.0 <= lockout.wait_s("alice", "192.0.2.1", now) <= MAX_S)


class Attack(RuleBasedStateMachine):
    """Somebody tries passwords as fast as allowed; time only goes on."""

    def __init__(self) -> None:
        super().__init__()
        self.lockout = Lockout(FAILURES, BASE_S, MAX_S)
        self.now = 0.0
        self.tried = 0

    @rule()
    def attempt(self) -> None:
        """An attempt counts only when it was let through."""
        if self.lockout.wait_s("alice", "", self.now) == 0.0:
            self.lockout.failed("alice", "", self.now)
            self.tried += 1

    @rule(seconds=st.floats(0, 2000))
    def wait(self, seconds: float) -> None:
        """Time passes."""
        self.now += seconds

    @rule()
    def wait_out(self) -> None:
        """The attacker comes back the moment the lock ends."""
        self.now += self.lockout.wait_s("alice", "", self.now)

    @invariant()
    def guesses_are_few(self) -> None:
        """Guesses stay within the burst to the longest lock and one for each forgiven one."""
        doublings = 10  # 2 ** 10 > MAX_S / BASE_S
        assert self.tried <= FAILURES + doublings + 1 + self.now / (MAX_S / FAILURES)


class AttackTests(SynchronousTestCase):
    """The rate of guessing."""

    def test_guesses_are_few_whatever_the_attacker_does(self) -> None:
        """Runs `Attack`."""
        run_state_machine_as_test(Attack)  # type: ignore[no-untyped-call]  # Hypothesis's own
