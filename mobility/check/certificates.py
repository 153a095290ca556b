"""Whether certificates have the names, the chain, the life and the keys that clients need."""

import ssl
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta

import attrs
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID
from OpenSSL.crypto import X509, X509Store, X509StoreContext, X509StoreContextError

from mobility.check.connections import Handshake
from mobility.check.findings import Finding, Report, Rule, Severity, Skipped
from mobility.planning.deployment import is_address
from mobility.planning.names import fits

SOON = timedelta(days=30)
"""From when on a certificate's end is told (our choice: time to get another one)."""

MIN_RSA_BITS = 2048
MIN_CURVE_BITS = 256
"""What public authorities sign and iOS accepts (CA/Browser Forum BR 6.1.5)."""

WEAK_HASHES = ("md5", "sha1")

FRONT_END_NAME = Rule(
    "certificates.front-end-name",
    Severity.ERROR,
    "the certificate of a front end or Director lacks a name",
    "Clients that discover the service over HTTPS accept it only under the names in its "
    "certificate: each front end and Director that runs Autodiscover must have the discovery names "
    "of every SIP domain, and the web FQDNs, among its subject alternative names.",
    "Request and assign a new certificate; `mobility csr` writes the request with every name.",
)
PROXY_NAME = Rule(
    "certificates.proxy-name",
    Severity.ERROR,
    "the reverse proxy's certificate lacks a name",
    "Clients outside, and inside by the hairpin, meet the reverse proxy's certificate: it must "
    "have lyncdiscover of every SIP domain and the external web FQDN among its names.",
    "Request a new certificate with `mobility csr --role proxy`.  The way without new names, "
    "discovery over port 80 alone (--discovery-over-http), works and is not recommended.",
)
SIP_NAME = Rule(
    "certificates.sip-name",
    Severity.ERROR,
    "the certificate of a SIP listener lacks a SIP domain",
    "Phones and SIP servers accept a server for a domain only when its certificate names that "
    "domain (RFC 5922).",
    "Request a new certificate; `mobility csr` writes the request with every name.",
)
EXPIRED = Rule(
    "certificates.expired",
    Severity.ERROR,
    "a certificate has expired, or is not valid yet",
    "Every client refuses it.",
    "Renew it, put the files in place, and send SIGHUP to the front end.  When the dates are "
    "right, set this machine's clock.",
)
EXPIRES_SOON = Rule(
    "certificates.expires-soon",
    Severity.WARNING,
    "a certificate ends within 30 days",
    "From then on every client refuses it, and public certificates take time to get.",
    "Renew it now, put the files in place, and send SIGHUP to the front end.",
)
CHAIN = Rule(
    "certificates.chain",
    Severity.ERROR,
    "a certificate does not lead to an authority that is trusted",
    "Clients refuse it.  Phones fetch no missing issuers: the server must show all but the root.",
    "Put the issuers' certificates behind the server's own into the PEM file; for an authority of "
    "your own give its file with --authority, and see that every device trusts it.",
)
WEAK = Rule(
    "certificates.weak",
    Severity.ERROR,
    "a certificate's key or signature is too weak",
    "iOS, Android and browsers refuse RSA keys below 2048 bits, curves below 256 bits, and MD5 or "
    "SHA-1 signatures.",
    "Request a new certificate with a new key: `mobility csr --key NEW`.",
)
NOT_FOR_SERVERS = Rule(
    "certificates.not-for-servers",
    Severity.ERROR,
    "a certificate's extended key usage leaves TLS servers out",
    "Clients refuse a certificate that is not for servers (RFC 5280 section 4.2.1.12).",
    "Request a new certificate; `mobility csr` asks for the usage.",
)
UNREADABLE = Rule(
    "certificates.unreadable",
    Severity.ERROR,
    "the certificate file of a listener cannot be used",
    "The front end does not start with it, and does not take it on SIGHUP.",
    "Put a PEM file there, the certificate first and its issuers after it, readable by the front "
    "end's user.",
)
NOT_LOADED = Rule(
    "certificates.not-loaded",
    Severity.WARNING,
    "a listener shows another certificate than its file holds",
    "A renewed file counts only when the front end has read it; until then clients meet the old "
    "certificate, and one day its end.",
    "Send SIGHUP to the front end, and look for tls.reload_failed in its log.",
)
OLD_TLS = Rule(
    "certificates.old-tls",
    Severity.WARNING,
    "the reverse proxy accepts TLS 1.0 or 1.1",
    "Both are deprecated (RFC 8996); no supported client needs them.",
    "Allow TLS 1.2 and 1.3 only; `mobility proxy-config` does.",
)
NO_TLS12 = Rule(
    "certificates.no-tls",
    Severity.ERROR,
    "the reverse proxy accepts no TLS handshake of version 1.2 or newer",
    "iOS clients need TLS 1.2, and no client takes an older version.",
    "Allow TLS 1.2 and 1.3 at the reverse proxy.",
)
RULES = (
    FRONT_END_NAME,
    PROXY_NAME,
    SIP_NAME,
    EXPIRED,
    EXPIRES_SOON,
    CHAIN,
    WEAK,
    NOT_FOR_SERVERS,
    UNREADABLE,
    NOT_LOADED,
    OLD_TLS,
    NO_TLS12,
)


