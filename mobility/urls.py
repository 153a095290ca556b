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
    try:
        ip_address(text)
    except ValueError:
        return is_domain(text)
    return True
