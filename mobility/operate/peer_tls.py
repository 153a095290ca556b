"""TLS with SIP servers that are connected to: who they must be, and who we are."""

from pathlib import Path
from typing import Any

from cryptography import x509
from OpenSSL import SSL
from OpenSSL.crypto import X509
from twisted.internet.interfaces import IOpenSSLClientConnectionCreator
from twisted.internet.ssl import (
    Certificate,
    PrivateCertificate,
    TLSVersion,
    optionsForClientTLS,
    platformTrust,
    trustRootFromCertificates,
)

from mobility.config import Config
from mobility.errors import OperatorFault

MAX_FILE_BYTES = 1024 * 1024


class PeerTls:
    """The client side of TLS.

    A server's certificate must be signed by `sip.peer_ca`, or by whom the system trusts, and be for
    the name or address that it is called by.  We present `sip.peer_certificate`, or that of the
    first TLS listener.
    """

    name = "outgoing"

    def __init__(self, config: Config) -> None:
        self._where = str(config.source)
        self._authorities = config.sip.peer_ca
        self._own: tuple[Path, Path] | None = None
        pairs = [(one.certificate, one.key) for one in config.sip.listeners]
        for certificate, key in [(config.sip.peer_certificate, config.sip.peer_key), *pairs]:
            if certificate is not None and key is not None:
                self._own = certificate, key
                break
        self.reload()

    def reload(self) -> None:
        """Take the files as they are now.  Raises OperatorFault, and then nothing has changed."""
        trust: Any = platformTrust()
        if self._authorities is not None:
            found = _certificates(self._read(self._authorities, "sip.peer_ca"))
            if not found:
                raise self._fault(self._authorities, "holds no PEM certificate", "sip.peer_ca")
            trust = trustRootFromCertificates([Certificate(one) for one in found])
        own, chain = None, []
        if self._own is not None:
            certificate, key = self._own
            pem = self._read(certificate, "sip.peer_certificate")
            chain = _certificates(pem)[1:]
            try:
                own = PrivateCertificate.loadPEM(pem + self._read(key, "sip.peer_key"))
            except (SSL.Error, ValueError) as error:
                rule = "cannot be used by TLS"
                raise self._fault(certificate, rule, "sip.peer_certificate") from error
        self._trust, self._private, self._chain = trust, own, chain

    def __call__(self, name: str) -> IOpenSSLClientConnectionCreator:
        """A handshake with the server of that name or address."""
        more: dict[str, Any] = {"raiseMinimumTo": TLSVersion.TLSv1_2}
        if self._chain:
            more["extraCertChain"] = self._chain
        creator: IOpenSSLClientConnectionCreator = optionsForClientTLS(
            name,
            trustRoot=self._trust,
            clientCertificate=self._private,
            extraCertificateOptions=more,
        )
        return creator

    def _read(self, file: Path, key: str) -> bytes:
        try:
            with open(file, "rb") as stream:
                return stream.read(MAX_FILE_BYTES)
        except OSError as error:
            raise self._fault(file, f"cannot be read: {error.strerror}", key) from error

    def _fault(self, file: Path, rule: str, key: str) -> OperatorFault:
        return OperatorFault(self._where, f"{file} {rule}", key)


def _certificates(pem: bytes) -> list[X509]:
    try:
        return [X509.from_cryptography(one) for one in x509.load_pem_x509_certificates(pem)]
    except ValueError:
        return []
