"""Tests of `mobility.autodiscover.routes`, with requests as the HTTP layer hands them over."""

import json
from pathlib import Path
from urllib.parse import parse_qs, urlsplit
from xml.etree import ElementTree

import attrs
from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from mobility.auth.challenge import Authenticator, Challenge
from mobility.auth.tokens import Tokens
from mobility.autodiscover.routes import routes
from mobility.config import AutodiscoverConfig, Config, StoreConfig, WebConfig
from mobility.config.mcx import McxConfig
from mobility.domain.records import User
from mobility.domain.users import Users
from mobility.http.errors import Unauthorised
from mobility.http.message import Response, Site
from mobility.http.route import Authorisation, Route
from mobility.testing import MemoryClient, MemoryLog, MemoryResponse, memory_site
from tests.auth.doubles import (
    EXTERNAL,
    INTERNAL,
    NOW,
    MemoryLedger,
    pseudonym,
    request,
)

SERVICE = "/Autodiscover/AutodiscoverService.svc/root"
ELSEWHERE = "https://pool.example.org/Autodiscover/AutodiscoverService.svc/root"
WEB = WebConfig(
    internal_url="https://in.example.test",
    external_url="https://out.example.test:4443",
    cross_domain_origins=("https://chat.example.org",),
)
PLAIN = Site("external", False)
XML = "application/vnd.microsoft.rtc.autodiscover+xml;v=1"
DISCOVERY_HEADERS = [("Expires", "-1"), ("Cache-Control", "no-cache"), ("Pragma", "no-cache")]

CONFIG = Config(
    source=Path("mobility.toml"),
    data_dir=Path(),
    sip_domains=("example.test",),
    server_fqdn="fe.example.test",
    listeners=(),
    web=WEB,
    store=StoreConfig(Path("db")),
    autodiscover=AutodiscoverConfig(
        redirects={"example.org": ELSEWHERE}, sip_external="sip.example.test:5061"
    ),
)

USERS = (
    User("sip:alice@example.test", "Alice"),
    User("sip:moved@example.test", "Moved", home=ELSEWHERE),
    User("sip:circle@example.test", "Circle", home="https://out.example.test:4443" + SERVICE),
    User("sip:none@example.test", "None", home="none"),
)


