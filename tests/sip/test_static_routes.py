"""Which targets lead to people and numbers elsewhere."""

from collections.abc import Iterable

from twisted.trial.unittest import SynchronousTestCase

from mobility.config.mixer import MixerConfig
from mobility.config.sip import SipConfig, SipRouteConfig, SipTargetConfig
from mobility.domain.voice_objects import Gateway
from mobility.sip.refusal import SipRefusal
from mobility.sip.routing import Target, Way
from mobility.sip.static_routes import StaticRoutes
from mobility.sip.uri import parse_sip_uri, parse_uri

GATEWAY = Gateway("gw.example.net")
ROUTES = (
    SipRouteConfig(
        "partner",
        (
            SipTargetConfig("backup.partner.test", priority=5),
            SipTargetConfig("one.partner.test", port=5071, transport="tcp"),
            SipTargetConfig("two.partner.test"),
        ),
        domains=("partner.test",),
        probe_s=10,
    ),
    SipRouteConfig("all", (SipTargetConfig("192.0.2.1"),), prefixes=("+",), probe_s=0),
    SipRouteConfig("near", (SipTargetConfig("2001:db8::1"),), prefixes=("+49",), probe_s=0),
)
BACKUP = Target("backup.partner.test", None, "TLS")
ONE = Target("one.partner.test", 5071, "TCP")
TWO = Target("two.partner.test", None, "TLS")


class StaticRouteTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.down: set[Target] = set()
        self.chance = bytes(4)

    def routes(self, *, lookup: bool = False) -> StaticRoutes:
        settings = SipConfig(routes=ROUTES, domain_lookup=lookup)
        return StaticRoutes(
            settings, lambda: [GATEWAY], self.down.__contains__, lambda size: self.chance
        )

    def ways(self, uri: str, *, lookup: bool = False) -> Iterable[Way]:
        return self.routes(lookup=lookup).ways(parse_uri(uri))

    def test_domain(self) -> None:
        """A domain's targets come by priority, within one by chance, those that are down last."""
        self.assertEqual(self.ways("sip:a@partner.test"), [ONE, TWO, BACKUP])
        self.chance = b"\0\0\0\2"
        self.assertEqual(self.ways("sip:a@partner.test"), [TWO, ONE, BACKUP])
        self.down = {TWO, ONE}
        self.assertEqual(self.ways("sip:a@partner.test"), [BACKUP, TWO, ONE])

    def test_number(self) -> None:
        """The longest prefix that fits counts."""
        self.assertEqual(self.ways("tel:+49-30-1"), [Target("[2001:db8::1]", None, "TLS")])
        self.assertEqual(self.ways("tel:+1-30-1"), [Target("192.0.2.1", None, "TLS")])
        with self.assertRaises(SipRefusal) as refused:
            self.ways("tel:110;phone-context=+49")
        self.assertEqual(refused.exception.status, 404)

    def test_elsewhere(self) -> None:
        """Another domain is refused, unless the DNS may be asked."""
        with self.assertRaises(SipRefusal) as refused:
            self.ways("sip:a@stranger.test")
        self.assertEqual(refused.exception.status, 404)
        self.assertEqual(
            self.ways("sip:a@stranger.test:5099", lookup=True), [Target("stranger.test", 5099)]
        )
        with self.assertRaises(SipRefusal) as refused:
            self.ways("mailto:a@b")
        self.assertEqual(refused.exception.status, 416)

    def test_watched(self) -> None:
        """Targets of routes that ask for it are watched, and gateways."""
        watched = self.routes().watched()
        self.assertEqual([one.owner for one in watched], ["partner"] * 3 + ["gw.example.net"])
        self.assertEqual(watched[-1].target, Target("gw.example.net", 5067, "TLS"))
        self.assertEqual(self.routes().to_gateway(GATEWAY), [watched[-1].target])
        self.assertFalse(self.routes().is_away(GATEWAY))
        self.down.add(watched[-1].target)
        self.assertTrue(self.routes().is_away(GATEWAY))

    def test_trusted_for(self) -> None:
        """A domain is spoken for by its own certificate, and by its route's targets."""
        routes = self.routes()
        for names, good in (
            (["partner.test"], True),
            (["two.partner.test"], True),
            (["three.partner.test"], False),
            ([], False),
        ):
            self.assertEqual(routes.trusted_for("partner.test", names), good)
        self.assertFalse(routes.trusted_for("other.test", ["partner.test"]))

    def mixer(self, uri: str) -> StaticRoutes:
        return StaticRoutes(
            SipConfig(routes=ROUTES),
            list,
            self.down.__contains__,
            lambda size: self.chance,
            MixerConfig(uri),
        )

    def test_mixer(self) -> None:
        """The conference server is reached as its URI says, and watched."""
        routes = self.mixer("sip:c{id}@mix.test:5070;transport=tcp")
        target = Target("mix.test", 5070, "TCP")
        uri = parse_sip_uri("sip:c7@mix.test:5070;transport=tcp")
        self.assertEqual(routes.to_conference(uri), [target])
        self.assertEqual(routes.watched()[-1].target, target)
        self.assertFalse(routes.mixer_is_down)
        self.down.add(target)
        self.assertTrue(routes.mixer_is_down)
        self.assertFalse(self.routes().mixer_is_down)

    def test_mixer_behind_a_route(self) -> None:
        """A route of its domain leads to it, and is down when all its targets are."""
        routes = self.mixer("sip:c{id}@partner.test")
        self.assertEqual(
            routes.to_conference(parse_sip_uri("sip:c7@partner.test")), [ONE, TWO, BACKUP]
        )
        self.assertEqual([one.owner for one in routes.watched()], ["partner"] * 3)
        self.down |= {ONE, TWO}
        self.assertFalse(routes.mixer_is_down)
        self.down.add(BACKUP)
        self.assertTrue(routes.mixer_is_down)

    def test_nobody_calls_the_mixer(self) -> None:
        """Users do not reach conferences but by their meetings, wherever a route leads."""
        routes = self.mixer("sip:c{id}@partner.test")
        self.assertFalse(routes.reaches(parse_sip_uri("sip:c7@partner.test")))
        self.assertFalse(routes.reaches(parse_sip_uri("sip:a@partner.test")))
