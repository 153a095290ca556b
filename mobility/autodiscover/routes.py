"""The routes of Autodiscover ([MS-OCDISCWS] 3.1.5, UCWA "Root URL" and "Create an application").

Root is answered on every web listener, also over plain HTTP; everything else only over TLS.
"""

from mobility.auth.challenge import Authenticator, bearer_token, site_url
from mobility.auth.diagnostics import BAD_TOKEN
from mobility.auth.tokens import Caller
from mobility.autodiscover import documents
from mobility.autodiscover.documents import Answer, Complaint, Places, SipAccess
from mobility.autodiscover.homes import HERE, homes_of
from mobility.autodiscover.negotiation import negotiate
from mobility.autodiscover.xframe import Page, page
from mobility.config import Config
from mobility.domain.addresses import domain_of, is_domain, user_uri
from mobility.domain.users import Users
from mobility.http.message import Request, Response
from mobility.http.route import Authorisation, Handler, Route

HEADERS = (("Expires", "-1"), ("Cache-Control", "no-cache"), ("Pragma", "no-cache"))
"""What every discovery answer carries (UCWA "Root URL")."""

FORBIDDEN_PAGE = (
    b"<!DOCTYPE html><html><head><title>403 - Forbidden</title></head>"
    b"<body><h2>403 - Forbidden: The token is not valid.</h2></body></html>"
)


class Autodiscover:
    """Answers discovery requests for the users and domains of this system."""

    def __init__(self, config: Config, users: Users, authenticator: Authenticator) -> None:
        self._web = config.web
        self._server_fqdn = config.server_fqdn
        self._users = users
        self._authenticator = authenticator
        self._homes = homes_of(config)
        self._sip = _sip_access(config.autodiscover.sip_internal, config.autodiscover.sip_external)
        self._mcx = bool(config.mcx.forward_to)
        self._frame: Page = page(config.web.cross_domain_origins, config.server_fqdn)

    def root(self, request: Request) -> Response:
        """Root: where to go on for the domain of `sipuri`, or of the host that was asked.

        404 for a domain nobody here knows; 400 for a `sipuri` that is none.
        """
        given = request.query.get("sipuri")
        uri = None
        if given is not None:
            # A `+` that stood raw in the query, as in a telephone number, was read as a space.
            uri = user_uri(given.replace(" ", "+"))
            if uri is None:
                complaint = Complaint(_access_location(request), "sipuri", "is no SIP address")
                return _answer(request, complaint, 400)
        hosted = self._homes.domain_of_host(request.headers.get("host", ""))
        carried = _carried_domain(request)
        places = self._places(request, carried or (domain_of(uri) if uri else hosted))
        if not request.site.secure:
            return _answer(request, documents.plain_root(places, uri[4:] if uri else ""))
        if uri is not None:
            home = self._homes.of_domain(domain_of(uri))
            if home == HERE and self._users.find(uri) is None:
                home = self._homes.of_stranger()
        else:
            # Who carries an original domain was sent here by a discovery answer; sending such a
            # client on again could go in a circle.
            home = HERE if carried else self._homes.of_domain(hosted)
        if home is None:
            return _empty(404)
        if home != HERE:
            return _answer(request, documents.root_redirect(places, home))
        return _answer(request, documents.root(places))

    def domain(self, request: Request) -> Response:
        """Domain: what anybody may know."""
        hosted = self._homes.domain_of_host(request.headers.get("host", ""))
        places = self._places(request, _carried_domain(request) or hosted)
        return _answer(request, documents.domain(places, self._sip))

    def user(self, request: Request) -> Response:
        """User (3.1.5.3): 401 without a valid token."""
        caller = self._authenticator.find(request)
        if caller is None:
            raise self._authenticator.unauthorised(request, html=True)
        return self._user(request, caller)

    def oauth_user(self, request: Request) -> Response:
        """OAuth User (3.1.5.5): 401 without a token, or with an empty one, 403 for a bad one."""
        if not bearer_token(request):
            raise self._authenticator.unauthorised(request, html=True)
        caller = self._authenticator.find(request)
        if caller is None:
            response = Response(403, body=FORBIDDEN_PAGE, content_type="text/html")
            response.headers.extend((*HEADERS, BAD_TOKEN.header(self._server_fqdn)))
            return response
        return self._user(request, caller)

    def xframe(self, request: Request) -> Response:  # noqa: ARG002  the same for everybody
        """The page of the cross-domain frame."""
        return Response(
            body=self._frame.body,
            content_type="text/html; charset=utf-8",
            headers=[
                ("Content-Security-Policy", self._frame.policy),
                ("Cache-Control", "no-cache"),
            ],
        )

    def _user(self, request: Request, caller: Caller) -> Response:
        request.caller = caller
        if caller.guest:
            organizer = caller.meeting_uri.partition(";")[0]
            places = self._places(request, _carried_domain(request) or domain_of(organizer))
            return _answer(request, documents.user(places, self._sip, guest=True))
        user = self._users.find(caller.user_uri)
        home = self._homes.of_user(user)
        if home is None:
            return _empty(404)
        places = self._places(request, _carried_domain(request) or domain_of(caller.user_uri))
        if home != HERE:
            return _answer(request, documents.user_redirect(places, home))
        branch = self._homes.branch_of(user)
        sip = self._sip if branch is None else _registrar(branch.name, branch.port)
        return _answer(request, documents.user(places, sip, mcx=self._mcx))

    def _places(self, request: Request, original_domain: str) -> Places:
        return Places(
            here=site_url(request.site, self._web),
            internal=self._web.internal_url,
            external=self._web.external_url,
            access_location=_access_location(request),
            original_domain=original_domain,
        )