class RoutesTests(SynchronousTestCase):
    """The handlers of Autodiscover."""

    def setUp(self) -> None:
        self.ledger = MemoryLedger()
        self.tokens = Tokens(self.ledger, 100, MemoryLog(), pseudonym)
        self.challenge = Challenge(WEB, CONFIG.sip_domains, ["password"])
        self.serve(CONFIG)

    def serve(self, config: Config) -> None:
        self.routes = routes(
            config, Users(self.ledger, USERS), Authenticator(self.tokens, self.challenge)
        )

    def route(self, path: str) -> Route:
        (route,) = (route for route in self.routes if route.path == path)
        return route

    def get(
        self,
        path: str = SERVICE,
        *,
        query: dict[str, str] | None = None,
        accept: str = "",
        host: str = "out.example.test:4443",
        authorization: str = "",
        site: Site = EXTERNAL,
    ) -> Response:
        headers = {"host": host}
        if accept:
            headers["accept"] = accept
        if authorization:
            headers["authorization"] = authorization
        asked = request("GET", path, site=site, query=query, headers=headers)
        response = self.route(path).handler(asked)
        assert isinstance(response, Response)
        return response

    def bearer(self, user: str = "alice") -> str:
        issue = self.tokens.issue(f"sip:{user}@example.test", 60, NOW)
        return "Bearer " + self.successResultOf(Deferred.fromCoroutine(issue))

    def classic(self, response: Response) -> dict[str, str]:
        """The tokens and hrefs of a classic JSON answer."""
        content = json.loads(response.body or b"")
        (kind,) = (key for key in content if key not in ("AccessLocation", "_links"))
        return {link["token"]: link["href"] for link in content[kind]["Links"]}

    # -- declarations

    def test_only_root_is_served_over_plain_http(self) -> None:
        """`/` and `/root` are, all others are not."""
        self.assertEqual(sorted(route.path for route in self.routes if route.plain), ["/", SERVICE])
        self.assertTrue(all(route.method == "GET" for route in self.routes))
        self.assertTrue(
            all(
                route.authorisation in (Authorisation.NONE, Authorisation.OWN)
                for route in self.routes
            )
        )

    # -- root

    def test_root_is_the_same_at_the_bare_host(self) -> None:
        """`/` answers as the service path does."""
        self.assertEqual(self.get("/"), self.get(SERVICE))

    def test_every_discovery_answer_is_uncached(self) -> None:
        """Expires, Cache-Control and Pragma go with answers and refusals."""
        for response in (
            self.get(),
            self.get(SERVICE + "/domain"),
            self.get(query={"sipuri": "a@example.net"}),
            self.get(query={"sipuri": "junk"}),
            self.get(SERVICE + "/oauth/user", authorization=self.bearer()),
            self.get(SERVICE + "/oauth/user", authorization="Bearer x"),
            self.get(SERVICE + "/oauth/user", authorization=self.bearer("none")),
        ):
            self.assertEqual(response.headers[:3], DISCOVERY_HEADERS)

    def test_links_of_root_are_on_the_site_that_was_hit(self) -> None:
        """AccessLocation and hosts follow the listener, never the Host header."""
        for site, location, url in (
            (INTERNAL, "Internal", "https://in.example.test"),
            (EXTERNAL, "External", "https://out.example.test:4443"),
        ):
            response = self.get(site=site, host="evil.example.net")
            self.assertEqual(json.loads(response.body or b"")["AccessLocation"], location)
            for href in self.classic(response).values():
                self.assertTrue(href.startswith(url + SERVICE + "/"), href)

    def test_the_form_follows_accept(self) -> None:
        """HAL, classic JSON and XML, each with its Content-Type; caches are told so."""
        hal = self.get(accept="application/json")
        self.assertEqual(hal.content_type, "application/json")
        self.assertEqual(set(json.loads(hal.body or b"")["_links"]), {"self", "user", "xframe"})
        xml = self.get(accept=XML)
        self.assertTrue((xml.content_type or "").startswith(XML.partition(";")[0]))
        self.assertEqual(ElementTree.fromstring(xml.body or b"")[0].tag, "Root")
        for accept in ("", "*/*", "application/vnd.microsoft.rtc.autodiscover+json"):
            self.assertEqual(
                set(self.classic(self.get(accept=accept))), {"Domain", "User", "OAuth"}
            )
        for accept in ("", "*/*"):
            self.assertEqual(
                json.loads(self.get(accept=accept).body or b"")["_links"],
                json.loads(hal.body or b"")["_links"],
            )
        self.assertIn(("Vary", "Accept"), hal.headers)

    def test_sipuri_is_read_in_every_spelling(self) -> None:
        """With or without `sip:`, any case, and with the `+` of a number read as a space."""
        for sipuri in (
            "alice@example.test",
            "sip:alice@example.test",
            "SIP:Alice@EXAMPLE.test",
            " 15551234@example.test",
        ):
            self.assertIn("User", self.classic(self.get(query={"sipuri": sipuri})), sipuri)

    def test_sipuri_of_a_redirected_domain(self) -> None:
        """200 with the one link to the pool that serves it."""
        response = self.get(query={"sipuri": "sip:bob@example.org"})
        self.assertEqual(response.status, 200)
        self.assertEqual(self.classic(response), {"Redirect": ELSEWHERE})

    def test_sipuri_of_an_unknown_domain(self) -> None:
        """404 with an empty body."""
        response = self.get(query={"sipuri": "bob@example.net"})
        self.assertEqual((response.status, response.body, response.document), (404, None, None))

    def test_a_malformed_sipuri_is_refused_in_the_form_asked_for(self) -> None:
        """400 that names the parameter."""
        for sipuri in ("", "junk", "@example.test", "a@", "a@-x-", "a@b@c", "tel:+1555", "<a@b>"):
            response = self.get(query={"sipuri": sipuri}, accept="application/json")
            self.assertEqual(response.status, 400, sipuri)
            self.assertEqual(json.loads(response.body or b"")["code"], "BadRequest")
        xml = self.get(query={"sipuri": "junk"}, accept=XML)
        self.assertEqual(ElementTree.fromstring(xml.body or b"")[0].tag, "Error")

    def test_without_sipuri_the_host_tells_the_domain(self) -> None:
        """`lyncdiscover.<domain>` of a redirected domain redirects; an unknown host is ours."""
        redirected = self.get("/", host="lyncdiscover.example.org")
        self.assertEqual(self.classic(redirected), {"Redirect": ELSEWHERE})
        for host in ("lyncdiscover.example.test", "10.0.0.1", "lyncdiscover.example.net"):
            self.assertIn("User", self.classic(self.get("/", host=host)), host)

    def test_original_domain_is_carried_on(self) -> None:
        """From the request, else from sipuri, else from the host; a bad one is dropped."""
        for query, domain in (
            ({"originaldomain": "example.org"}, "example.org"),
            ({"originaldomain": "Other.Example"}, "other.example"),
            ({"sipuri": "a@example.test"}, "example.test"),
            ({}, "example.test"),
            ({"originaldomain": "a b"}, "example.test"),
            ({"originaldomain": '"><script>'}, "example.test"),
            ({"originaldomain": "example.test?sipuri=a@b"}, "example.test"),
        ):
            for href in self.classic(self.get(query=query)).values():
                self.assertEqual(parse_qs(urlsplit(href).query), {"originalDomain": [domain]})

    def test_who_was_sent_here_is_not_sent_away_again(self) -> None:
        """A client that carries an original domain is served, whatever host it asked."""
        response = self.get(
            "/", host="lyncdiscover.example.org", query={"originaldomain": "example.org"}
        )
        self.assertIn("User", self.classic(response))

    def test_plain_http_answers_200_with_one_redirect_link(self) -> None:
        """In every form, to the https URL of the same site, with sipuri carried on."""
        for site, url in (
            (PLAIN, "https://out.example.test:4443"),
            (Site("internal", False), "https://in.example.test"),
        ):
            for path in ("/", SERVICE):
                for query in ({}, {"sipuri": "sip:bob@example.org"}, {"sipuri": "a@example.net"}):
                    response = self.get(path, site=site, query=query)
                    self.assertEqual(response.status, 200)
                    links = self.classic(response)
                    self.assertEqual(list(links), ["Redirect"])
                    self.assertTrue(links["Redirect"].startswith(url + SERVICE))
                    carried = parse_qs(urlsplit(links["Redirect"]).query).get("sipuri")
                    self.assertEqual(
                        carried, [query["sipuri"].removeprefix("sip:")] if query else None
                    )
        hal = json.loads(self.get(site=PLAIN, accept="application/json").body or b"")
        self.assertEqual(list(hal["_links"]), ["redirect"])
        xml = ElementTree.fromstring(self.get(site=PLAIN, accept=XML).body or b"")
        self.assertEqual([link.get("token") for link in xml[0]], ["Redirect"])

    @given(
        st.text(max_size=40)
        | st.from_regex(r"\A(sip:)?[a-z.+]{1,8}@[a-z.-]{1,20}\Z")
        | st.sampled_from(["a@example.test", "sip:b@example.org"])
    )
    def test_any_sipuri_gets_a_documented_answer(self, sipuri: str) -> None:
        """200, 400 or 404, in all three forms, and always readable."""
        for accept in ("", "application/json", XML):
            response = self.get(query={"sipuri": sipuri}, accept=accept)
            self.assertIn(response.status, (200, 400, 404))
            if response.body is not None:
                reader = ElementTree.fromstring if accept == XML else json.loads
                reader(response.body)

    # -- domain

    def test_domain_needs_no_token(self) -> None:
        """Anybody may ask."""
        response = self.get(SERVICE + "/domain")
        self.assertEqual(
            set(self.classic(response)), {"Internal/Autodiscover", "External/Autodiscover"}
        )
        content = json.loads(response.body or b"")
        self.assertEqual(
            content["Domain"]["SipClientExternalAccess"],
            {"fqdn": "sip.example.test", "port": 5061},
        )

    def test_no_sip_access_unless_configured(self) -> None:
        """A SIP host is a capability like any other."""
        self.serve(attrs.evolve(CONFIG, autodiscover=AutodiscoverConfig()))
        response = self.get(SERVICE + "/domain")
        self.assertEqual(set(json.loads(response.body or b"")["Domain"]), {"Links"})

    # -- user

    def test_without_a_token_both_users_challenge(self) -> None:
        """401 with the two lines for the site that was hit and a short page; no web ticket URL."""
        for path in (SERVICE + "/user", SERVICE + "/oauth/user"):
            for site in (INTERNAL, EXTERNAL):
                for authorization in ("", "Basic YTpi", "Bearer", "Bearer "):
                    fault = self.assertRaises(
                        Unauthorised, self.get, path, site=site, authorization=authorization
                    )
                    self.assertEqual(fault.challenges, self.challenge.lines(site))
                    self.assertTrue(fault.html)

    def test_a_bad_token_is_403_for_oauth_and_401_for_user(self) -> None:
        """As 3.1.5.5 and 3.1.5.3 say; the 403 says why."""
        for bad in ("Bearer x", "Bearer cwt=" + "A" * 43):
            response = self.get(SERVICE + "/oauth/user", authorization=bad)
            self.assertEqual((response.status, response.content_type), (403, "text/html"))
            self.assertIn(
                (
                    "X-Ms-diagnostics",
                    '28032;source="fe.example.test";reason="The web ticket is invalid."',
                ),
                response.headers,
            )
            self.assertRaises(Unauthorised, self.get, SERVICE + "/user", authorization=bad)

    def test_a_user_homed_here_gets_its_links(self) -> None:
        """Mobility links are external on both sites, Self is on the one that was hit."""
        for site, url in (
            (INTERNAL, "https://in.example.test"),
            (EXTERNAL, "https://out.example.test:4443"),
        ):
            for path in (SERVICE + "/user", SERVICE + "/oauth/user"):
                response = self.get(path, site=site, authorization=self.bearer())
                links = self.classic(response)
                self.assertEqual(response.status, 200)
                self.assertTrue(links["Self"].startswith(url + SERVICE + "/user?"))
                for token in (
                    "Ucwa",
                    "Internal/Ucwa",
                    "External/Ucwa",
                    "XFrame",
                    "Internal/XFrame",
                ):
                    self.assertTrue(
                        links[token].startswith("https://out.example.test:4443/"), token
                    )

    def test_mobility_service_of_a_legacy_pool(self) -> None:
        """With `mcx.forward_to`, and only then, users find the Mobility Service on this external
        site."""
        authorization = self.bearer()
        self.assertNotIn(
            "External/Mcx", self.classic(self.get(SERVICE + "/user", authorization=authorization))
        )
        self.serve(attrs.evolve(CONFIG, mcx=McxConfig(forward_to="https://old.example.test")))
        links = self.classic(self.get(SERVICE + "/user", authorization=authorization))
        href = "https://out.example.test:4443/Mcx/McxService.svc"
        self.assertEqual([href] * 2, [links["Internal/Mcx"], links["External/Mcx"]])

    def test_hal_has_the_applications(self) -> None:
        """What UCWA clients look for."""
        response = self.get(
            SERVICE + "/oauth/user", accept="application/json", authorization=self.bearer()
        )
        self.assertEqual(
            json.loads(response.body or b"")["_links"]["applications"]["href"],
            "https://out.example.test:4443/ucwa/oauth/v1/applications",
        )

    def test_a_user_homed_elsewhere_is_redirected(self) -> None:
        """200 whose only link is the other pool's root."""
        response = self.get(SERVICE + "/oauth/user", authorization=self.bearer("moved"))
        self.assertEqual((response.status, self.classic(response)), (200, {"Redirect": ELSEWHERE}))

    def test_a_user_sent_to_ourselves_is_homed_here(self) -> None:
        """A redirect to our own URL would go in a circle."""
        response = self.get(SERVICE + "/oauth/user", authorization=self.bearer("circle"))
        self.assertIn("Ucwa", self.classic(response))

    def test_a_user_without_a_home_is_404(self) -> None:
        """Not homed anywhere, or gone: 404 with an empty body."""
        for user in ("none", "gone"):
            response = self.get(SERVICE + "/oauth/user", authorization=self.bearer(user))
            self.assertEqual((response.status, response.body, response.document), (404, None, None))

    def test_the_caller_is_known_to_the_access_line(self) -> None:
        """The handler notes who asked, as the pipeline does for other routes."""
        path = SERVICE + "/oauth/user"
        asked = request("GET", path, headers={"authorization": self.bearer()})
        self.route(path).handler(asked)
        self.assertEqual(asked.caller and asked.caller.user_uri, "sip:alice@example.test")

    # -- xframe

    def test_the_frame_is_a_page_with_its_policy(self) -> None:
        """HTML with a Content-Security-Policy, for the configured origins."""
        response = self.get("/Autodiscover/XFrame/XFrame.html")
        self.assertEqual(response.content_type, "text/html; charset=utf-8")
        self.assertIn(b"https://chat.example.org", response.body or b"")
        self.assertIn("default-src 'none'", dict(response.headers)["Content-Security-Policy"])

    def test_the_frame_beside_root(self) -> None:
        """The frame is there for who knows no more than the discovery host, too."""
        frame = self.get("/Autodiscover/XFrame/XFrame.html")
        for path in ("/xframe", SERVICE + "/xframe"):
            response = self.get(path)
            self.assertEqual((response.body, response.headers), (frame.body, frame.headers))


