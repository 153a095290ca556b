"""Discovery answers, independent of HTTP: what Root, User and Domain say, and their forms.

An answer has tokens with hrefs (classic JSON and XML, [MS-OCDISCWS] 2.2.4 and 3.1.5) and relations
with hrefs (HAL JSON and its XML, UCWA "Root URL").  A token is a capability: only services that
exist have one.
"""

from html import escape
from urllib.parse import quote

import attrs
import msgspec

from mobility.autodiscover.negotiation import Form
from mobility.http.xml_document import xml_document

ROOT_PATH = "/Autodiscover/AutodiscoverService.svc/root"
USER_PATH = ROOT_PATH + "/user"
OAUTH_USER_PATH = ROOT_PATH + "/oauth/user"
DOMAIN_PATH = ROOT_PATH + "/domain"
XFRAME_PATH = "/Autodiscover/XFrame/XFrame.html"
XFRAME_ALIASES = ("/xframe", ROOT_PATH + "/xframe")
"""Where clients look for the frame before they were told: the vendor's sample client puts `xframe`
after the name of the discovery host, which the vendor's servers take for a part of root."""

MCX_PATH = "/Mcx/McxService.svc"
UCWA_PATH = "/ucwa/v1/applications"
UCWA_OAUTH_PATH = "/ucwa/oauth/v1/applications"
"""`applications` of UCWA as the classic tokens and as the HAL relation name it; both lead there."""
UCWA_GUEST_PATH = "/ucwa/v1/anonApplications"
UCWA_OAUTH_GUEST_PATH = "/ucwa/oauth/v1/anonApplications"
"""`anonApplications`, where guests of a meeting register, likewise."""


@attrs.frozen(slots=True)
class Link:
    """A token of the classic forms and where it points."""

    token: str
    href: str


@attrs.frozen(slots=True)
class SipAccess:
    """Where a SIP client connects: `SipClientInternalAccess` or `SipClientExternalAccess`."""

    token: str
    fqdn: str
    port: int


@attrs.frozen(slots=True)
class Answer:
    """`kind` is "Root", "User" or "Domain"; `relations` are those of the HAL form, by name."""

    kind: str
    access_location: str
    links: tuple[Link, ...]
    relations: dict[str, str]
    sip: tuple[SipAccess, ...] = ()


@attrs.frozen(slots=True)
class Complaint:
    """A query parameter that cannot be read, and why: the body of a 400."""

    access_location: str
    parameter: str
    reason: str


@attrs.frozen(slots=True)
class Places:
    """The URLs answers are made of, for one request.

    `here` is the URL of the site that was hit, `access_location` "Internal" or "External" by it,
    `original_domain` the SIP domain that the links given out carry on.  URLs have no slash at
    their end.
    """

    here: str
    internal: str
    external: str
    access_location: str
    original_domain: str

    def discovery(self, path: str, **more: str) -> str:
        """A discovery resource on the site that was hit."""
        query = {"originalDomain": self.original_domain, **more}
        fields = (f"{name}={quote(value, safe='@:')}" for name, value in query.items())
        return f"{self.here}{path}?{'&'.join(fields)}"


def root(places: Places) -> Answer:
    """Root of a domain served here (3.1.5.2): User, Domain and OAuth."""
    oauth = places.discovery(OAUTH_USER_PATH)
    return Answer(
        "Root",
        places.access_location,
        (
            Link("Domain", places.discovery(DOMAIN_PATH)),
            Link("User", places.discovery(USER_PATH)),
            Link("OAuth", oauth),
        ),
        {
            "self": places.discovery(ROOT_PATH),
            "user": oauth,
            "xframe": places.here + XFRAME_PATH,
        },
    )


def plain_root(places: Places, sipuri: str) -> Answer:
    """Root over plain HTTP (3.1.5.2): one link, to the same site over TLS.

    `sipuri` is carried on unless it is "".
    """
    more = {"sipuri": sipuri} if sipuri else {}
    href = places.discovery(ROOT_PATH, **more)
    return Answer("Root", places.access_location, (Link("Redirect", href),), {"redirect": href})


def root_redirect(places: Places, href: str) -> Answer:
    """Root of a domain that `href` serves."""
    return _redirect("Root", places, places.discovery(ROOT_PATH), href)


def user_redirect(places: Places, href: str) -> Answer:
    """User of a person whose home is found at `href` (3.1.5.5): nothing else is told."""
    return _redirect("User", places, places.discovery(USER_PATH), href)


def _redirect(kind: str, places: Places, own: str, href: str) -> Answer:
    return Answer(
        kind,
        places.access_location,
        (Link("Redirect", href),),
        {"self": own, "xframe": places.here + XFRAME_PATH, "redirect": href},
    )


