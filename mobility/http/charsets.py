"""The charsets that text from clients may be in (RFC 2046 section 4.1.2).

UTF-8 is what the protocol is written in.  The others are those that HTTP libraries declare by
themselves when nobody tells them which to use: ISO-8859-1 (Java), windows-1252 and UTF-16 (.NET).
"""

_CODECS = {
    "": "utf-8",
    "utf-8": "utf-8",
    "utf8": "utf-8",
    "us-ascii": "ascii",
    "iso-8859-1": "iso-8859-1",
    "windows-1252": "cp1252",
    "utf-16": "utf-16",
    "utf-16le": "utf-16-le",
}

UNDECLARED = ""


def declared_charset(parameters: str) -> str:
    """The `charset` among the parameters of a media type, in lower case; UNDECLARED without one."""
    for parameter in parameters.split(";"):
        name, _, value = parameter.partition("=")
        if name.strip().lower() == "charset":
            return value.strip(" \t\"'").lower()
    return UNDECLARED


def codec_of(charset: str) -> str | None:
    """Python's name of a charset, UTF-8 for UNDECLARED; None for one that is not read."""
    return _CODECS.get(charset)
