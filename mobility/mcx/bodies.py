"""The two bodies of an exchange with the pool, a piece at a time (`IBodyProducer` and back)."""

from collections.abc import Callable
from typing import cast

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IConsumer, IPushProducer
from twisted.internet.protocol import Protocol
from twisted.python.failure import Failure
from twisted.web.client import ResponseDone
from twisted.web.http import PotentialDataLoss
from twisted.web.iweb import IBodyProducer
from zope.interface import implementer

from mobility.http.subtree import Way


@implementer(IBodyProducer)
class RequestBody:
    """What the client sends, as it comes.  `length` is in bytes or UNKNOWN_LENGTH."""

    def __init__(self, length: object, way: Way) -> None:
        self.length = length
        self._way = way
        self._consumer: IConsumer | None = None
        self._early = b""
        """What came before the pool took anything: one piece, since the client is held then."""
        self._ended = False
        self._stopped = False
        self._done: Deferred[None] = Deferred()

    def give(self, data: bytes) -> None:
        """A piece from the client."""
        if self._stopped:
            return
        if self._consumer is None:
            self._early += data
            self._way.hold()
        else:
            self._consumer.write(data)

    def end(self) -> None:
        """The client has sent all."""
        self._ended = True
        if self._consumer is not None and not self._stopped:
            self._finish()

    # -- IBodyProducer ------------------------------------------------------------------------

    def startProducing(self, consumer: IConsumer) -> Deferred[None]:
        self._consumer = consumer
        early, self._early = self._early, b""
        if early:
            consumer.write(early)
        if self._ended:
            self._finish()
        else:
            self._way.resume()
        return self._done

    def pauseProducing(self) -> None:
        self._way.hold()

    def resumeProducing(self) -> None:
        self._way.resume()

    def stopProducing(self) -> None:
        """The pool wants no more: the rest is read and dropped."""
        self._stopped = True
        self._early = b""
        self._way.resume()

    def _finish(self) -> None:
        if not self._done.called:
            self._done.callback(None)


class ResponseBody(Protocol):
    """What the pool answers, as it comes."""

    def __init__(
        self,
        piece: Callable[[bytes], None],
        whole: Callable[[], None],
        broken: Callable[[], None],
    ) -> None:
        self._piece = piece
        self._whole = whole
        self._broken = broken

    def dataReceived(self, data: bytes) -> None:
        self._piece(data)

    def connectionLost(self, reason: Failure) -> None:  # type: ignore[override]  # it is given one
        if isinstance(reason.value, ResponseDone | PotentialDataLoss):
            self._whole()
        else:
            self._broken()

    def pause(self) -> None:
        if self.transport is not None:
            cast(IPushProducer, self.transport).pauseProducing()

    def resume(self) -> None:
        if self.transport is not None:
            cast(IPushProducer, self.transport).resumeProducing()

    def stop(self) -> None:
        """Read no more of it, and let the connection go."""
        if self.transport is not None:
            cast(IPushProducer, self.transport).stopProducing()
