"""What this package asks of the reactor, so that it can be given one."""

from twisted.internet.interfaces import (
    IReactorCore,
    IReactorFromThreads,
    IReactorPluggableNameResolver,
    IReactorTCP,
    IReactorTime,
)


class IReactor(IReactorCore, IReactorFromThreads, IReactorTime):
    """A clock, the way back from threads, and the end of the process."""


class INetworkReactor(IReactor, IReactorTCP, IReactorPluggableNameResolver):
    """One that also connects to other hosts by their names."""
