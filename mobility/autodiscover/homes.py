"""Where a SIP domain or a user is served, and the guard against redirects that go in a circle."""

from collections.abc import Mapping, Sequence
from urllib.parse import urlsplit

from mobility.config import Config, WebConfig
from mobility.domain.records import User
from mobility.domain.topology import Branch, Topology

HERE = ""
"""A home on this system; any other home is the Autodiscover root URL to go on with."""

_DISCOVERY_HOSTS = ("lyncdiscover.", "lyncdiscoverinternal.")
_DEFAULT_PORTS = {"http": 80, "https": 443}


class Homes:
    """Homes by configuration.  `redirects` maps SIP domains to Autodiscover root URLs, `topology`
    knows the other pools.

    Clients follow redirects without counting them, so one that leads back to this system is
    ignored and its subject taken as homed here.
    """

    def __init__(
        self,
        sip_domains: Sequence[str],
        redirects: Mapping[str, str],
        web: WebConfig,
        topology: Topology | None = None,
    ) -> None:
        self._topology = topology or Topology()
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
        home = self._topology.home_of(user) if user is not None else None
        if home is None:
            return None
        return self._unless_own(home.root) if home.root else HERE

    def serves(self, user: User) -> bool:
        """Whether a user's applications are served here."""
        return self.of_user(user) == HERE

    def of_stranger(self) -> str:
        """Where a user of a domain served here is looked for who is not known here: `HERE`, or the
        hosting provider that shares our SIP domains."""
        elsewhere = self._topology.elsewhere()
        return self._unless_own(elsewhere) if elsewhere else HERE

    def branch_of(self, user: User | None) -> Branch | None:
        """The branch appliance where a user's SIP clients register, or None."""
        home = self._topology.home_of(user) if user is not None else None
        return home.branch if home is not None else None

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


def homes_of(config: Config) -> Homes:
    """The homes that the configuration tells of."""
    return Homes(
        config.sip_domains,
        config.autodiscover.redirects,
        config.web,
        config.topology.domain,
    )


def _place(url: str) -> tuple[str, int]:
    """Host and port of a URL; ("", 0), which is nobody's, for one that cannot be read."""
    try:
        parts = urlsplit(url)
        port = parts.port or _DEFAULT_PORTS.get(parts.scheme, 0)
    except ValueError:
        return "", 0
    return parts.hostname or "", port
