"""Who may use the operator API: whoever holds the secret of `operator.key`."""

import hmac

from mobility.http.errors import Unauthorised
from mobility.http.message import Request
from mobility.http.route import JSON_BODY_BYTES, Answer, Authorisation, Handler, Route
from mobility.operate.health import OPERATOR

CHALLENGE = 'Bearer realm="mobility operator"'


class OperatorAccess:
    """Makes routes that only the operator's secret opens (RFC 6750 section 2.1)."""

    def __init__(self, key: str) -> None:
        self._expected = f"Bearer {key}".encode()

    def route(
        self,
        name: str,
        method: str,
        path: str,
        handler: Handler,
        max_body_bytes: int = JSON_BODY_BYTES,
    ) -> Route:
        """A route of the operator site."""

        def guarded(request: Request) -> Answer:
            given = request.headers.get("authorization", "").encode("utf-8", "surrogateescape")
            if not hmac.compare_digest(given, self._expected):
                raise Unauthorised([CHALLENGE], "The operator's secret is needed.")
            return handler(request)

        return Route(
            name,
            method,
            path,
            guarded,
            Authorisation.OWN,
            OPERATOR,
            max_body_bytes=max_body_bytes,
        )
