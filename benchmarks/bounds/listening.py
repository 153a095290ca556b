"""The command line and the TLS port that the bounds share."""

import resource
import sys
from pathlib import Path

from twisted.internet import reactor, ssl
from twisted.web.resource import Resource
from twisted.web.server import Request, Site

BACKLOG = 4096

IDLE_S = 600
"""Longer than Twisted's 60 s: on a busy machine everybody signs in to the front end meanwhile."""


class QuietSite(Site):
    """A site without the default access log, which would halve it."""

    noisy = False

    def log(self, request: Request) -> None:
        """Say nothing."""


def serve(root: Resource) -> None:
    """Serve `root` on TLS until a signal comes: `PROGRAM PORT CERTIFICATE KEY ...`."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    port, certificate, key = int(sys.argv[1]), Path(sys.argv[2]), Path(sys.argv[3])
    pem = certificate.read_text() + key.read_text()
    options = ssl.PrivateCertificate.loadPEM(pem).options()
    reactor.listenSSL(port, QuietSite(root, timeout=IDLE_S), options, BACKLOG, "127.0.0.1")
    reactor.run()
