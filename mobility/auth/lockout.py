"""When a password may not be tried: backoff after repeated failures, per user and per address.

Pure: time is an argument.  A user may fail `failures` times; each further failure doubles the time
during which every attempt is refused unseen, from `base_s` up to `max_s`.  One failure is forgiven
for each `max_s / failures` without a new one, and all of them when the user signs in.

An address is counted too, so that one client cannot try a password on every user.  Many people may
share an address (an office behind NAT), so it may fail `ADDRESS_FACTOR` times as often, and a
success does not clear it: whoever owns one account could try the others forever.
"""

import math
from collections import OrderedDict

import attrs

ADDRESS_FACTOR = 4
"""How many times as many failures as a user an address may have."""

TRACKED = 65_536
"""Users, and addresses, whose failures are remembered; the one longest without a failure is
forgotten first.  At 20 ms a verification it takes a quarter of an hour to push one out."""


@attrs.define(slots=True)
class _Record:
    """`count` failures; forgiveness is reckoned from `since`; refused until `locked_until`."""

    count: int = 0
    since: float = 0.0
    locked_until: float = 0.0


class _Ledger:
    """The failures of one kind of party (users or addresses)."""

    def __init__(self, failures: int, base_s: float, max_s: float, tracked: int) -> None:
        self._failures = failures
        self._base_s = base_s
        self._max_s = max_s
        self._tracked = tracked
        self._records: OrderedDict[str, _Record] = OrderedDict()

    def __len__(self) -> int:
        return len(self._records)

    def wait_s(self, party: str, now: float) -> float:
        record = self._records.get(party)
        if record is None:
            return 0.0
        wait_s = record.locked_until - now
        # More than any lock lasts means that the clock was set back meanwhile.
        return wait_s if 0.0 < wait_s <= self._max_s else 0.0

    def failed(self, party: str, now: float) -> float:
        record = self._records.get(party)
        if record is None:
            record = self._records[party] = _Record(since=now)
            if len(self._records) > self._tracked:
                self._records.popitem(last=False)
        self._records.move_to_end(party)
        self._forgive(record, now)
        record.count += 1
        if record.count < self._failures:
            return 0.0
        doublings = min(record.count - self._failures, 64)
        lock_s = min(self._base_s * 2.0**doublings, self._max_s)
        record.locked_until = record.since = now + lock_s
        return lock_s

    def forget(self, party: str) -> None:
        self._records.pop(party, None)

    def _forgive(self, record: _Record, now: float) -> None:
        interval_s = self._max_s / self._failures
        forgiven = max(int((now - record.since) / interval_s), 0)
        record.count = max(record.count - forgiven, 0)
        record.since += forgiven * interval_s


class Lockout:
    """The failures of all users and addresses.

    `failures` is at least 1, `base_s` and `max_s` are seconds.  An address of "" (a trusted proxy
    that did not say whose request it carried) is never counted.
    """

    def __init__(
        self, failures: int, base_s: float, max_s: float, *, tracked: int = TRACKED
    ) -> None:
        self._users = _Ledger(failures, base_s, max_s, tracked)
        self._addresses = _Ledger(failures * ADDRESS_FACTOR, base_s, max_s, tracked)

    def wait_s(self, user: str, address: str, now: float) -> float:
        """Seconds until `user` may be tried from `address`; 0.0 when it may be now."""
        wait_s = self._users.wait_s(user, now)
        return max(wait_s, self._addresses.wait_s(address, now)) if address else wait_s

    def failed(self, user: str, address: str, now: float) -> float:
        """Count a failure; returns the seconds for which attempts are refused from now on."""
        lock_s = self._users.failed(user, now)
        return max(lock_s, self._addresses.failed(address, now)) if address else lock_s

    def succeeded(self, user: str) -> None:
        """Forget the user's failures."""
        self._users.forget(user)

    @property
    def tracked(self) -> tuple[int, int]:
        """How many users and addresses are remembered."""
        return len(self._users), len(self._addresses)


def retry_after_s(wait_s: float) -> int:
    """Whole seconds for Retry-After (RFC 9110 §10.2.3), never less than `wait_s`."""
    return max(math.ceil(wait_s), 1)