class OverTheWireTests(SynchronousTestCase):
    """Autodiscover behind the real HTTP layer."""

    def setUp(self) -> None:
        ledger = MemoryLedger()
        self.tokens = Tokens(ledger, 100, MemoryLog(), pseudonym)
        self.challenge = Challenge(WEB, CONFIG.sip_domains, ["password"])
        authenticator = Authenticator(self.tokens, self.challenge)
        self.routes = routes(CONFIG, Users(ledger, USERS), authenticator)
        self.clock = Clock()
        self.clock.advance(NOW)

    def get(
        self, target: str, *, site: Site = EXTERNAL, headers: dict[str, str] | None = None
    ) -> MemoryResponse:
        served = memory_site(self.routes, clock=self.clock, site=site, web=WEB)
        return self.successResultOf(
            MemoryClient(served).request("GET", target, headers=headers or {})
        )

    def test_discovery_and_sign_in_are_one_walk(self) -> None:
        """Root, the challenge of its user link, a token, and the applications of the user."""
        hal = {"Accept": "application/json"}
        root = self.get("/", headers=hal)
        user_url = urlsplit(root.json()["_links"]["user"]["href"])
        user = f"{user_url.path}?{user_url.query}"
        challenge = self.get(user, headers=hal)
        self.assertEqual(challenge.status, 401)
        self.assertTrue((challenge.header("Content-Type") or "").startswith("text/html"))
        self.assertEqual(
            challenge.header_lines("WWW-Authenticate"), list(self.challenge.lines(EXTERNAL))
        )
        self.assertIsNone(challenge.header("X-MS-WebTicketURL"))
        issue = self.tokens.issue("sip:alice@example.test", 60, NOW)
        token = self.successResultOf(Deferred.fromCoroutine(issue))
        found = self.get(user, headers={**hal, "Authorization": f"Bearer {token}"})
        self.assertEqual(
            found.json()["_links"]["applications"]["href"],
            "https://out.example.test:4443/ucwa/oauth/v1/applications",
        )

    def test_paths_are_matched_as_iis_does(self) -> None:
        """In any case, with doubled slashes."""
        for path in (
            "/autodiscover/autodiscoverservice.svc/Root",
            "/Autodiscover//AutodiscoverService.svc/root/",
        ):
            self.assertEqual(self.get(path).status, 200, path)

    def test_sipuri_comes_raw_or_encoded(self) -> None:
        """`@`, `:` and `+` may be escaped or not; names of parameters have no case."""
        for query in (
            "sipuri=alice@example.test",
            "sipuri=sip:alice@example.test",
            "sipuri=sip%3Aalice%40example.test",
            "SipUri=+15551234@example.test",
            "sipuri=%2B15551234@example.test&originalDomain=example.test",
        ):
            self.assertEqual(self.get(f"/?{query}").status, 200, query)

    def test_plain_http_serves_root_only(self) -> None:
        """Root is 200 with its one link and no Location; anything else does not exist there."""
        root = self.get("/?sipuri=alice@example.test", site=PLAIN)
        self.assertEqual((root.status, root.header("Location")), (200, None))
        self.assertEqual([link["token"] for link in root.json()["Root"]["Links"]], ["Redirect"])
        for path in ("/user", "/oauth/user", "/domain"):
            self.assertEqual(self.get(SERVICE + path, site=PLAIN).status, 404, path)

    def test_headers_of_discovery(self) -> None:
        """The documented ones, once each."""
        response = self.get("/")
        for name, value in (
            ("Expires", "-1"),
            ("Cache-Control", "no-cache"),
            ("Pragma", "no-cache"),
            ("X-Content-Type-Options", "nosniff"),
            ("X-MS-Server-Fqdn", "fe.example.test"),
        ):
            self.assertEqual(response.header_lines(name), [value])

    def test_an_empty_404_has_no_content_type(self) -> None:
        """Truly empty, so that no client tries to parse it."""
        response = self.get("/?sipuri=bob@example.net")
        self.assertEqual((response.status, response.body), (404, b""))
        self.assertIsNone(response.header("Content-Type"))
