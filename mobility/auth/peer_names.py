"""Whom a certificate is for among SIP servers (RFC 5922 section 7.1)."""

from ipaddress import ip_address

from cryptography import x509


def sip_domains(certificate: x509.Certificate) -> frozenset[str]:
    """The domains of the `sip:` URIs among the subjectAltNames, in lower case; URIs of people are
    none."""
    uris = _names(certificate, x509.UniformResourceIdentifier)
    return frozenset(
        uri[4:].lower() for uri in uris if uri[:4].lower() == "sip:" and "@" not in uri
    )


def sip_names(certificate: x509.Certificate) -> frozenset[str]:
    """The SIP domains and hosts that a certificate is for: those of its `sip:` URIs, and its DNS
    names and addresses only where it has none of these."""
    domains = sip_domains(certificate)
    named = domains or {name.lower() for name in _names(certificate, x509.DNSName)}
    hosts = frozenset(name for name in named if not is_address(name))
    return hosts if domains else hosts.union(_names(certificate, x509.IPAddress))


def is_address(name: str) -> bool:
    """Whether it is an IP address."""
    try:
        ip_address(name)
    except ValueError:
        return False
    return True


def _names(
    certificate: x509.Certificate,
    kind: type[x509.UniformResourceIdentifier | x509.DNSName | x509.IPAddress],
) -> list[str]:
    try:
        extension = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    except (x509.ExtensionNotFound, ValueError):
        return []
    return [str(one) for one in extension.value.get_values_for_type(kind)]
