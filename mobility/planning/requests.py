"""Certificate signing requests (RFC 2986) with subject alternative names."""

from collections.abc import Sequence
from ipaddress import ip_address

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from mobility.errors import OperatorFault

RSA_BITS = 2048
"""The least that public authorities sign (CA/Browser Forum BR 6.1.5), and iOS accepts."""

MAX_COMMON_NAME = 64
"""Characters of a common name (RFC 5280 appendix A.1, ub-common-name)."""

Key = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey


def new_key(kind: str) -> Key:
    """A private key: "ec" (P-256) or "rsa" (2048 bits)."""
    if kind == "rsa":
        return rsa.generate_private_key(65_537, RSA_BITS)
    return ec.generate_private_key(ec.SECP256R1())


def read_key(pem: bytes, where: str) -> Key:
    """The key of a PEM file.  Raises OperatorFault."""
    try:
        key = load_pem_private_key(pem, None)
    except TypeError as error:
        raise OperatorFault(where, "must have no passphrase") from error
    except ValueError as error:
        raise OperatorFault(where, "holds no PEM private key") from error
    if not isinstance(key, Key):
        raise OperatorFault(where, "must be an EC or RSA key")
    if isinstance(key, rsa.RSAPrivateKey) and key.key_size < RSA_BITS:
        raise OperatorFault(where, f"has {key.key_size} bits, and must have {RSA_BITS}")
    return key


def key_pem(key: Key) -> bytes:
    """A key as PKCS #8, without a passphrase."""
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def signing_request(key: Key, names: Sequence[str], *, client: bool) -> bytes:
    """A request in PEM form.

    The first of `names` is the common name, when it is short enough for one.  A server that also
    opens mutual TLS connections to SIP peers is a `client` as well.
    """
    usages = [ExtendedKeyUsageOID.SERVER_AUTH]
    if client:
        usages.append(ExtendedKeyUsageOID.CLIENT_AUTH)
    subject = [n for n in names if len(n) <= MAX_COMMON_NAME][:1]
    request = (
        x509.CertificateSigningRequestBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, n) for n in subject]))
        .add_extension(
            x509.SubjectAlternativeName([_general_name(name) for name in names]), critical=False
        )
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_key_usage(key), critical=True)
        .add_extension(x509.ExtendedKeyUsage(usages), critical=False)
        .sign(key, hashes.SHA256())
    )
    return request.public_bytes(Encoding.PEM)


def _general_name(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _key_usage(key: Key) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        key_encipherment=isinstance(key, rsa.RSAPrivateKey),
        content_commitment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=False,
        crl_sign=False,
        encipher_only=False,
        decipher_only=False,
    )
