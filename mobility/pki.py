"""A development certificate authority: enough PKI for a laptop, a test bed or a first look.

Certificates follow RFC 5280 and the CA/Browser Forum profile closely enough for OpenSSL's strict
checks and for Chromium: P-256 keys, subject alternative names, key usages, key identifiers.
"""

import os
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import attrs
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

CA_LIFETIME = timedelta(days=3650)
LEAF_LIFETIME = timedelta(days=397)
"""The longest that browsers accept of a server certificate (CA/Browser Forum BR 6.3.2)."""

BACKDATED = timedelta(hours=1)
"""How far before now a certificate begins, for clocks that are behind."""

PRIVATE = 0o600
PUBLIC = 0o644
MAX_COMMON_NAME = 64
"""Characters of a common name (RFC 5280 appendix A.1, ub-common-name)."""


@attrs.frozen(slots=True)
class Identity:
    """A certificate and its private key."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey = attrs.field(repr=False)

    @property
    def certificate_pem(self) -> bytes:
        return self.certificate.public_bytes(Encoding.PEM)

    @property
    def key_pem(self) -> bytes:
        """The key as PKCS #8, without a passphrase."""
        return self.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def certificate_authority(name: str, now: datetime) -> Identity:
    """A self-signed CA that may sign end-entity certificates only."""
    key = ec.generate_private_key(ec.SECP256R1())
    identifier = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    certificate = (
        _builder(name, name, key, now, CA_LIFETIME)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(key_cert_sign=True, crl_sign=True), critical=True)
        .add_extension(identifier, critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(identifier),
            critical=False,
        )
        .sign(key, hashes.SHA256())
    )
    return Identity(certificate, key)


def server_certificate(authority: Identity, hosts: Iterable[str], now: datetime) -> Identity:
    """A TLS server's certificate for `hosts`: DNS names, IP addresses and `sip:` with a domain, the
    first one first.

    It is good for a client, too: a SIP server presents it to those it connects to.
    """
    usages = [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]
    return _leaf(authority, list(dict.fromkeys(hosts)), usages, now)


def peer_certificate(authority: Identity, host: str, now: datetime) -> Identity:
    """A certificate for a SIP server that is client and server of mutual TLS: for a host, or with
    `sip:` before it for a SIP domain (RFC 5922)."""
    usages = [ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.SERVER_AUTH]
    return _leaf(authority, [host], usages, now)


def write(file: Path, *parts: bytes, mode: int) -> None:
    """Write `parts` into a new file; it never exists with wider permissions than `mode`.

    Raises FileExistsError rather than overwrite one.
    """
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with open(descriptor, "wb") as stream:
        stream.write(b"".join(parts))


def _leaf(
    authority: Identity, hosts: list[str], usages: list[x509.ObjectIdentifier], now: datetime
) -> Identity:
    key = ec.generate_private_key(ec.SECP256R1())
    issuer = authority.certificate
    authority_identifier = issuer.extensions.get_extension_for_class(x509.SubjectKeyIdentifier)
    certificate = (
        _builder(hosts[0], _common_name(issuer), key, now, LEAF_LIFETIME)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(digital_signature=True), critical=True)
        .add_extension(x509.ExtendedKeyUsage(usages), critical=False)
        .add_extension(
            x509.SubjectAlternativeName([_general_name(host) for host in hosts]), critical=False
        )
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(
                authority_identifier.value
            ),
            critical=False,
        )
        .sign(authority.key, hashes.SHA256())
    )
    return Identity(certificate, key)


def _builder(
    subject: str, issuer: str, key: ec.EllipticCurvePrivateKey, now: datetime, life: timedelta
) -> x509.CertificateBuilder:
    begin = now.astimezone(UTC) - BACKDATED
    return (
        x509.CertificateBuilder()
        .subject_name(_name(subject))
        .issuer_name(_name(issuer))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begin)
        .not_valid_after(begin + life)
    )


def _name(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name[:MAX_COMMON_NAME])])


def _common_name(certificate: x509.Certificate) -> str:
    return str(certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value)


def _general_name(host: str) -> x509.GeneralName:
    if host.startswith("sip:"):
        return x509.UniformResourceIdentifier(host)
    try:
        return x509.IPAddress(ip_address(host))
    except ValueError:
        return x509.DNSName(host.encode("idna").decode())


def _usage(
    *, digital_signature: bool = False, key_cert_sign: bool = False, crl_sign: bool = False
) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=digital_signature,
        key_cert_sign=key_cert_sign,
        crl_sign=crl_sign,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )
