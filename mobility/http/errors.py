"""Failures only HTTP knows, and the one funnel from a failure to a UCWA error body."""

from collections.abc import Sequence

from mobility.errors import Answerable, PeerFault
from mobility.http.message import Document, Response

UNAUTHORISED_PAGE = (
    b"<!DOCTYPE html><html><head><title>401 - Unauthorized</title></head>"
    b"<body><h2>401 - Unauthorized: Access is denied due to invalid credentials.</h2></body></html>"
)


class ProtocolFault(PeerFault):
    """The peer broke HTTP or went over a limit that has a status but no UCWA code (414, 431)."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(code, None, message)
        self._status = status

    @property
    def status(self) -> int:
        return self._status


def malformed(message: str) -> ProtocolFault:
    """400: the request cannot be read as HTTP (RFC 9112 section 2.2)."""
    return ProtocolFault(400, "BadRequest", message)


def too_large(message: str) -> ProtocolFault:
    """413: the body is over the route's `max_body_bytes`."""
    return ProtocolFault(413, "EntityTooLarge", message)


class Unauthorised(Answerable):
    """401 with one `WWW-Authenticate` line for each of `challenges`, in order.

    The body is a UCWA error with the code `Unauthorized`, or with `html` the short page a browser
    and the clients of Autodiscover expect.
    """

    def __init__(self, challenges: Sequence[str], message: str = "", *, html: bool = False) -> None:
        super().__init__("Unauthorized", None, message)
        self.challenges = tuple(challenges)
        self.html = html

    @property
    def status(self) -> int:
        return 401


class CrossDomainRefused(Answerable):
    """403: the origin is not on the allow list (UCWA "Cross-domain IFrame").

    The reason stands in `X-Ms-diagnostics`, where web clients look for it.
    """

    REASON = "Service does not allow a cross domain request from this origin."

    def __init__(self, server_fqdn: str) -> None:
        super().__init__("Forbidden", None, self.REASON)
        self.diagnostics = f'28060;source="{server_fqdn}";reason="{self.REASON}"'


class WrongMethod(Answerable):
    """405 with `Allow`."""

    def __init__(self, allowed: Sequence[str]) -> None:
        super().__init__("MethodNotAllowed", None, "This resource does not know this method.")
        self.allow = ", ".join(allowed)


def error_document(fault: Answerable, request_id: str) -> Document:
    """The UCWA error body: `code`, and what else is known (UCWA "Errors and informational
    messages"); `debugInfo` names the request as the log does."""
    document: Document = {"code": fault.code}
    if fault.subcode:
        document["subcode"] = fault.subcode
    if fault.message:
        document["message"] = fault.message
    if fault.parameters:
        document["parameters"] = [
            {"name": parameter.name, "reason": parameter.reason} for parameter in fault.parameters
        ]
    document["debugInfo"] = {"requestId": request_id}
    return document


def error_response(fault: Answerable, request_id: str) -> Response:
    """The one way from a failure to an answer, with the headers that belong to it."""
    headers: list[tuple[str, str]] = []
    if fault.retry_after_s is not None:
        headers.append(("Retry-After", str(fault.retry_after_s)))
    if isinstance(fault, Unauthorised):
        headers.extend(("WWW-Authenticate", challenge) for challenge in fault.challenges)
        if fault.html:
            return Response(401, body=UNAUTHORISED_PAGE, content_type="text/html", headers=headers)
    elif isinstance(fault, CrossDomainRefused):
        headers.append(("X-Ms-diagnostics", fault.diagnostics))
    elif isinstance(fault, WrongMethod):
        headers.append(("Allow", fault.allow))
    return Response(fault.status, error_document(fault, request_id), headers=headers)
