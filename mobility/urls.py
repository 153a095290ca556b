"""URLs as settings name them, taken apart."""

from ipaddress import ip_address
from urllib.parse import SplitResult, urlsplit

from mobility.domain.addresses import is_domain


def parts_of(url: str) -> SplitResult | None:
    """A URL taken apart; None when its host or port is none, or it names a user."""
    try:
        parts = urlsplit(url)
        good = is_host(parts.hostname or "") and parts.port != 0 and parts.username is None
    except ValueError:
        return None
    return parts if good else None


def is_host(text: str) -> bool:
    """Whether it is an address, or a name that DNS can have."""
    try:
        ip_address(text)
    except ValueError:
        return is_domain(text) and (text.isascii() or dns_name(text).isascii())
    return True


def dns_name(host: str) -> str:
    """A host name as DNS and certificates write it: A-labels (RFC 5890), in lower case."""
    try:
        return host.encode("idna").decode().lower()
    except UnicodeError:
        return host.lower()


def ascii_host(host: str) -> str:
    """A good host name of another script in A-labels, as header fields have it."""
    return host if host.isascii() else dns_name(host)


def ascii_url(url: str) -> str:
    """A good URL with such a host in A-labels, as browsers have it too."""
    if url.isascii():
        return url
    parts = urlsplit(url)
    port = "" if parts.port is None else f":{parts.port}"
    return parts._replace(netloc=ascii_host(parts.hostname or "") + port).geturl()
