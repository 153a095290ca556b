"""The token endpoint: `POST /WebTicket/oauthtoken` (UCWA "Authentication in UCWA", RFC 6749 §5).

A refusal is always 400 with `{"error": ...}` and `X-Ms-diagnostics`, also for wrong credentials;
only a service that cannot answer now says 503, with `server_error` and Retry-After.
"""

from collections.abc import Callable, Iterable

import msgspec

from mobility.auth.diagnostics import (
    BAD_SCOPE,
    GRANT_NOT_ALLOWED,
    MALFORMED,
    SERVER_ERROR,
    WRONG_CREDENTIALS,
    Diagnostic,
)
from mobility.auth.forms import FORM_BYTES, form_of
from mobility.auth.grants import Grant, SignInRefused
from mobility.auth.tokens import Tokens
from mobility.errors import Refusal, Unavailable
from mobility.events import Catalogue, EventLog
from mobility.http.message import Request, Response
from mobility.http.route import Authorisation, Route

EVENTS: Catalogue = {
    "auth.signed_in": {
        "request": "id of the request",
        "user": "pseudonym of the user",
        "grant": "the grant type",
    },
}

PATH = "/WebTicket/oauthtoken"

JSON_TYPE = "application/json; charset=utf-8"


class TokenEndpoint:
    """Turns forms into tokens, by the grants it was given."""

    def __init__(
        self,
        grants: Iterable[Grant],
        tokens: Tokens,
        server_fqdn: str,
        log: EventLog,
        pseudonym: Callable[[str], str],
    ) -> None:
        self._grants = {grant.name: grant for grant in grants}
        self._tokens = tokens
        self._server_fqdn = server_fqdn
        self._log = log
        self._pseudonym = pseudonym

    async def post(self, request: Request) -> Response:
        """Answer a token request; never raises `Answerable`."""
        try:
            return await self._issue(request)
        except SignInRefused as refused:
            return self._refusal(400, refused.error, refused.diagnostic, refused.retry_after_s)
        except Unavailable as unavailable:
            return self._refusal(503, "server_error", SERVER_ERROR, unavailable.retry_after_s)

    async def _issue(self, request: Request) -> Response:
        form = form_of(request)
        name = form.get("grant_type")
        if name is None:
            raise SignInRefused("invalid_request", MALFORMED)
        grant = self._grants.get(name)
        if grant is None:
            raise SignInRefused("unsupported_grant_type", GRANT_NOT_ALLOWED)
        if form.get("scope", "all") != "all":
            raise SignInRefused("invalid_scope", BAD_SCOPE)
        identity = await grant.grant(form, request)
        try:
            token = await self._tokens.issue(
                identity.user_uri, identity.lifetime_s, request.now, identity.meeting_uri
            )
        except Unavailable:
            raise
        except Refusal:  # the password was changed while the token was being stored
            raise SignInRefused("invalid_grant", WRONG_CREDENTIALS) from None
        self._log.emit(
            "auth.signed_in",
            request=request.id,
            user=self._pseudonym(identity.user_uri),
            grant=name,
        )
        return _json(
            200,
            {
                "access_token": token,
                "token_type": "Bearer",
                "expires_in": identity.lifetime_s,
                "ms_rtc_identityscope": "local",
            },
        )

    def _refusal(
        self, status: int, error: str, diagnostic: Diagnostic, retry_after_s: int | None
    ) -> Response:
        response = _json(status, {"error": error})
        response.headers.append(diagnostic.header(self._server_fqdn))
        if retry_after_s is not None:
            response.headers.append(("Retry-After", str(retry_after_s)))
        return response


def routes(endpoint: TokenEndpoint) -> list[Route]:
    """The one route of sign-in; not served on plain HTTP."""
    return [
        Route(
            name="oauthtoken",
            method="POST",
            path=PATH,
            handler=endpoint.post,
            authorisation=Authorisation.NONE,
            max_body_bytes=FORM_BYTES,
        )
    ]


def _json(status: int, content: dict[str, object]) -> Response:
    return Response(
        status,
        body=msgspec.json.encode(content),
        content_type=JSON_TYPE,
        headers=[("Cache-Control", "no-store"), ("Pragma", "no-cache")],
    )
