"""Twisted alone: SIP messages are passed from one phone to another, and nothing is kept of them.

    python -m benchmarks.bounds.sip_relay PORT CERTIFICATE KEY [plain]

REGISTER says whose connection it is.  A request goes to the connection of the user in its
Request-URI with one more Via, a response back to where its topmost Via says, without that.
"""

import re
import sys
from pathlib import Path

from twisted.internet import reactor, ssl
from twisted.internet.protocol import Factory, Protocol

BACKLOG = 4096
_LENGTH = re.compile(rb"\r\n(?:content-length|l)[ \t]*:[ \t]*(\d+)", re.IGNORECASE)
_KEPT = re.compile(rb"^(?:Via|From|To|Call-ID|CSeq):.*\r\n", re.IGNORECASE | re.MULTILINE)
_TO = re.compile(rb"\r\nTo: <sip:([^@>]+)@")
_USER = re.compile(rb"[A-Z]+ sip:([^@ ]+)@")
_VIA = re.compile(rb"\r\nVia: SIP/2\.0/TCP relay;branch=z9hG4bK(\d+)(?=\r\n)")

users: dict[bytes, "Relay"] = {}
connections: dict[int, "Relay"] = {}


class Relay(Protocol):
    """One connection."""

    _buffer = b""

    def connectionMade(self) -> None:
        self.transport.setTcpNoDelay(True)
        self.number = len(connections)
        connections[self.number] = self

    def dataReceived(self, data: bytes) -> None:
        buffer, at = self._buffer + data, 0
        while (end := buffer.find(b"\r\n\r\n", at)) >= 0:
            found = _LENGTH.search(buffer, at, end + 2)
            stop = end + 4 + (int(found[1]) if found else 0)
            if stop > len(buffer):
                break
            self.message(buffer[at:stop])
            at = stop
        self._buffer = buffer[at:]

    def message(self, message: bytes) -> None:
        if message.startswith(b"SIP/2.0"):
            via = _VIA.search(message)
            if via is not None:
                back = message[: via.start()] + message[via.end() :]
                connections[int(via[1])].transport.write(back)
        elif message.startswith(b"REGISTER"):
            named = _TO.search(message)
            if named is not None:
                users[named[1]] = self
            kept = b"".join(_KEPT.findall(message))
            self.transport.write(b"SIP/2.0 200 OK\r\n" + kept + b"Content-Length: 0\r\n\r\n")
        else:
            user = _USER.match(message)
            start, _, rest = message.partition(b"\r\n")
            via = b"\r\nVia: SIP/2.0/TCP relay;branch=z9hG4bK%d\r\n" % self.number
            if user is not None:
                users[user[1]].transport.write(start + via + rest)


def main() -> None:
    factory = Factory.forProtocol(Relay)
    factory.noisy = False
    port, certificate, key, *plain = sys.argv[1:]
    if plain:
        reactor.listenTCP(int(port), factory, BACKLOG, "127.0.0.1")
    else:
        pem = Path(certificate).read_text() + Path(key).read_text()
        options = ssl.PrivateCertificate.loadPEM(pem).options()
        reactor.listenSSL(int(port), factory, options, BACKLOG, "127.0.0.1")
    reactor.run()


if __name__ == "__main__":
    main()
