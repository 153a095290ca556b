"""The form of a token request, in either of the two encodings that HTML defines.

`application/x-www-form-urlencoded` is the documented one; `multipart/form-data` is what HTTP
libraries make of a list of fields when nobody says otherwise, as PHP's does, and what the original
server reads as well.
"""

from collections.abc import Sequence
from io import BytesIO
from urllib.parse import parse_qsl

from multipart import MultipartParser, parse_options_header

from mobility.auth.diagnostics import MALFORMED
from mobility.auth.grants import Form, SignInRefused
from mobility.http.message import Request

FORM_BYTES = 16 * 1024
"""The largest token request: a password of 1,024 bytes is 3,072 when each is percent-encoded, and
other grants carry a token and a conference URI."""

FORM_FIELDS = 16
"""Fields of a token request: twice what any grant has."""


def form_of(request: Request) -> Form:
    """The fields of a token request; an empty one counts as absent (RFC 6749 §3.2).

    Raises SignInRefused (invalid_request) when the body is no UTF-8 form, has more than
    `FORM_FIELDS` fields, or one of them twice.
    """
    media_type, options = parse_options_header(request.headers.get("content-type", ""))
    try:
        match media_type.strip().lower():
            case "application/x-www-form-urlencoded":
                fields: Sequence[tuple[str, str]] = parse_qsl(
                    request.body.decode(),
                    keep_blank_values=True,
                    errors="strict",
                    max_num_fields=FORM_FIELDS,
                )
            case "multipart/form-data":
                fields = _parts(request.body, options.get("boundary", ""))
            case _:
                raise SignInRefused("invalid_request", MALFORMED)
    except ValueError:
        raise SignInRefused("invalid_request", MALFORMED) from None
    form = dict(fields)
    if len(form) != len(fields):
        raise SignInRefused("invalid_request", MALFORMED)
    return {name: value for name, value in form.items() if value}


def _parts(body: bytes, boundary: str) -> list[tuple[str, str]]:
    """The fields of a body of parts (RFC 7578).  Raises ValueError for one that is none."""
    parser = MultipartParser(
        BytesIO(body),
        boundary,
        len(body),
        part_limit=FORM_FIELDS,
        partsize_limit=FORM_BYTES,
        spool_limit=FORM_BYTES,
        disk_limit=0,
    )
    return [(part.name, part.raw.decode()) for part in parser]
