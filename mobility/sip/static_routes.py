"""To whom requests for people and numbers elsewhere are sent: `[[sip.route]]` and the gateways."""

from collections.abc import Callable, Iterable
from typing import cast

import attrs

from mobility.config.mixer import MixerConfig
from mobility.config.sip import SipConfig, SipRouteConfig, SipTargetConfig
from mobility.domain.voice_objects import Gateway
from mobility.sip.dialog import Entropy
from mobility.sip.flow import Flow
from mobility.sip.locating import weighted
from mobility.sip.refusal import SipRefusal
from mobility.sip.routing import Target, Way, target_of
from mobility.sip.uri import OtherUri, SipUri, TelUri, Uri, parse_sip_uri

MIXER = "mixer"
"""Under which name the conference server is watched that no route leads to."""


@attrs.frozen(slots=True)
class Watched:
    """A target that is asked now and then whether it is there; `owner` is its route or gateway."""

    owner: str
    target: Target
    probe_s: float


class StaticRoutes:
    """Which targets lead to a URI, those that are there before those that are not.

    `is_down` says which are not (`mobility.sip.probing`).
    """

    def __init__(
        self,
        settings: SipConfig,
        gateways: Callable[[], Iterable[Gateway]],
        is_down: Callable[[Target], bool],
        entropy: Entropy,
        mixer: MixerConfig | None = None,
    ) -> None:
        self._settings = settings
        self._mixer = mixer if mixer is not None and mixer.uri else None
        self._mixer_uri = parse_sip_uri(mixer.conference("0")) if mixer and mixer.uri else None
        """Of some conference."""
        self._gateways = gateways
        self._is_down = is_down
        self._entropy = entropy
        self._by_domain: dict[str, SipRouteConfig] = {}
        self._by_prefix: dict[str, SipRouteConfig] = {}
        for route in settings.routes:
            for domain in route.domains:
                self._by_domain.setdefault(domain, route)
            for prefix in route.prefixes:
                self._by_prefix.setdefault(prefix, route)

    def reaches(self, uri: SipUri | TelUri) -> bool:
        """Whether there is somebody to send requests for the URI to."""
        try:
            self.ways(uri)
        except SipRefusal:
            return False
        return True

    def ways(self, uri: Uri) -> list[Way]:
        """How requests for a URI that is none of our users' go on.

        Raises SipRefusal where nothing leads there, and for conferences of the mixer's: nobody is
        to get past the lobby of a meeting.
        """
        if isinstance(uri, OtherUri):
            raise SipRefusal(416)
        if isinstance(uri, TelUri):
            return self._by_number(uri.number)
        if self._mixer_uri is not None and uri.host == self._mixer_uri.host:
            raise SipRefusal(404)
        route = self._by_domain.get(uri.host)
        if route is not None:
            return self._targets(route)
        if not self._settings.domain_lookup:
            raise SipRefusal(404)
        return [target_of(uri)]

    def targets_of(self, domain: str) -> list[Target]:
        """The targets of the `[[sip.route]]` of a domain, none without one."""
        route = self._by_domain.get(domain)
        return (
            []
            if route is None
            else [one for one in self._targets(route) if isinstance(one, Target)]
        )

    def to_gateway(self, gateway: Gateway) -> list[Way]:
        """How a gateway is reached."""
        return [target_of_gateway(gateway)]

    def is_away(self, gateway: Gateway) -> bool:
        """Whether a gateway has not answered when it was asked last."""
        return self._is_down(target_of_gateway(gateway))

    def own_ways(self, uri: Uri) -> list[Way]:
        """How requests of this front end's own go on: conferences are reached as well.

        Raises SipRefusal where nothing leads there.
        """
        mixer = self._mixer_uri
        if mixer is not None and isinstance(uri, SipUri) and uri.host == mixer.host:
            return self.to_conference(uri)
        return self.ways(uri)

    def to_conference(self, uri: SipUri) -> list[Way]:
        """How a conference of the mixer's is reached: by the route of its domain, or as it says."""
        route = self._by_domain.get(uri.host)
        return self._targets(route) if route is not None else [target_of(uri)]

    @property
    def mixer_is_down(self) -> bool:
        """Whether there is a mixer, and nothing that leads to it is there."""
        if self._mixer_uri is None:
            return False
        ways = self.to_conference(self._mixer_uri)
        return all(isinstance(way, Target) and self._is_down(way) for way in ways)

    def has_sessions(self, uri: Uri) -> bool:
        """Whether messages to a URI begin as sessions."""
        route = self._by_domain.get(uri.host) if isinstance(uri, SipUri) else None
        if isinstance(uri, TelUri):
            route = self._of_number(uri.number)
        return route is not None and route.messages == "session"

    def trusted_for(self, domain: str, names: Iterable[str]) -> bool:
        """Whether a server with a certificate for these names speaks for a domain: one of the
        domain's own names, or one of its route's targets (RFC 5922)."""
        route = self._by_domain.get(domain)
        hosts = {one.host for one in route.targets} if route is not None else set()
        return not {domain, *hosts}.isdisjoint(names)

    def accounts_towards(self, flow: Flow) -> list[str]:
        """The accounts for whoever is at the other end of a flow: a target or gateway with its
        certificate, or one without TLS that is named by the flow's address."""
        targets = [_target(one, route) for route in self._settings.routes for one in route.targets]
        targets += [target_of_gateway(one) for one in self._gateways()]
        return [
            one.account
            for one in targets
            if one.account
            and (
                one.name in flow.names
                if flow.secure
                else one.transport != "TLS" and one.name == flow.source[0]
            )
        ]

    def watched(self) -> list[Watched]:
        """Whom to probe."""
        found = [
            Watched(route.name, _target(one, route), route.probe_s)
            for route in self._settings.routes
            for one in route.targets
            if route.probe_s
        ]
        every_s = self._settings.gateway_probe_s
        if every_s:
            found += [
                Watched(one.name, target_of_gateway(one), every_s) for one in self._gateways()
            ]
        uri, mixer = self._mixer_uri, self._mixer
        routed = uri is None or uri.host in self._by_domain
        if uri is not None and mixer is not None and mixer.probe_s and not routed:
            found.append(Watched(MIXER, target_of(uri), mixer.probe_s))
        return found

    def _by_number(self, number: str) -> list[Way]:
        route = self._of_number(number)
        if route is None:
            raise SipRefusal(404)
        return self._targets(route)

    def _of_number(self, number: str) -> SipRouteConfig | None:
        for length in range(len(number), -1, -1):
            route = self._by_prefix.get(number[:length])
            if route is not None:
                return route
        return None

    def _targets(self, route: SipRouteConfig) -> list[Way]:
        """By priority, and within it by chance; those that are down come last."""
        left = sorted(route.targets, key=lambda one: one.priority)
        ordered: list[Target] = []
        while left:
            same = [one for one in left if one.priority == left[0].priority]
            chosen = same[weighted([one.weight for one in same], self._entropy)]
            ordered.append(_target(chosen, route))
            left.remove(chosen)
        return cast(list[Way], sorted(ordered, key=self._is_down))


def target_of_gateway(gateway: Gateway) -> Target:
    transport = gateway.transport.upper()
    return Target(gateway.name, gateway.port, transport, account=gateway.account, gateway=True)


def _target(settings: SipTargetConfig, route: SipRouteConfig) -> Target:
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    transport = settings.transport.upper()
    return Target(host, settings.port or None, transport, account=route.account)