def user(
    places: Places, sip: tuple[SipAccess, ...], *, guest: bool = False, mcx: bool = False
) -> Answer:
    """User of a person homed here (3.1.5.3, 3.1.5.5), or of a guest of somebody's meeting.

    Mobility links name the external site wherever the client is, so that a phone that leaves the
    office keeps its URLs; only Autodiscover itself has an internal link.  `mcx` says that clients
    of the Mobility Service are still served.
    """
    own = places.discovery(USER_PATH)
    xframe = places.external + XFRAME_PATH
    ucwa = places.external + (UCWA_GUEST_PATH if guest else UCWA_PATH)
    legacy = places.external + MCX_PATH
    mobility = (Link("Internal/Mcx", legacy), Link("External/Mcx", legacy)) if mcx else ()
    oauth = places.external + (UCWA_OAUTH_GUEST_PATH if guest else UCWA_OAUTH_PATH)
    return Answer(
        "User",
        places.access_location,
        (
            *_autodiscover(places),
            *mobility,
            Link("Internal/Ucwa", ucwa),
            Link("External/Ucwa", ucwa),
            Link("Ucwa", ucwa),
            Link("Internal/XFrame", xframe),
            Link("External/XFrame", xframe),
            Link("XFrame", xframe),
            Link("Self", own),
        ),
        {"self": own, "applications": oauth, "xframe": xframe},
        sip,
    )


def domain(places: Places, sip: tuple[SipAccess, ...]) -> Answer:
    """Domain (`/root/domain`): what may be known without signing in."""
    return Answer(
        "Domain",
        places.access_location,
        _autodiscover(places),
        {"self": places.discovery(DOMAIN_PATH), "xframe": places.here + XFRAME_PATH},
        sip,
    )


def _autodiscover(places: Places) -> tuple[Link, Link]:
    return (
        Link("Internal/Autodiscover", places.internal + ROOT_PATH),
        Link("External/Autodiscover", places.external + ROOT_PATH),
    )


def render(answer: Answer | Complaint, form: Form) -> bytes:
    """The body of `answer`; its Content-Type is `form.value`."""
    if form is Form.XML:
        return _xml(answer).encode()
    if form is Form.RESOURCE:
        return xml_document(_resource(answer))
    content: dict[str, object] = {}
    if form in (Form.CLASSIC, Form.BOTH):
        content |= _classic(answer)
    if form in (Form.HAL, Form.BOTH):
        content |= _hal(answer)
    return msgspec.json.encode(content)


def _hal(answer: Answer | Complaint) -> dict[str, object]:
    if isinstance(answer, Complaint):
        return {
            "code": "BadRequest",
            "subcode": "ParameterValidationFailure",
            "message": f"{answer.parameter} {answer.reason}.",
            "parameters": [{"name": answer.parameter, "reason": answer.reason}],
        }
    return {"_links": {name: {"href": href} for name, href in answer.relations.items()}}


def _resource(answer: Answer | Complaint) -> dict[str, object]:
    """The HAL form with the rel that XML names its root by."""
    if isinstance(answer, Complaint):
        return _hal(answer)
    return {"rel": answer.kind.lower(), **_hal(answer)}


def _classic(answer: Answer | Complaint) -> dict[str, object]:
    content: dict[str, object]
    if isinstance(answer, Complaint):
        kind, content = "Error", {"parameter": answer.parameter, "reason": answer.reason}
    else:
        kind = answer.kind
        content = {sip.token: {"fqdn": sip.fqdn, "port": sip.port} for sip in answer.sip}
        content["Links"] = [{"href": link.href, "token": link.token} for link in answer.links]
    return {"AccessLocation": answer.access_location, kind: content}


def _xml(answer: Answer | Complaint) -> str:
    if isinstance(answer, Complaint):
        inner = _element("Error", parameter=answer.parameter, reason=answer.reason)
    else:
        children = [_element(sip.token, fqdn=sip.fqdn, port=str(sip.port)) for sip in answer.sip]
        children += [_element("Link", token=link.token, href=link.href) for link in answer.links]
        inner = f"<{answer.kind}>{''.join(children)}</{answer.kind}>"
    return (
        '<?xml version="1.0" encoding="utf-8"?>'
        '<AutodiscoverResponse xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"'
        ' xmlns:xsd="http://www.w3.org/2001/XMLSchema"'
        f' AccessLocation="{answer.access_location}">{inner}</AutodiscoverResponse>'
    )


def _element(name: str, **attributes: str) -> str:
    written = "".join(f' {key}="{escape(value)}"' for key, value in attributes.items())
    return f"<{name}{written} />"
