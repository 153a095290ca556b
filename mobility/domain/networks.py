"""In which network people are (UCWA SourceNetwork)."""

from ipaddress import ip_address

from mobility.domain.addresses import domain_of, is_guest
from mobility.domain.users import Users

NOBODYS = ".invalid"
"""The end of domains of who does not say who it is (RFC 2606 section 2, RFC 3323)."""


def source_network(uri: str, reader_uri: str, users: Users) -> str:
    """The SourceNetwork of somebody for a reader, by their URIs.

    Users here, and other addresses of the reader's domain, are of the same enterprise; addresses of
    other domains are federated.  Of no network are telephones, guests, and who does not say who it
    is or comes from an address alone.
    """
    if users.find(uri) is not None:
        return "SameEnterprise"
    domain = domain_of(uri)
    named = uri.startswith("sip:") and not (domain.endswith(NOBODYS) or _is_address(domain))
    if not named or is_guest(uri):
        return "Everyone"
    return "SameEnterprise" if domain == domain_of(reader_uri) else "Federated"


def _is_address(domain: str) -> bool:
    try:
        ip_address(domain)
    except ValueError:
        return False
    return True
