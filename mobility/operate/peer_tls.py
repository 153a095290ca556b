"""TLS with SIP servers that are connected to: who they must be, and who we are."""

from datetime import datetime
from pathlib import Path
from typing import Any

from cryptography import x509
from OpenSSL import SSL
from OpenSSL.crypto import X509
from service_identity import CertificateError
from service_identity.cryptography import (
    verify_certificate_hostname,
    verify_certificate_ip_address,
)
from twisted.internet.interfaces import IOpenSSLClientConnectionCreator
from twisted.internet.ssl import (
    Certificate,
    CertificateOptions,
    TLSVersion,
    platformTrust,
    trustRootFromCertificates,
)
from twisted.python.failure import Failure
from zope.interface import implementer

from mobility.auth.own_certificate import UnusableCertificate, own_certificate
from mobility.auth.peer_names import is_address, sip_domains
from mobility.config import Config
from mobility.errors import OperatorFault

MAX_FILE_BYTES = 1024 * 1024


@implementer(IOpenSSLClientConnectionCreator)
class _Handshake:
    """Begins TLS with a server, and fails if that is not who it should be (RFC 5922 section 7.2).

    A certificate with `sip:` URIs is for their domains alone; of another one the DNS names or
    addresses count.
    """

    def __init__(self, name: str, context: SSL.Context) -> None:
        self._name = name
        self._context = context

    def clientConnectionForTLS(self, tlsProtocol: Any) -> SSL.Connection:
        connection = SSL.Connection(self._context, None)
        if not is_address(self._name):
            connection.set_tlsext_host_name(self._name.encode())

        waiting = [tlsProtocol]  # emptied, so that nothing is left for the garbage collector

        def verify(_: object, certificate: X509, error: int, depth: int, good: int) -> bool:  # noqa: ARG001
            if depth:
                return bool(good)
            protocol = waiting.pop() if waiting else None
            try:
                if good:
                    self._check(certificate.to_cryptography())
            except Exception:  # it goes to whoever connects; here it would be lost
                if protocol is not None:
                    protocol.failVerification(Failure())
                return False
            return bool(good)

        connection.set_verify(SSL.VERIFY_PEER | SSL.VERIFY_FAIL_IF_NO_PEER_CERT, verify)
        return connection

    def _check(self, certificate: x509.Certificate) -> None:
        """Raises VerificationError or CertificateError."""
        domains = sip_domains(certificate)
        if domains:
            if self._name.lower() not in domains:
                raise CertificateError(f"a certificate for {', '.join(sorted(domains))}"[:200])
        elif is_address(self._name):
            verify_certificate_ip_address(certificate, self._name)
        else:
            verify_certificate_hostname(certificate, self._name)


class PeerTls:
    """The client side of TLS.

    A server's certificate must be signed by `sip.peer_ca`, or by whom the system trusts, and be for
    the name or address that it is called by: in a `sip:` URI, or as a DNS name.  We present
    `sip.peer_certificate`, or that of the first TLS listener.
    """

    name = "outgoing"

    def __init__(self, config: Config) -> None:
        self._where = str(config.source)
        self._authorities = config.sip.peer_ca
        self._own: tuple[Path, Path, str] | None = None
        """Certificate, key, and how the names of their settings begin."""
        pairs = [
            (one.certificate, one.key, f"sip.listen[{number}].")
            for number, one in enumerate(config.sip.listeners)
        ]
        first = (config.sip.peer_certificate, config.sip.peer_key, "sip.peer_")
        for certificate, key, begin in [first, *pairs]:
            if certificate is not None and key is not None:
                self._own = certificate, key, begin
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
            certificate, key, begin = self._own
            pem = self._read(certificate, f"{begin}certificate")
            chain = _certificates(pem)[1:]
            try:
                own = own_certificate(pem, self._read(key, f"{begin}key"))
            except UnusableCertificate as error:
                file = certificate if error.part == "certificate" else key
                raise self._fault(file, error.rule, begin + error.part) from error
        self._trust, self._private, self._chain = trust, own, chain

    @property
    def not_after(self) -> datetime | None:
        """When our certificate ends, None without one."""
        own = self._private
        return None if own is None else own.original.to_cryptography().not_valid_after_utc

    def __call__(self, name: str) -> IOpenSSLClientConnectionCreator:
        """A handshake with the server of that name or address."""
        own = self._private
        options = CertificateOptions(
            privateKey=own.privateKey.original if own is not None else None,
            certificate=own.original if own is not None else None,
            extraCertChain=self._chain or None,
            trustRoot=self._trust,
            raiseMinimumTo=TLSVersion.TLSv1_2,
        )
        return _Handshake(name, options.getContext())

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
