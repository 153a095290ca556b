"""Text carried as a `data:` URI inside `_links` (RFC 2397 and UCWA "Key programming concepts").

The reference says the payload is URL-encoded; its own samples use base64, and clients write `+`
for a space.  All of these are read.
"""

import binascii
import re
from base64 import b64decode
from urllib.parse import unquote_to_bytes

import attrs

from mobility.http.charsets import codec_of, declared_charset

_BAD_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")
_TYPE = re.compile(r"[A-Za-z0-9!#$&^_.+-]{1,64}/[A-Za-z0-9!#$&^_.+-]{1,64}")


@attrs.frozen(slots=True)
class DataText:
    """The content of a data link; `content_type` is lower case and without parameters."""

    content_type: str
    text: str


def parse_data_uri(uri: str, max_bytes: int) -> DataText:
    """Read `data:<type>[;charset=<name>][;base64],<payload>`.

    Raises ValueError with a reason for the peer: no data URI, an unknown charset, a payload that
    cannot be decoded, or more than `max_bytes` of content.
    """
    if uri[:5].lower() != "data:":
        raise ValueError("is no data URI")
    description, comma, payload = uri[5:].partition(",")
    if not comma:
        raise ValueError("is a data URI without a comma")
    if len(payload) > 3 * max_bytes + 3:  # each byte is written with three characters at most
        raise ValueError(f"is longer than {max_bytes} bytes")
    content_type, *parameters = description.split(";")
    if not _TYPE.fullmatch(content_type):
        raise ValueError("is a data URI without a media type")
    is_base64 = any(parameter.strip().lower() == "base64" for parameter in parameters)
    codec = codec_of(declared_charset(";".join(parameters)))
    if codec is None:
        raise ValueError("has an unknown charset")
    content = _base64(payload) if is_base64 else _url_encoded(payload)
    if len(content) > max_bytes:
        raise ValueError(f"is longer than {max_bytes} bytes")
    try:
        text = content.decode(codec)
    except UnicodeError:
        raise ValueError("does not hold text of its charset") from None
    if "\0" in text:
        raise ValueError("holds a NUL character")
    return DataText(content_type.lower(), text)


def _base64(payload: str) -> bytes:
    """Standard base64, itself perhaps URL-encoded; a `+` is its own digit here."""
    if _BAD_ESCAPE.search(payload):
        raise ValueError("holds an incomplete percent escape")
    try:
        return b64decode(unquote_to_bytes(payload), validate=True)
    except binascii.Error:
        raise ValueError("is not base64") from None


def _url_encoded(payload: str) -> bytes:
    if _BAD_ESCAPE.search(payload):
        raise ValueError("holds an incomplete percent escape")
    return unquote_to_bytes(payload.replace("+", " "))