def routes(config: Config, users: Users, authenticator: Authenticator) -> list[Route]:
    """Every route of Autodiscover."""
    service = Autodiscover(config, users, authenticator)

    def get(
        name: str,
        path: str,
        handler: Handler,
        authorisation: Authorisation = Authorisation.NONE,
        *,
        plain: bool = False,
    ) -> Route:
        return Route(name, "GET", path, handler, authorisation, plain=plain)

    return [
        get("root", "/", service.root, plain=True),
        get("root", documents.ROOT_PATH, service.root, plain=True),
        get("domain", documents.DOMAIN_PATH, service.domain),
        get("user", documents.USER_PATH, service.user, Authorisation.OWN),
        get("oauthUser", documents.OAUTH_USER_PATH, service.oauth_user, Authorisation.OWN),
        get("xframe", documents.XFRAME_PATH, service.xframe),
        *(get("xframe", path, service.xframe) for path in documents.XFRAME_ALIASES),
    ]


def _access_location(request: Request) -> str:
    return request.site.name.capitalize()


def _carried_domain(request: Request) -> str:
    """The `originalDomain` of a link we gave out, or "" when there is none that can be read.

    It decides nothing but what the next links carry, so a bad one is dropped rather than refused.
    """
    domain = request.query.get("originaldomain", "").lower()
    return domain if is_domain(domain) else ""


def _sip_access(internal: str, external: str) -> tuple[SipAccess, ...]:
    """`host:port` each, or "" to leave it out."""
    configured = (("SipClientInternalAccess", internal), ("SipClientExternalAccess", external))
    places = ((token, place.rpartition(":")) for token, place in configured if place)
    return tuple(SipAccess(token, host, int(port)) for token, (host, _, port) in places)


def _registrar(name: str, port: int) -> tuple[SipAccess, ...]:
    """A branch appliance, where a user's SIP clients register from anywhere."""
    tokens = ("SipClientInternalAccess", "SipClientExternalAccess")
    return tuple(SipAccess(token, name, port) for token in tokens)


def _answer(request: Request, answer: Answer | Complaint, status: int = 200) -> Response:
    form = negotiate(request.headers.get("accept", ""))
    return Response(
        status,
        body=documents.render(answer, form),
        content_type=form.value,
        headers=[*HEADERS, ("Vary", "Accept")],
    )


def _empty(status: int) -> Response:
    return Response(status, headers=list(HEADERS))
