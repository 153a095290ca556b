"""Tests of `mobility.autodiscover.documents`."""

import json
from xml.etree import ElementTree

import attrs
from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mobility.autodiscover import documents
from mobility.autodiscover.documents import Complaint, Places, SipAccess, render
from mobility.autodiscover.negotiation import Form

PLACES = Places(
    here="https://in.test",
    internal="https://in.test",
    external="https://out.test",
    access_location="Internal",
    original_domain="example.test",
)
SERVICE = "/Autodiscover/AutodiscoverService.svc/root"
ELSEWHERE = "https://pool.example.org/root?a=b&c=d"
SIP = (
    SipAccess("SipClientInternalAccess", "sip.in.test", 5061),
    SipAccess("SipClientExternalAccess", "sip.out.test", 443),
)


class DocumentsTests(SynchronousTestCase):
    """The answers and their forms."""

    maxDiff = None

    def test_root_in_classic_json(self) -> None:
        """AccessLocation, and Domain, User and OAuth on the site that was hit."""
        self.assertEqual(
            json.loads(render(documents.root(PLACES), Form.CLASSIC)),
            {
                "AccessLocation": "Internal",
                "Root": {
                    "Links": [
                        {
                            "href": f"https://in.test{SERVICE}/{path}?originalDomain=example.test",
                            "token": token,
                        }
                        for token, path in (
                            ("Domain", "domain"),
                            ("User", "user"),
                            ("OAuth", "oauth/user"),
                        )
                    ]
                },
            },
        )

    def test_root_in_hal(self) -> None:
        """`user` is the OAuth user here, unlike the classic token User."""
        self.assertEqual(
            json.loads(render(documents.root(PLACES), Form.HAL)),
            {
                "_links": {
                    "self": {"href": f"https://in.test{SERVICE}?originalDomain=example.test"},
                    "user": {
                        "href": f"https://in.test{SERVICE}/oauth/user?originalDomain=example.test"
                    },
                    "xframe": {"href": "https://in.test/Autodiscover/XFrame/XFrame.html"},
                }
            },
        )

    def test_root_in_xml(self) -> None:
        """AutodiscoverResponse without a default namespace, with empty Link elements."""
        root = ElementTree.fromstring(render(documents.root(PLACES), Form.XML))
        self.assertEqual(root.tag, "AutodiscoverResponse")
        self.assertEqual(root.attrib, {"AccessLocation": "Internal"})
        (inner,) = root
        self.assertEqual(inner.tag, "Root")
        self.assertEqual([link.tag for link in inner], ["Link"] * 3)
        self.assertEqual([link.get("token") for link in inner], ["Domain", "User", "OAuth"])

    def test_plain_root_has_one_link(self) -> None:
        """In every form nothing but the redirect, which carries the sipuri on."""
        href = f"https://in.test{SERVICE}?originalDomain=example.test&sipuri=a@example.test"
        answer = documents.plain_root(PLACES, "a@example.test")
        self.assertEqual(
            json.loads(render(answer, Form.HAL)), {"_links": {"redirect": {"href": href}}}
        )
        self.assertEqual(
            json.loads(render(answer, Form.CLASSIC))["Root"],
            {"Links": [{"href": href, "token": "Redirect"}]},
        )
        (link,) = ElementTree.fromstring(render(answer, Form.XML))[0]
        self.assertEqual(link.attrib, {"token": "Redirect", "href": href})

    def test_user_in_classic_json(self) -> None:
        """Mobility links are external, Self is where the client is, and nothing else is offered."""
        user = json.loads(render(documents.user(PLACES, SIP), Form.CLASSIC))["User"]
        self.assertEqual(
            {link["token"]: link["href"] for link in user["Links"]},
            {
                "Internal/Autodiscover": f"https://in.test{SERVICE}",
                "External/Autodiscover": f"https://out.test{SERVICE}",
                "Internal/Ucwa": "https://out.test/ucwa/v1/applications",
                "External/Ucwa": "https://out.test/ucwa/v1/applications",
                "Ucwa": "https://out.test/ucwa/v1/applications",
                "Internal/XFrame": "https://out.test/Autodiscover/XFrame/XFrame.html",
                "External/XFrame": "https://out.test/Autodiscover/XFrame/XFrame.html",
                "XFrame": "https://out.test/Autodiscover/XFrame/XFrame.html",
                "Self": f"https://in.test{SERVICE}/user?originalDomain=example.test",
            },
        )
        self.assertEqual(user["SipClientInternalAccess"], {"fqdn": "sip.in.test", "port": 5061})

    def test_mobility_service(self) -> None:
        """Where clients of the Mobility Service are still served, both its links are external."""
        user = json.loads(render(documents.user(PLACES, (), mcx=True), Form.CLASSIC))["User"]
        found = {link["token"]: link["href"] for link in user["Links"] if "Mcx" in link["token"]}
        href = "https://out.test/Mcx/McxService.svc"
        self.assertEqual({"Internal/Mcx": href, "External/Mcx": href}, found)

    def test_user_in_hal(self) -> None:
        """`self`, `applications` under `/ucwa/oauth/v1`, and the frame beside it."""
        self.assertEqual(
            json.loads(render(documents.user(PLACES, ()), Form.HAL)),
            {
                "_links": {
                    "self": {"href": f"https://in.test{SERVICE}/user?originalDomain=example.test"},
                    "applications": {"href": "https://out.test/ucwa/oauth/v1/applications"},
                    "xframe": {"href": "https://out.test/Autodiscover/XFrame/XFrame.html"},
                }
            },
        )

    def test_sip_access_in_xml(self) -> None:
        """Empty elements with fqdn and port, before the links; absent unless configured."""
        inner = ElementTree.fromstring(render(documents.user(PLACES, SIP), Form.XML))[0]
        self.assertEqual(inner[0].tag, "SipClientInternalAccess")
        self.assertEqual(inner[1].attrib, {"fqdn": "sip.out.test", "port": "443"})
        bare = ElementTree.fromstring(render(documents.user(PLACES, ()), Form.XML))[0]
        self.assertEqual({child.tag for child in bare}, {"Link"})

    def test_a_redirect_says_nothing_else(self) -> None:
        """Classic forms hold the one link with its URL unchanged; HAL adds self and xframe."""
        for build, kind in (
            (documents.root_redirect, "Root"),
            (documents.user_redirect, "User"),
        ):
            answer = build(PLACES, ELSEWHERE)
            self.assertEqual(
                json.loads(render(answer, Form.CLASSIC))[kind],
                {"Links": [{"href": ELSEWHERE, "token": "Redirect"}]},
            )
            (link,) = ElementTree.fromstring(render(answer, Form.XML))[0]
            self.assertEqual(link.get("href"), ELSEWHERE)
            links = json.loads(render(answer, Form.HAL))["_links"]
            self.assertEqual(set(links), {"self", "xframe", "redirect"})
            self.assertEqual(links["redirect"]["href"], ELSEWHERE)

    def test_domain(self) -> None:
        """Where Autodiscover is, inside and outside."""
        domain = json.loads(render(documents.domain(PLACES, ()), Form.CLASSIC))["Domain"]
        self.assertEqual(
            [link["token"] for link in domain["Links"]],
            ["Internal/Autodiscover", "External/Autodiscover"],
        )
        links = json.loads(render(documents.domain(PLACES, ()), Form.HAL))["_links"]
        self.assertEqual(set(links), {"self", "xframe"})

    def test_both_shapes_in_one(self) -> None:
        """Who has no wishes reads the tokens or the relations of the same object."""
        complaint = Complaint("External", "sipuri", "is no SIP address")
        for answer in (documents.root(PLACES), documents.user(PLACES, SIP), complaint):
            both = json.loads(render(answer, Form.BOTH))
            classic, hal = (json.loads(render(answer, form)) for form in (Form.CLASSIC, Form.HAL))
            self.assertEqual(both, {**classic, **hal})
            self.assertEqual(len(both), len(classic) + len(hal))

    def test_ucwa_xml(self) -> None:
        """The XML of UCWA is a resource with the links of the HAL form."""
        for answer in (documents.root(PLACES), documents.user(PLACES, ())):
            shown = ElementTree.fromstring(render(answer, Form.RESOURCE))
            hal = json.loads(render(answer, Form.HAL))["_links"]
            self.assertEqual(shown.get("rel"), answer.kind.lower())
            self.assertEqual(shown.get("href"), hal.pop("self")["href"])
            links = {link.get("rel"): link.get("href") for link in shown}
            self.assertEqual(links, {rel: link["href"] for rel, link in hal.items()})
        complaint = Complaint("External", "sipuri", "is no SIP address")
        reason = ElementTree.fromstring(render(complaint, Form.RESOURCE))
        self.assertEqual(reason[0].text, "BadRequest")

    def test_a_complaint_names_the_parameter_in_every_form(self) -> None:
        """HAL clients get a UCWA error body, the others an Error in their own shape."""
        complaint = Complaint("External", "sipuri", "is no SIP address")
        hal = json.loads(render(complaint, Form.HAL))
        self.assertEqual(
            (hal["code"], hal["subcode"]), ("BadRequest", "ParameterValidationFailure")
        )
        self.assertEqual(hal["parameters"], [{"name": "sipuri", "reason": "is no SIP address"}])
        self.assertEqual(
            json.loads(render(complaint, Form.CLASSIC)),
            {
                "AccessLocation": "External",
                "Error": {"parameter": "sipuri", "reason": "is no SIP address"},
            },
        )
        (error,) = ElementTree.fromstring(render(complaint, Form.XML))
        self.assertEqual(error.get("parameter"), "sipuri")

    @given(st.text(st.characters(exclude_categories=["Cs"]), max_size=30))
    def test_no_domain_breaks_a_form(self, domain: str) -> None:
        """Whatever is carried on, links stay ASCII and both JSON and XML readable and equal."""
        answer = documents.root(attrs.evolve(PLACES, original_domain=domain))
        classic = json.loads(render(answer, Form.CLASSIC))
        inner = ElementTree.fromstring(render(answer, Form.XML))[0]
        hrefs = [link["href"] for link in classic["Root"]["Links"]]
        self.assertEqual([link.get("href") for link in inner], hrefs)
        self.assertTrue(all(href.isascii() and " " not in href for href in hrefs))
