"""The answer to clients of the Mobility Service where it is retired.

Not 401, which sends old apps for tickets without end, and no redirect: they do not speak UCWA.
"""

from collections.abc import Callable, Sequence

from mobility.domain.legacy_clients import LegacyClients
from mobility.http.message import Request, Response

TEXT = (
    b"The Mobility Service (Mcx) is no longer available. "
    b"Please upgrade to a current mobile client, which uses UCWA.\n"
)

PATH = "/Mcx"
SERVICE = "/Mcx/McxService.svc"
"""What discovery names, and what operators open in a browser to see whether it lives."""


def retired() -> Response:
    """410 Gone, and what to do."""
    return plain(410, TEXT)


def plain(status: int, text: bytes, *more: tuple[str, str]) -> Response:
    """A short answer for whatever old app reads it."""
    headers = [("Cache-Control", "no-store"), *more]
    return Response(status, body=text, content_type="text/plain; charset=utf-8", headers=headers)


def counting(
    clients: LegacyClients,
) -> Callable[[Request, Sequence[str]], Response]:
    """What enters the directory is counted by its User-Agent and told that it is gone."""

    def enter(request: Request, segments: Sequence[str]) -> Response:  # noqa: ARG001  # the same everywhere
        clients.count(request.headers.get("user-agent", ""), request.now)
        return retired()

    return enter