@attrs.frozen(slots=True)
class Presented:
    """The chain of one TLS server, from its file or from a handshake, the leaf first.

    `subject` names the server, `names` are those it must have, by `rule`.  `failure` says why
    there is no chain.  `shown` is the handshake with the running listener of a file, if there
    was one; `old_tls` that a handshake below TLS 1.2 succeeded.
    """

    subject: str
    rule: Rule
    names: tuple[str, ...]
    chain: tuple[x509.Certificate, ...] = ()
    failure: str = ""
    shown: Handshake | None = None
    old_tls: str = ""


def judge(
    presented: Sequence[Presented],
    authorities: Sequence[x509.Certificate],
    now: datetime,
    skipped: Sequence[Skipped] = (),
) -> Report:
    """What is wrong with certificates.  Without `authorities` those of this machine count.

    Servers with the same certificate share the findings that are about it alone.
    """
    findings: dict[tuple[str, str], Finding] = {}
    for one in presented:
        for finding in _of_server(one):
            findings.setdefault((finding.rule.id, finding.what), finding)
    by_leaf: dict[bytes, list[Presented]] = {}
    for one in presented:
        if one.chain:
            by_leaf.setdefault(one.chain[0].tbs_certificate_bytes, []).append(one)
    for same in by_leaf.values():
        subject = ", ".join(dict.fromkeys(one.subject for one in same))
        for finding in _of_certificate(subject, same[0].chain, authorities, now):
            findings.setdefault((finding.rule.id, finding.what), finding)
    looked = tuple(f"certificate of {one.subject}" for one in presented)
    return Report(tuple(findings.values()), looked, tuple(skipped))


def _of_server(one: Presented) -> Iterator[Finding]:
    """What is wrong with a certificate in this place, though it may be right in another."""
    if one.failure:
        rule = NO_TLS12 if one.rule is PROXY_NAME else UNREADABLE
        yield Finding(rule, one.subject, f"{one.subject}: {one.failure}")
        return
    missing = [name for name in one.names if not covers(one.chain[0], name)]
    if missing:
        what = f"the certificate of {one.subject} is not for {', '.join(missing)}"
        yield Finding(one.rule, one.subject, what)
    if one.shown is not None and one.shown.chain and one.shown.chain[0] != one.chain[0]:
        what = f"{one.subject} shows a certificate that is not the one in its file"
        yield Finding(NOT_LOADED, one.subject, what)
    if one.old_tls:
        yield Finding(OLD_TLS, one.subject, f"{one.subject} accepts {one.old_tls}")


def _of_certificate(
    subject: str,
    chain: Sequence[x509.Certificate],
    authorities: Sequence[x509.Certificate],
    now: datetime,
) -> Iterator[Finding]:
    leaf = chain[0]
    begin, end = leaf.not_valid_before_utc, leaf.not_valid_after_utc
    whose = f"the certificate of {subject}"
    if end <= now:
        yield Finding(EXPIRED, subject, f"{whose} ended on {end.date().isoformat()}")
    elif begin > now:
        yield Finding(EXPIRED, subject, f"{whose} begins on {begin.date().isoformat()}")
    elif end - now < SOON:
        yield Finding(EXPIRES_SOON, subject, f"{whose} ends on {end.date().isoformat()}")
    for weakness in _weaknesses(leaf):
        yield Finding(WEAK, subject, f"{whose} {weakness}")
    if not _for_servers(leaf):
        yield Finding(NOT_FOR_SERVERS, subject, f"{whose} is not for TLS servers")
    reason = untrusted(chain, authorities, min(max(now, begin), end - timedelta(seconds=1)))
    if reason:
        yield Finding(CHAIN, subject, f"{whose} is not trusted: {reason}")


def _weaknesses(leaf: x509.Certificate) -> Iterator[str]:
    key = leaf.public_key()
    if isinstance(key, rsa.RSAPublicKey) and key.key_size < MIN_RSA_BITS:
        yield f"has an RSA key of {key.key_size} bits"
    if isinstance(key, ec.EllipticCurvePublicKey) and key.key_size < MIN_CURVE_BITS:
        yield f"has a key on a curve of {key.key_size} bits"
    algorithm = leaf.signature_hash_algorithm
    if algorithm is not None and algorithm.name in WEAK_HASHES:
        yield f"is signed with {algorithm.name.upper()}"


def _for_servers(leaf: x509.Certificate) -> bool:
    """Whether its extended key usage, if it has one, has TLS servers in it."""
    try:
        usage = leaf.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    except x509.ExtensionNotFound:
        return True
    except ValueError:
        return False
    good = (ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE)
    return any(one in usage for one in good)


def covers(leaf: x509.Certificate, name: str) -> bool:
    """Whether a certificate is for a host; the common name does not count (RFC 9525)."""
    try:
        names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (x509.ExtensionNotFound, ValueError):
        return False
    if is_address(name):
        return name in [str(one) for one in names.get_values_for_type(x509.IPAddress)]
    return any(fits(one, name) for one in names.get_values_for_type(x509.DNSName))


def untrusted(
    chain: Sequence[x509.Certificate], authorities: Sequence[x509.Certificate], at: datetime
) -> str:
    """Why OpenSSL does not trust a chain at a time, or ""."""
    store = X509Store()
    for authority in authorities:
        store.add_cert(X509.from_cryptography(authority))
    if not authorities:
        store.load_locations(None, ssl.get_default_verify_paths().capath)
    store.set_time(at.astimezone(UTC))
    leaf, *others = [X509.from_cryptography(one) for one in chain]
    try:
        X509StoreContext(store, leaf, others).verify_certificate()
    except X509StoreContextError as error:
        return str(error)
    return ""
