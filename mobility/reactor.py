"""What this package asks of the reactor, so that it can be given one."""

import time
from typing import cast

from twisted.internet.base import ReactorBase
from twisted.internet.interfaces import (
    IReactorCore,
    IReactorFromThreads,
    IReactorPluggableNameResolver,
    IReactorTCP,
    IReactorTime,
    IReactorUDP,
)


class IReactor(
    IReactorCore,
    IReactorFromThreads,
    IReactorPluggableNameResolver,
    IReactorTCP,
    IReactorTime,
    IReactorUDP,
):
    """A clock, the way back from threads, connections and datagrams, and the end of the process."""


def steady(reactor: object) -> IReactor:
    """The reactor, with waits that no change of the time of day shortens or lengthens.

    Twisted measures them by the time of day: when that is set back by an hour, everything that
    waits, were it for the end of this turn, waits an hour longer.  A reactor in which something
    waits already is left as it is.
    """
    if isinstance(reactor, ReactorBase) and not reactor.getDelayedCalls():
        reactor.seconds = time.monotonic
    return cast(IReactor, reactor)
