"""The service that ends idle conversations."""

from collections.abc import Callable

from twisted.internet.interfaces import IReactorTime

from mobility.domain.conversations import Conversations
from mobility.domain.idle import IdleConversations
from mobility.events import EventLog
from mobility.schedule import Recurring

SWEEP_INTERVAL_S = 60.0
"""How often it is looked for them (our choice: 10 ms for 100,000 conversations)."""


def idle_sweep(
    conversations: Conversations,
    idle_s: float,
    epoch: Callable[[], float],
    clock: IReactorTime,
    log: EventLog,
) -> Recurring:
    """Ends what has not been used for `idle_s`; `epoch` says what time it is."""
    idle = IdleConversations(conversations, idle_s)
    return Recurring("idle", SWEEP_INTERVAL_S, lambda: idle.sweep(epoch()), clock, log)
