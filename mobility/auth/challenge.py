"""Who a request comes from, and the 401 that tells a client how to sign in.

The challenge is two `WWW-Authenticate` lines of an exact shape, since clients read them with
regular expressions (UCWA "Create an application" step 4): first `Bearer`, then `MsRtcOAuth` with a
quoted href, a comma straight after it and no space.
"""

from collections.abc import Sequence
from uuid import NAMESPACE_DNS, uuid5

from mobility.auth.endpoint import PATH
from mobility.auth.tokens import Caller, Tokens
from mobility.config import WebConfig
from mobility.http.errors import Unauthorised
from mobility.http.message import Request, Site

INTERNAL = "internal"
"""The name of the internal web site (`mobility.http.message.Site`)."""


def site_url(site: Site, web: WebConfig) -> str:
    """The published URL of the site that was hit."""
    return web.internal_url if site.name == INTERNAL else web.external_url


class Challenge:
    """The challenges of this system.

    `grant_types` are the grants that work.  The token URL is on the site that was hit: a client
    that is inside stays inside, and a cross-domain frame may only reach its own origin.  Issuer and
    client id mean nothing to our clients but are stable, made from the first SIP domain.
    """

    def __init__(
        self, web: WebConfig, sip_domains: Sequence[str], grant_types: Sequence[str]
    ) -> None:
        issuer = uuid5(NAMESPACE_DNS, f"issuer.{sip_domains[0]}")
        client_id = uuid5(NAMESPACE_DNS, f"client.{sip_domains[0]}")
        issuers = ",".join(f"{issuer}@{domain}" for domain in sip_domains)
        self._web = web
        self._bearer = f'Bearer trusted_issuers="{issuers}", client_id="{client_id}"'
        self._grant_types = ",".join(grant_types)

    def lines(self, site: Site) -> tuple[str, str]:
        """The values of the two `WWW-Authenticate` lines, in order."""
        href = site_url(site, self._web) + PATH
        return self._bearer, f'MsRtcOAuth href="{href}",grant_type="{self._grant_types}"'


class Authenticator:
    """Finds the caller by the `Authorization` header, and by nothing else."""

    def __init__(self, tokens: Tokens, challenge: Challenge) -> None:
        self._tokens = tokens
        self._challenge = challenge

    def authenticate(self, request: Request) -> Caller:
        """The caller.  Raises Unauthorised when the token is missing, malformed, unknown or old."""
        caller = self.find(request)
        if caller is None:
            raise self.unauthorised(request)
        return caller

    def find(self, request: Request) -> Caller | None:
        """The caller, or None."""
        token = bearer_token(request)
        return None if token is None else self._tokens.find(token, request.now)

    def unauthorised(self, request: Request, *, html: bool = False) -> Unauthorised:
        """The 401 with the challenge, its body a UCWA error or a short page."""
        return Unauthorised(
            self._challenge.lines(request.site), "A valid token is needed.", html=html
        )


def bearer_token(request: Request) -> str | None:
    """What stands after `Bearer` (RFC 6750 §2.1), or None when that scheme is not used."""
    scheme, _, credentials = request.headers.get("authorization", "").partition(" ")
    return credentials.strip() if scheme.lower() == "bearer" else None
