"""Bodies of several parts (RFC 2046 section 5.1, RFC 5621): a session description and more."""

from collections.abc import Mapping, Sequence

import attrs

from mobility.sip.grammar import Malformed
from mobility.sip.headers import Parametrised

MIXED = "multipart/mixed"

MAX_PARTS = 16
"""Parts of a body (our choice: a description, a location, and what telephone networks tell)."""

MAX_LINES = 16
"""Header lines of a part (our choice)."""


@attrs.frozen(slots=True)
class Part:
    """One part; `fields` are its header fields, their names in lower case, `content_type` its type
    with parameters where it came with some."""

    kind: str
    body: bytes = attrs.field(repr=False)
    fields: Mapping[str, str] = attrs.Factory(dict)
    content_type: str = attrs.field(default="", eq=False)

    @property
    def required(self) -> bool:
        """Whether a recipient must understand it (RFC 3204 section 6: it must unless said)."""
        disposition = self.fields.get("content-disposition", "")
        return "optional" not in disposition.lower().replace(" ", "").partition("handling=")[2]


def parts_of(content_type: Parametrised, body: bytes) -> list[Part]:
    """The parts of a multipart body.  Raises Malformed."""
    boundary = content_type.parameter("boundary").strip('"')
    if not 0 < len(boundary) <= 70:
        raise Malformed("a multipart body without its boundary")
    pieces = (b"\r\n" + body).split(b"\r\n--" + boundary.encode())
    if len(pieces) > MAX_PARTS + 2:
        raise Malformed(f"a body of more than {MAX_PARTS} parts")
    if len(pieces) < 3 or not pieces[-1].startswith(b"--"):
        raise Malformed("a multipart body that does not end")
    return [_part(piece) for piece in pieces[1:-1]]


def multipart(boundary: str, parts: Sequence[Part]) -> tuple[str, bytes]:
    """Content-Type and body of these parts; no part may hold the boundary."""
    written = []
    for part in parts:
        fields = {"content-type": part.kind, **part.fields}
        lines = "".join(f"{name.title()}: {value}\r\n" for name, value in fields.items())
        written.append(f"--{boundary}\r\n{lines}\r\n".encode() + part.body + b"\r\n")
    return f'{MIXED};boundary="{boundary}"', b"".join(written) + f"--{boundary}--\r\n".encode()


def _part(piece: bytes) -> Part:
    head, empty, body = piece.partition(b"\r\n\r\n")
    if not empty:
        raise Malformed("a part without an empty line")
    lines = head.strip(b" \t\r\n").split(b"\r\n")
    if len(lines) > MAX_LINES:
        raise Malformed("a part with too many header lines")
    fields: dict[str, str] = {}
    for line in lines:
        name, _, value = line.decode("latin-1").partition(":")
        fields[name.strip().lower()] = value.strip()
    content_type = fields.pop("content-type", "text/plain")
    kind = Parametrised.parse(content_type).value.lower()
    return Part(kind.replace(" ", ""), body, fields, content_type)
