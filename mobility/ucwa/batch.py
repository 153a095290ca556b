"""UCWA area *application*: batch, many requests of one user in one POST.

Each part runs as if it had come alone, concurrently with the others, as the caller of the batch:
the batch's own Authorization stands for whatever a part names.  The answers are in the order of the
requests, since clients match them by index; a part that cannot be read has its own 400 there.
"""

from http import HTTPStatus
from itertools import islice
from uuid import uuid4

from twisted.internet.defer import Deferred, gatherResults

from mobility.errors import Answerable, PeerFault, Refusal
from mobility.http.answer import BODILESS, body_of, field_lines
from mobility.http.errors import error_response
from mobility.http.message import Media, Request, Response
from mobility.http.negotiation import negotiate
from mobility.http.target import EMPTY, path_segments
from mobility.ucwa import photos
from mobility.ucwa.declaration import Call, Operation, Resource
from mobility.ucwa.hrefs import APPLICATIONS, REFERENCE_APPLICATIONS
from mobility.ucwa.multipart import (
    MEDIA_TYPE,
    RESPONSE_TYPE,
    boundary_of,
    read_parts,
    read_request,
    write_parts,
)
from mobility.ucwa.service import Ucwa

MAX_PARTS = 100
"""Requests in one batch, however many a user may have under way (UCWA "Batching requests",
"Limitations")."""

_DEFAULT_MEDIA = negotiate("", "")


async def post_batch(ucwa: Ucwa, call: Call) -> Response:
    """Run every part and answer with their responses, all under one 200.

    Refused as a whole, before anything runs: 415 for another Content-Type, 400
    DeserializationFailure for what is no multipart or has no part, 429 for more than `MAX_PARTS`
    parts or more requests under way than the user may have.
    """
    outer = call.request
    parts_read = read_parts(outer.body, boundary_of(outer.headers.get("content-type", "")))
    parts = list(islice(parts_read, MAX_PARTS + 1))
    if not parts:
        raise PeerFault("BadRequest", "DeserializationFailure", "The batch holds no request.")
    if len(parts) > MAX_PARTS:
        raise Refusal("TooManyRequests", None, f"A batch holds {MAX_PARTS} requests at most.")
    with ucwa.outstanding.taking(call.endpoint.user_uri, len(parts), ucwa.outstanding_requests):
        answers = await gatherResults(
            Deferred.fromCoroutine(_answered(ucwa, outer, number, part))
            for number, part in enumerate(parts, start=1)
        )
    boundary = str(uuid4())
    return Response(
        body=write_parts((_rendered(*answer) for answer in answers), boundary, RESPONSE_TYPE),
        content_type=f'{MEDIA_TYPE}; boundary="{boundary}"',
    )


async def _answered(
    ucwa: Ucwa, outer: Request, number: int, part: bytes
) -> tuple[Response, Media, str]:
    """The response to part `number`, the media it is rendered in, and the request's method."""
    request_id = f"{outer.id}-{number}"
    media, method = _DEFAULT_MEDIA, ""
    try:
        request = _request(outer, request_id, part)
        media, method = request.media, request.method
        _check_allowed(request.path)
        return await ucwa.dispatch(request), media, method
    except Answerable as fault:
        return error_response(fault, request_id), media, method


def _request(outer: Request, request_id: str, part: bytes) -> Request:
    """The request in a part, sent by the caller of the batch from the same place and time."""
    head, body = read_request(part, outer.headers.get("host", ""))
    head.headers["authorization"] = outer.headers.get("authorization", "")
    path, _, raw_query = head.target.partition("?")
    return Request(
        id=request_id,
        site=outer.site,
        method=head.method,
        path=path,
        query=EMPTY,
        raw_query=raw_query,
        headers=head.headers,
        body=body,
        client_address=outer.client_address,
        now=outer.now,
        media=negotiate(head.headers.get("accept", ""), ""),
    )


def _check_allowed(path: str) -> None:
    """Only the resource tree can be part of a batch, without batch itself and photos.

    What may park, the event channel, is refused where routes are known (`Dispatch`).  Raises
    `Refusal` (404, 403) and for a path that cannot be read `PeerFault` (400).
    """
    segments = [segment.lower() for segment in path_segments(path)]
    if segments[:1] != ["ucwa"]:
        raise Refusal("NotFound", "ResourceNotFound", "A batch reaches UCWA resources only.")
    if any(_matches(template, segments) for template in _EXCLUDED):
        raise Refusal("Forbidden", None, "This resource cannot be part of a batch.")


def _matches(template: list[str], segments: list[str]) -> bool:
    return len(template) == len(segments) and all(
        expected.startswith("{") or expected == segment
        for expected, segment in zip(template, segments, strict=True)
    )


def _rendered(response: Response, media: Media, method: str) -> bytes:
    """A response as the part holds it.

    Content-Type is the last header, because the sample client takes the next line that is not
    empty for the body.  Raises TypeError or ValueError for what cannot be rendered, a handler's
    fault.
    """
    status = response.status
    headers = list(response.headers)
    if not any(name.lower() == "cache-control" for name, _ in headers):
        headers.append(("Cache-Control", "no-cache"))
    body, content_type = body_of(response, media)
    if status not in BODILESS:
        headers.append(("Content-Length", str(len(body))))
    if content_type:
        headers.append(("Content-Type", content_type))
    status_line = f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\n"
    head = f"{status_line}{field_lines(headers)}\r\n".encode("latin-1")
    return head if method == "HEAD" else head + body


RESOURCES = (
    Resource(
        "batch",
        "batch",
        (Operation("POST", post_batch, refusals=(("TooManyRequests", ""),)),),
    ),
)

_EXCLUDED = tuple(
    path_segments(f"{prefix}/{{application}}/{path}".lower())
    for prefix in (APPLICATIONS, REFERENCE_APPLICATIONS)
    for resource in (*RESOURCES, *photos.RESOURCES)
    for path in (resource.path, *resource.aliases)
)
"""The path templates of what cannot be part of a batch."""
