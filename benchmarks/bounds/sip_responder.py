"""Twisted alone: each SIP request on a connection is answered 200 by cutting bytes.

    python -m benchmarks.bounds.sip_responder PORT CERTIFICATE KEY [plain]

It parses nothing: it finds where a message ends and repeats the lines that an answer must have.
"""

import re
import sys
from pathlib import Path

from twisted.internet import reactor, ssl
from twisted.internet.protocol import Factory, Protocol

BACKLOG = 4096
_LENGTH = re.compile(rb"\r\n(?:content-length|l)[ \t]*:[ \t]*(\d+)", re.IGNORECASE)
_KEPT = re.compile(
    rb"^(?:Via|v|From|f|To|t|Call-ID|i|CSeq)[ \t]*:.*\r\n", re.IGNORECASE | re.MULTILINE
)


class Responder(Protocol):
    """One connection."""

    _buffer = b""

    def connectionMade(self) -> None:
        self.transport.setTcpNoDelay(True)

    def dataReceived(self, data: bytes) -> None:
        buffer, at, answers = self._buffer + data, 0, []
        while (end := buffer.find(b"\r\n\r\n", at)) >= 0:
            found = _LENGTH.search(buffer, at, end + 2)
            stop = end + 4 + (int(found[1]) if found else 0)
            if stop > len(buffer):
                break
            kept = b"".join(_KEPT.findall(buffer[at : end + 2]))
            answers.append(b"SIP/2.0 200 OK\r\n" + kept + b"Content-Length: 0\r\n\r\n")
            at = stop
        self._buffer = buffer[at:]
        if answers:
            self.transport.write(b"".join(answers))


def main() -> None:
    factory = Factory.forProtocol(Responder)
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
