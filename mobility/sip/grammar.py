"""The small pieces that SIP's header fields are made of (RFC 3261 section 25.1).

Everything works on text in which folded lines are joined already; each function is linear in it.
"""

import re

MAX_PARAMETERS = 64
"""Parameters of one header field value or URI (our choice: far above what is in use)."""

MAX_VALUES = 200
"""Values in one comma-separated header field (our choice: as many as a message has headers)."""

TOKEN = re.compile(r"[A-Za-z0-9\-.!%*_+`'~]+")
QUOTED = re.compile(r'"(?:[^"\\]|\\.)*"')
_PARAMETER = re.compile(
    rf'[ \t]*({TOKEN.pattern})[ \t]*(?:=[ \t]*("(?:[^"\\]|\\.)*"|[^";,<>= \t]+))?[ \t]*', re.ASCII
)
_UNSTORABLE = re.compile("[\0\ud800-\udfff]")
_NEEDS_CARE = re.compile(r'[,"<]')
_PIECE = re.compile(r'[^,"<]+|"(?:[^"\\]|\\.)*"|<[^>]*>|(,)')


class Malformed(ValueError):
    """Text that is not what its header field or message must be; the text of the error says how."""


def is_token(text: str) -> bool:
    return (text.isascii() and text.isalnum()) or TOKEN.fullmatch(text) is not None


def quote(text: str) -> str:
    """`text` as a quoted-string."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def unquote(text: str) -> str:
    """What a quoted-string says; other text is left alone."""
    if len(text) < 2 or text[0] != '"':
        return text
    inner = text[1:-1]
    return re.sub(r"\\(.)", r"\1", inner, flags=re.DOTALL) if "\\" in inner else inner


def storable(text: str) -> bool:
    """Whether a database takes the text: it has no NUL, and no bytes that are no UTF-8."""
    return _UNSTORABLE.search(text) is None


def readable(text: str) -> str:
    """The text with what is not storable replaced, for people to read."""
    return _UNSTORABLE.sub("\N{REPLACEMENT CHARACTER}", text)


def split_values(text: str) -> list[str]:
    """The values of a comma-separated header field; commas in quotes and <> do not count.

    Raises Malformed for an empty value, an open quote or bracket, or more than `MAX_VALUES`.
    """
    if _NEEDS_CARE.search(text) is None:
        return [text]
    values: list[str] = []
    position = start = 0
    while position < len(text):
        piece = _PIECE.match(text, position)
        if piece is None:
            raise Malformed("an open quote or bracket")
        if piece.group(1):
            values.append(text[start:position].strip(" \t"))
            start = piece.end()
        position = piece.end()
    values.append(text[start:].strip(" \t"))
    if not all(values):
        raise Malformed("an empty value in a list")
    if len(values) > MAX_VALUES:
        raise Malformed("too many values in a list")
    return values


def parse_parameters(text: str, separator: str = ";") -> dict[str, str | None]:
    """The parameters of `;name=value;name`, names in lower case, quoted values as they stand.

    `text` is "" or begins with the separator, whitespace aside.  Raises Malformed, also for a
    name that comes twice (RFC 3261 section 7.3.1).
    """
    parameters: dict[str, str | None] = {}
    position, end = 0, len(text)
    while position < end:
        if text[position] in " \t":
            position += 1
            continue
        if text[position] != separator:
            raise Malformed("text after a parameter")
        match = _PARAMETER.match(text, position + 1)
        if match is None:
            raise Malformed("a parameter without a name")
        name = match.group(1).lower()
        if name in parameters:
            raise Malformed(f"the parameter {name[:32]} twice")
        parameters[name] = match.group(2)
        position = match.end()
        if len(parameters) > MAX_PARAMETERS:
            raise Malformed("too many parameters")
    return parameters


def format_parameters(parameters: "dict[str, str | None]") -> str:
    """`;name=value;name`."""
    return "".join(
        f";{name}" if value is None else f";{name}={value}" for name, value in parameters.items()
    )


def number(text: str, most: int) -> int:
    """A decimal number up to `most`.  Raises Malformed."""
    if not (0 < len(text) <= 20 and text.isascii() and text.isdigit()):
        raise Malformed("no number where one must be")
    value = int(text)
    if value > most:
        raise Malformed(f"a number above {most}")
    return value
