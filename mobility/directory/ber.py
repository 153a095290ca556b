"""Reading the subset of BER that LDAP answers use (RFC 4511 §5.1), with bounds and in linear time.

Lengths are definite and tags have one octet; anything else is a fault of the server.
"""

from collections.abc import Iterator

from mobility.errors import MobilityError

INTEGER = 0x02
OCTET_STRING = 0x04
ENUMERATED = 0x0A
SEQUENCE = 0x30
SET = 0x31

MAX_MESSAGE_BYTES = 8 * 1024 * 1024
"""The largest answer that is read (our choice): one entry, such as a group of 100,000 members."""

MAX_LENGTH_OCTETS = 4
"""Octets that say a length, after the first; some servers always send four."""

MAX_INTEGER_OCTETS = 8

_MULTIPLE_OCTETS = 0x1F
"""The tag number that says that more octets of the tag follow."""


class Malformed(MobilityError):
    """The server sent what is no LDAP message, or one above a bound; the reason says which."""


def message_size(data: bytes | bytearray) -> int:
    """The whole size of the message that `data` begins with, 0 while that cannot be known.

    Raises Malformed when it is no LDAP message or above `MAX_MESSAGE_BYTES`.
    """
    if data and data[0] != SEQUENCE:
        raise Malformed("what the server sent is no LDAP message")
    header = _header(data, 0)
    if header is None:
        return 0
    _, start, length = header
    if start + length > MAX_MESSAGE_BYTES:
        raise Malformed(f"a message of the server is larger than {MAX_MESSAGE_BYTES} bytes")
    return start + length


def elements(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Tag and content of each element in `data`, which must hold whole ones.  Raises Malformed."""
    offset = 0
    while offset < len(data):
        header = _header(data, offset)
        if header is None:
            raise Malformed("an element of a message is cut off")
        tag, start, length = header
        offset = start + length
        if offset > len(data):
            raise Malformed("an element of a message is longer than what holds it")
        yield tag, data[start:offset]


def integer(content: bytes) -> int:
    """The value of an INTEGER, ENUMERATED or BOOLEAN.  Raises Malformed."""
    if not 0 < len(content) <= MAX_INTEGER_OCTETS:
        raise Malformed(f"a number of a message has {len(content)} octets")
    return int.from_bytes(content, "big", signed=True)


def _header(data: bytes | bytearray, offset: int) -> tuple[int, int, int] | None:
    """Tag, start of the content and its length; None when `data` ends before they are known."""
    if len(data) < offset + 2:
        return None
    tag, first = data[offset], data[offset + 1]
    if tag & _MULTIPLE_OCTETS == _MULTIPLE_OCTETS:
        raise Malformed("an element of a message has a tag that LDAP does not use")
    if first < 0x80:
        return tag, offset + 2, first
    octets = first & 0x7F
    if not 0 < octets <= MAX_LENGTH_OCTETS:
        raise Malformed("an element of a message has a length that LDAP does not allow")
    start = offset + 2 + octets
    if len(data) < start:
        return None
    return tag, start, int.from_bytes(data[offset + 2 : start], "big")
