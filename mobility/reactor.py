"""What this package asks of the reactor, so that it can be given one."""

from twisted.internet.interfaces import IReactorCore, IReactorFromThreads, IReactorTime


class IReactor(IReactorCore, IReactorFromThreads, IReactorTime):
    """A clock, the way back from threads, and the end of the process."""
