"""How a request is refused: the response that says so."""

from collections.abc import Mapping

from mobility.sip.message import Request, Response


class SipRefusal(Exception):
    """A request is answered with `status`, `reason` ("" for the usual one) and header fields."""

    def __init__(
        self,
        status: int,
        reason: str = "",
        fields: Mapping[str, list[str]] | None = None,
    ) -> None:
        super().__init__(f"{status} {reason}".strip())
        self.status = status
        self.reason = reason
        self.fields = dict(fields or {})

    def response(self, request: Request, tag: str) -> Response:
        """The response to `request`."""
        response = request.respond(self.status, tag, self.reason)
        response.fields.update(self.fields)
        return response
