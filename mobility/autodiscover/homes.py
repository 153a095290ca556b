"""Where a SIP domain or a user is served, and the guard against redirects that go in a circle."""

from collections.abc import Mapping, Sequence
from urllib.parse import urlsplit

from mobility.config import WebConfig
from mobility.domain.records import User

HERE = ""
"""A home on this system; any other home is the Autodiscover root URL to go on with."""

NOWHERE = "none"
"""`User.home` of a user that no pool serves."""

_DISCOVERY_HOSTS = ("lyncdiscover.", "lyncdiscoverinternal.")
_DEFAULT_PORTS = {"http": 80, "https": 443}


class Homes:
    """Homes by configuration.  `redirects` maps SIP domains to Autodiscover root URLs.

    Clients follow redirects without counting them, so one that leads back to this system is
    ignored and its subject taken as homed here.
    """

    def __init__(
        self, sip_domains: Sequence[str], redirects: Mapping[str, str], web: WebConfig
    ) -> None:
        self._sip_domains = tuple(domain.lower() for domain in sip_domains)
        self._redirects = {domain.lower(): url for domain, url in redirects.items()}
        published = {_place(web.internal_url), _place(web.external_url)}
        plain = {(host, 80) for host, port in published if port == 443}
        self._own_places = published | plain
        self._own_hosts = {
            prefix + domain for domain in self._sip_domains for prefix in _DISCOVERY_HOSTS
        }

    def of_domain(self, domain: str) -> str | None:
        """`HERE`, the URL to go on with, or None for a domain nobody here knows."""
        if domain in self._sip_domains:
            return HERE
        url = self._redirects.get(domain)
        return None if url is None else self._unless_own(url)

    def of_user(self, user: User | None) -> str | None:
        """`HERE`, the URL to go on with, or None for a user without a home."""
        if user is None or user.home == NOWHERE:
            return None
        return self._unless_own(user.home) if user.home else HERE

    def domain_of_host(self, host: str) -> str:
        """The SIP domain that a Host header asks for.

        That is the known domain of `lyncdiscover.<domain>`, else the first one served here.
        """
        name = host.rpartition(":")[0] if ":" in host else host
        for prefix in _DISCOVERY_HOSTS:
            domain = name.lower().removeprefix(prefix)
            if domain in self._sip_domains or domain in self._redirects:
                return domain
        return self._sip_domains[0]

    def _unless_own(self, url: str) -> str:
        host, port = _place(url)
        own = (host, port) in self._own_places or host in self._own_hosts
        return HERE if own else url


def _place(url: str) -> tuple[str, int]:
    """Host and port of a URL; ("", 0), which is nobody's, for one that cannot be read."""
    try:
        parts = urlsplit(url)
        port = parts.port or _DEFAULT_PORTS.get(parts.scheme, 0)
    except ValueError:
        return "", 0
    return parts.hostname or "", port
