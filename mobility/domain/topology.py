"""The topology: sites, pools, branches, hosting providers, and where a user is homed.

A user's home (`User.home`) is "" for this pool, "none", an Autodiscover root URL, or `pool:NAME`
with the name of another pool, a branch or a hosting provider of the topology.
"""

import attrs

from mobility.domain.records import User
from mobility.domain.setting_rules import nearest

NOWHERE = "none"
"""`User.home` of a user that no pool serves."""

NAMED = "pool:"
"""What `User.home` begins with when it names a part of the topology."""


@attrs.frozen(slots=True)
class Pool:
    """Another pool: its name, the URL of its Autodiscover root, and its site."""

    name: str
    root: str
    site: str = ""


@attrs.frozen(slots=True)
class Branch:
    """A Survivable Branch Appliance: the registrar of its users, who are otherwise of this pool.

    Their SIP clients connect to `name` at `port`.
    """

    name: str
    site: str = ""
    port: int = 5061


@attrs.frozen(slots=True)
class HostingProvider:
    """Where users of the same SIP domains live in a hybrid deployment (CsHostingProvider).

    With `shared_address_space` whoever is not known here is looked for there.  `proxy` is the host
    of its Access Edge, to which federation leads.
    """

    name: str
    root: str = ""
    shared_address_space: bool = False
    proxy: str = ""


@attrs.frozen(slots=True)
class Edge:
    """The Access Edge, through which push federation goes: its address, and the domains allowed."""

    name: str
    port: int = 5061
    allowed_domains: tuple[str, ...] = ()

    def allows(self, host: str) -> bool:
        """Whether a host is in an allowed domain."""
        host = host.lower()
        return any(host == one or host.endswith(f".{one}") for one in self.allowed_domains)


@attrs.frozen(slots=True)
class Home:
    """Where a user is served.

    `root` is "" for this pool, else the Autodiscover root URL to go on with.  `branch` is the
    registrar of a user of this pool that registers elsewhere.
    """

    root: str = ""
    branch: Branch | None = None


HERE = Home()


@attrs.frozen(slots=True)
class Topology:
    """What is the same for everybody.

    `pool` is the name of this pool and `site` the one it is in.  A `director` serves Autodiscover
    alone: users without a pool of their own are then at the pool `next_hop`.
    """

    pool: str = ""
    site: str = ""
    director: bool = False
    next_hop: str = ""
    pools: tuple[Pool, ...] = ()
    branches: tuple[Branch, ...] = ()
    providers: tuple[HostingProvider, ...] = ()
    edge: Edge | None = None

    def home_of(self, user: User) -> Home | None:
        """Where a user is served; None for nowhere, and for a pool that is not there any more."""
        if user.home == NOWHERE:
            return None
        name = user.home.removeprefix(NAMED) if user.home.startswith(NAMED) else ""
        if user.home and not name:
            return Home(user.home)
        if not name or name == self.pool:
            if not self.director:
                return HERE
            name = self.next_hop
        for branch in self.branches:
            if branch.name == name:
                return (
                    Home(self._root(self.next_hop), branch) if self.director else Home("", branch)
                )
        root = self._root(name)
        return Home(root) if root else None

    def site_of(self, user: User) -> str:
        """The site of a user: its own, else that of its branch, else that of its pool."""
        if user.site:
            return user.site
        name = user.home.removeprefix(NAMED)
        named = {pool.name: pool.site for pool in self.pools}
        named |= {branch.name: branch.site for branch in self.branches}
        return named.get(name) or self.site

    def sites(self) -> list[str]:
        """The sites of this pool, of the others and of branches."""
        pools = {one.site for one in self.pools}
        return sorted({self.site, *pools, *(one.site for one in self.branches)} - {""})

    def elsewhere(self) -> str:
        """Where users are looked for who are not known here; "" for nowhere."""
        return next((one.root for one in self.providers if one.shared_address_space), "")

    def home_named(self, name: str) -> str:
        """What `User.home` is for a pool, a branch or a provider.

        Raises LookupError with the nearest right name.
        """
        folded = name.casefold()
        if folded == self.pool.casefold():
            return ""
        for known in self.names():
            if known.casefold() == folded:
                return f"{NAMED}{known}"
        raise LookupError(
            f"is {name!r}, which is no pool, branch or hosting provider of the topology"
            f"{nearest(name, (self.pool, *self.names()))}"
        )

    def names(self) -> list[str]:
        """The names of the other pools, the branches, and the providers that have users."""
        return [
            *(pool.name for pool in self.pools),
            *(branch.name for branch in self.branches),
            *(provider.name for provider in self.providers if provider.root),
        ]

    def _root(self, name: str) -> str:
        """The Autodiscover root of another pool or a provider, "" for none."""
        known = {pool.name: pool.root for pool in self.pools}
        known |= {provider.name: provider.root for provider in self.providers}
        return known.get(name, "")
