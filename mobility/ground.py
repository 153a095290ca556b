"""What the rooms of a front end are built on."""

from collections.abc import Callable

import attrs

from mobility.config import Config
from mobility.domain.ledger import Snapshot
from mobility.domain.push_watch import WatchedLedger
from mobility.events import EventLog
from mobility.reactor import IReactor


@attrs.frozen
class Ground:
    """The surroundings, and what the store had `now`, in seconds since the epoch."""

    config: Config
    reactor: IReactor
    log: EventLog
    pseudonym: Callable[[str], str]
    epoch: Callable[[], float]
    ledger: WatchedLedger
    stored: Snapshot
    now: float
