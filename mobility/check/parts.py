"""The parts of the check, one after another: each observes, and judges what it saw."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

import attrs
from twisted.internet.threads import deferToThreadPool

from mobility.check import certificates, dns, host, machine, ports, proxy, push, topology
from mobility.check.clearing_houses import ask, ask_through_edge
from mobility.check.connections import TLS_FAILED
from mobility.check.findings import PARTS, Report, Skipped
from mobility.check.looking import Lookout, Wishes
from mobility.check.networks import physical_addresses
from mobility.check.resolvers import Asker, Server, system_servers
from mobility.config import Config
from mobility.planning.deployment import Deployment
from mobility.push.message_house import MessageClearingHouse

NEEDS_CONFIG = ("topology", "ports", "push", "host")
"""Parts that look at this front end, and not at what a client outside sees."""


@attrs.frozen(slots=True)
class Check:
    """One run.  `config` is None when only a published URL is known, from outside.

    `platforms` are the push switches of the front end that runs, and `gateways` those of its voice
    routes, or why nobody could be asked.
    `federated` gives a clearing house at a SIP address, where the configuration names one.
    """

    config: Config | None
    deployment: Deployment
    wishes: Wishes
    now: datetime
    reactor: Any
    parts: tuple[str, ...] = PARTS
    platforms: Sequence[push.PlatformUse] | str = ()
    federated: Callable[[Config], MessageClearingHouse | None] = lambda _: None
    gateways: Sequence[topology.GatewayUse] | str = ()

    async def reports(self) -> dict[str, Report]:
        """What each part finds.  Raises OperatorFault."""
        return {part: await self.report(part) for part in self.parts}

    async def report(self, part: str) -> Report:
        """What one part finds.  Raises OperatorFault."""
        lookout = Lookout(self.deployment, self.wishes, self.reactor)
        if part in NEEDS_CONFIG and (self.config is None or lookout.outside):
            return Report(skipped=(Skipped(part, "it cannot be seen from outside"),))
        if part == "dns":
            return await self._dns(lookout)
        if part == "certificates":
            presented, skipped = await lookout.see_certificates(self.config)
            return certificates.judge(presented, self.wishes.authorities, self.now, skipped)
        if part == "proxy":
            return await self._proxy(lookout)
        if part == "ports":
            probed, skipped = await lookout.see_ports()
            return ports.judge(self.deployment, probed, skipped)
        return await self._own(part)

    async def _proxy(self, lookout: Lookout) -> Report:
        """The way through the proxy; what another part says is not said twice."""
        origins = () if self.config is None else self.config.web.cross_domain_origins
        own = (self.deployment.external.url,) if self.config is not None else ()
        host_name = (self.wishes.start or self.deployment.external).host
        if "dns" in self.parts and await lookout.address(host_name) is None:
            reason = f"{host_name} has no address; the dns check says more"
            return Report(skipped=(Skipped("proxy", reason),))
        seen, skipped = await lookout.see_proxy((*origins, *own), self.deployment.sip_domains)
        if "certificates" in self.parts and seen.root.failure == TLS_FAILED:
            reason = f"{seen.root.failure}; the certificates check says more"
            return Report(skipped=(Skipped("proxy", reason),))
        return proxy.judge(seen, tuple(skipped))

    async def _own(self, part: str) -> Report:
        """Parts that need nothing but the configuration and this machine."""
        if part == "topology" or self.config is None:
            return topology.judge(self.deployment, physical_addresses()) + self._gateways()
        if part == "push":
            house = self.federated(self.config)
            if house is not None:
                asked: push.Asked | None = await ask_through_edge(house)
            else:
                asked = await ask(self.config.push, str(self.config.source), self.reactor)
            return push.judge(asked, self.now) + self._switches(self.config, asked)
        seen = await deferToThreadPool(
            self.reactor, self.reactor.getThreadPool(), machine.look, self.config.data_dir
        )
        return host.judge(seen)

    def _gateways(self) -> Report:
        if isinstance(self.gateways, str):
            return Report(skipped=(Skipped("accounts of gateways", self.gateways),))
        accounts = [] if self.config is None else [one.name for one in self.config.sip.accounts]
        return topology.judge_gateways(self.gateways, accounts)

    def _switches(self, config: Config, asked: push.Asked | None) -> Report:
        if isinstance(self.platforms, str):
            return Report(skipped=(Skipped("switches of platforms", self.platforms),))
        providers = () if asked is None else asked.providers
        house = bool(config.push.clearing_house)
        return push.judge_switches(self.platforms, house=house, providers=providers)

    async def _dns(self, lookout: Lookout) -> Report:
        sip = self.config.autodiscover if self.config is not None else None
        expected = dns.expected_services(
            self.deployment,
            edge=self.deployment.edge.host if self.deployment.edge is not None else "",
            sip_internal=sip.sip_internal if sip is not None else "",
            sip_external=sip.sip_external if sip is not None else "",
        )
        inside = None
        if not lookout.outside:
            inside = await self._view(self.wishes.inside or system_servers(), expected, "inside")
        outside = None
        if self.wishes.outside:
            outside = await self._view(self.wishes.outside, expected, "outside")
        return dns.judge(self.deployment, expected, inside, outside)

    async def _view(
        self, servers: Sequence[Server], expected: list[dns.Expected], side: str
    ) -> dns.View:
        services = [one.name for one in expected if one.side == side]
        return await Asker(servers, self.reactor).view(dns.names_to_ask(self.deployment), services)
