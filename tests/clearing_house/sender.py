"""A program of somebody else that sends to the doubles, as a child process."""

from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.protocol import ProcessProtocol
from twisted.python.failure import Failure


class Sender(ProcessProtocol):
    """Feeds a child process, and gathers what it prints."""

    def __init__(self, text: bytes) -> None:
        self._text = text
        self._printed = b""
        self._errors = b""
        self.ended: Deferred[bytes] = Deferred()

    def connectionMade(self) -> None:
        transport: Any = self.transport
        transport.write(self._text)
        transport.closeStdin()

    def outReceived(self, data: bytes) -> None:
        self._printed += data

    def errReceived(self, data: bytes) -> None:
        self._errors += data

    def processEnded(self, reason: Failure) -> None:
        if getattr(reason.value, "exitCode", 1):
            self.ended.errback(RuntimeError(self._errors.decode("utf-8", "replace")))
        else:
            self.ended.callback(self._printed)
