"""Connections that send at once what the socket takes.

Twisted's own keep what is written until the reactor has seen that the socket is writable: two
changes of what the kernel is asked to watch and one more event for each answer, while a socket to
which nothing is waiting to be sent nearly always takes it at once.
"""

from twisted.internet.tcp import Server


class PromptServer(Server):
    """An accepted connection: the `transport` of a `twisted.internet.tcp.Port`."""

    _waits = False
    """Whether the reactor tells when the socket is writable; what is written goes after that."""

    def write(self, data: bytes) -> None:
        """Send what the socket takes now, and the rest when it takes more.

        An error is left to the reactor, which meets it again and ends the connection.
        """
        if self.connected and not self._waits:
            sent = self.writeSomeData(data)
            if isinstance(sent, int):
                if sent == len(data):
                    return
                data = data[sent:]
        super().write(data)

    def startWriting(self) -> None:
        self._waits = True
        super().startWriting()

    def stopWriting(self) -> None:
        self._waits = False
        super().stopWriting()
