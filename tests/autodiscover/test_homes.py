"""Tests of `mobility.autodiscover.homes`."""

import attrs
from twisted.trial.unittest import SynchronousTestCase

from mobility.autodiscover.homes import HERE, Homes
from mobility.config import WebConfig
from mobility.domain.records import User

WEB = WebConfig(internal_url="https://in.example.test", external_url="https://out.example.test")
ELSEWHERE = "https://pool.example.org/Autodiscover/AutodiscoverService.svc/root"
ALICE = User("sip:alice@example.test", "Alice")

OWN_URLS = (
    "https://out.example.test/Autodiscover/AutodiscoverService.svc/root",
    "https://OUT.example.test:443/",
    "http://out.example.test/",
    "https://in.example.test",
    "https://lyncdiscover.example.test/",
    "http://lyncdiscoverinternal.example.test/?sipuri=a@b.test",
)


class HomesTests(SynchronousTestCase):
    """`Homes`."""

    def homes(self, redirects: dict[str, str] | None = None, web: WebConfig = WEB) -> Homes:
        return Homes(["example.test"], redirects or {"example.org": ELSEWHERE}, web)

    def test_domains(self) -> None:
        """Ours is here, a redirected one elsewhere, any other unknown."""
        homes = self.homes()
        self.assertEqual(homes.of_domain("example.test"), HERE)
        self.assertEqual(homes.of_domain("example.org"), ELSEWHERE)
        self.assertIsNone(homes.of_domain("example.net"))

    def test_users(self) -> None:
        """By `home`: here, elsewhere, or nowhere, as is a user that does not exist."""
        homes = self.homes()
        self.assertEqual(homes.of_user(ALICE), HERE)
        self.assertEqual(homes.of_user(attrs.evolve(ALICE, home=ELSEWHERE)), ELSEWHERE)
        self.assertIsNone(homes.of_user(attrs.evolve(ALICE, home="none")))
        self.assertIsNone(homes.of_user(None))

    def test_a_redirect_to_ourselves_is_home(self) -> None:
        """Every URL under which this system is found would lead a client in a circle."""
        for url in OWN_URLS:
            homes = self.homes({"example.org": url})
            self.assertEqual(homes.of_domain("example.org"), HERE, url)
            self.assertEqual(homes.of_user(attrs.evolve(ALICE, home=url)), HERE, url)

    def test_another_port_of_our_host_is_another_system(self) -> None:
        """Two pools may share a host name."""
        for url in ("https://out.example.test:4443/", "http://out.example.test:8080/"):
            self.assertEqual(self.homes({"example.org": url}).of_domain("example.org"), url)
        web = attrs.evolve(WEB, external_url="https://out.example.test:4443")
        url = "https://out.example.test/"
        self.assertEqual(self.homes({"example.org": url}, web).of_domain("example.org"), url)

    def test_an_unreadable_url_is_not_ours(self) -> None:
        """A home that is no URL is handed on and breaks nothing here."""
        for url in ("https://[::1", "https://host:port/", "nonsense"):
            self.assertEqual(self.homes().of_user(attrs.evolve(ALICE, home=url)), url)

    def test_the_domain_of_a_host(self) -> None:
        """`lyncdiscover` names say the domain; any other host means the first one."""
        homes = self.homes()
        for host, domain in (
            ("lyncdiscover.example.org", "example.org"),
            ("LyncDiscoverInternal.Example.Org:8080", "example.org"),
            ("lyncdiscover.example.test", "example.test"),
            ("lyncdiscover.example.net", "example.test"),
            ("out.example.test:4443", "example.test"),
            ("[::1]:4443", "example.test"),
            ("", "example.test"),
        ):
            self.assertEqual(homes.domain_of_host(host), domain, host)
