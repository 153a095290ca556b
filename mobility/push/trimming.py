"""Making texts of notifications fit, without cutting what a reader sees as one sign.

The boundaries are a subset of Unicode's extended grapheme clusters (UAX #29) that errs on the side
of keeping together: combining marks, variation selectors, joined and toned emoji, flags, tags,
Hangul syllables written in parts, and CRLF.
"""

import unicodedata
from collections.abc import Callable

ELLIPSIS = "…"

_JOINER = "\u200d"
_MARKS = frozenset({"Mn", "Me", "Mc"})


def fit(build: Callable[[str, str], bytes], title: str, body: str, limit: int) -> bytes:
    """The payload that `build(title, body)` makes, within `limit` bytes.

    The end of the body gives way first, then the body, then the end of the title, then all text:
    what is left wakes the device, and the app fetches the rest.  What was cut ends with an
    ellipsis.  `build` must make more bytes of a longer text.
    """
    whole = build(title, body)
    if len(whole) <= limit:
        return whole
    shorter: tuple[tuple[Callable[[str], bytes], str], ...] = (
        (lambda text: build(title, text), body),
        (lambda text: build(text, ""), title),
    )
    for make, text in shorter:
        if text and (cut := _longest(make, text, limit)) is not None:
            return cut
        if len(without := make("")) <= limit:
            return without
    return build("", "")


def shortened(text: str, characters: int) -> str:
    """`text` in at most so many characters, with an ellipsis if anything was cut; "" where not even
    its first sign fits."""
    if len(text) <= characters:
        return text
    ends = boundaries(text[:characters])
    return text[: ends[-1]].rstrip() + ELLIPSIS if ends else ""


def _longest(make: Callable[[str], bytes], text: str, limit: int) -> bytes | None:
    """What `make` makes of the longest beginning of `text` that fits, None when none does."""
    ends = boundaries(text)
    best, low, high = None, 0, len(ends) - 1
    while low <= high:
        middle = (low + high) // 2
        made = make(text[: ends[middle]].rstrip() + ELLIPSIS)
        if len(made) <= limit:
            best, low = made, middle + 1
        else:
            high = middle - 1
    return best


def boundaries(text: str) -> list[int]:
    """The indices after which `text` may be cut, the end not among them, 0 neither."""
    found = []
    flags = 0
    for index in range(1, len(text)):
        before, after = text[index - 1], text[index]
        flags = flags + 1 if _is_flag(before) else 0
        if not _joins(before, after) and not (_is_flag(after) and flags % 2):
            found.append(index)
    return found


def _joins(before: str, after: str) -> bool:
    """Whether two neighbouring characters belong to one sign."""
    if after < "\u0300":
        return before == "\r" and after == "\n"
    return (
        after == _JOINER
        or before == _JOINER
        or unicodedata.category(after) in _MARKS
        or "\U0001f3fb" <= after <= "\U0001f3ff"
        or "\U000e0020" <= after <= "\U000e007f"
        or ("\u1160" <= after <= "\u11ff" and "\u1100" <= before <= "\ud7a3")
        or ("\u1100" <= after <= "\u115f" and "\u1100" <= before <= "\u115f")
    )


def _is_flag(character: str) -> bool:
    """A regional indicator: two of them make a flag."""
    return "\U0001f1e6" <= character <= "\U0001f1ff"
