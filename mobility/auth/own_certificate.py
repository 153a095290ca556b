"""The certificate by which this system shows who it is to servers that it connects to."""

from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from cryptography.x509 import Certificate as Bare
from OpenSSL.crypto import X509, PKey
from twisted.internet.ssl import Certificate, KeyPair, PrivateCertificate


class UnusableCertificate(Exception):
    """Files that are no certificate and its key: `part` is "certificate" or "key"."""

    def __init__(self, part: str, rule: str) -> None:
        super().__init__(f"the {part} {rule}")
        self.part = part
        self.rule = rule


def own_certificate(pem: bytes, key_pem: bytes) -> PrivateCertificate:
    """The first certificate of `pem`, with its key.  Raises UnusableCertificate.

    A key with a passphrase is refused: OpenSSL would ask for that at the terminal.
    """
    leaf = _first(pem)
    try:
        key = load_pem_private_key(key_pem, None)
    except TypeError as error:
        raise UnusableCertificate("key", "must have no passphrase") from error
    except ValueError as error:
        raise UnusableCertificate("key", "holds no PEM private key") from error
    if key.public_key() != leaf.public_key():
        raise UnusableCertificate("key", "does not belong to the certificate")
    try:
        bare: Any = PKey.from_cryptography_key(key)  # type: ignore[arg-type]  # TypeError else
    except TypeError as error:
        raise UnusableCertificate("key", "is of a kind that TLS does not know") from error
    certificate: Any = Certificate
    pair: Any = KeyPair
    return PrivateCertificate.fromCertificateAndKeyPair(  # type: ignore[no-untyped-call,no-any-return]  # upstream has no types
        certificate(X509.from_cryptography(leaf)), pair(bare)
    )


def _first(pem: bytes) -> Bare:
    try:
        return x509.load_pem_x509_certificates(pem)[0]
    except ValueError as error:
        raise UnusableCertificate("certificate", "holds no PEM certificate") from error
