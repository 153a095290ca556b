"""Number patterns and translations: regular expressions that administrators write.

They are matched by RE2, whose time grows with the number and the pattern and with nothing else, so
that no pattern can run away.  The dialect is that of .NET, which New-CsVoiceNormalizationRule and
New-CsVoiceRoute speak, without what needs going back: look-around, back references and atomic
groups are refused.  A pattern is found anywhere in a number unless it is anchored, and `\\d` is an
ASCII digit.
"""

from functools import lru_cache
from typing import Any

import attrs
import re2

MAX_PATTERN = 512
"""Characters of a pattern (our choice)."""

MAX_TRANSLATION = 128
"""Characters of a translation (our choice)."""

PATTERN_MEMORY_BYTES = 1 << 20
"""What RE2 may use for one pattern (our choice; its own default is eight times that)."""

_KNOWN_PATTERNS = 4_096


class WrongPattern(ValueError):
    """A pattern or translation that cannot be used; its text is the rule that it breaks."""


@attrs.frozen(slots=True)
class NumberPattern:
    """A compiled pattern; make one with `number_pattern`."""

    text: str
    _compiled: Any = attrs.field(repr=False, eq=False)

    @property
    def groups(self) -> int:
        """How many groups it has."""
        count: int = self._compiled.groups
        return count

    @property
    def named_groups(self) -> dict[str, int]:
        """The names of groups, to their numbers."""
        return dict(self._compiled.groupindex)

    def found_in(self, number: str) -> bool:
        """Whether the pattern is found in a number."""
        return self._compiled.search(number) is not None

    def translated(self, number: str, translation: str) -> str | None:
        """What `translation` makes of the first place where it is found, None if there is none.

        The result is the whole translation: what stands around the match is not kept.
        """
        match = self._compiled.search(number)
        if match is None:
            return None
        pieces = _pieces(self, translation)
        return "".join(
            piece if isinstance(piece, str) else match.group(piece) or "" for piece in pieces
        )


@lru_cache(maxsize=_KNOWN_PATTERNS)
def number_pattern(text: str) -> NumberPattern:
    """The compiled pattern.  Raises WrongPattern."""
    if not text:
        raise WrongPattern("must not be empty")
    if len(text) > MAX_PATTERN:
        raise WrongPattern(f"must have at most {MAX_PATTERN} characters")
    if not (text.isascii() and text.isprintable()):
        raise WrongPattern("must be printable ASCII")
    options = re2.Options()
    options.max_mem = PATTERN_MEMORY_BYTES
    options.log_errors = False
    try:
        return NumberPattern(text, re2.compile(text, options))
    except re2.error as error:
        raise WrongPattern(f"is no pattern that can be used: {_reason(error)}") from error


def check_translation(pattern: NumberPattern, translation: str) -> None:
    """Raises WrongPattern unless `translation` refers only to what `pattern` has."""
    if not translation:
        raise WrongPattern("must not be empty")
    if len(translation) > MAX_TRANSLATION:
        raise WrongPattern(f"must have at most {MAX_TRANSLATION} characters")
    _pieces(pattern, translation)


def _reason(error: Exception) -> str:
    (reason, *_) = error.args or (b"",)
    return reason.decode("utf-8", "replace") if isinstance(reason, bytes) else str(reason)


@lru_cache(maxsize=_KNOWN_PATTERNS)
def _pieces(pattern: NumberPattern, translation: str) -> tuple[str | int, ...]:
    """Literal text and numbers of groups: `$1`, `${1}`, `${name}`, `$0` and `$&`; `$$` is a dollar.

    As in .NET, `$12` is group 12.
    """
    pieces: list[str | int] = []
    at = 0
    while at < len(translation):
        dollar = translation.find("$", at)
        if dollar < 0:
            pieces.append(translation[at:])
            break
        pieces.append(translation[at:dollar])
        piece, at = _reference(pattern, translation, dollar + 1)
        pieces.append(piece)
    return tuple(piece for piece in pieces if piece != "")


def _reference(pattern: NumberPattern, text: str, at: int) -> tuple[str | int, int]:
    """What the reference after the dollar stands for, and where it ends."""
    follower = text[at : at + 1]
    if follower == "$":
        return "$", at + 1
    if follower == "&":
        return 0, at + 1
    if follower == "{":
        name, end, _ = text[at + 1 :].partition("}")
        if not end:
            raise WrongPattern("has ${ without its }")
        return _group(pattern, name), at + len(name) + 2
    digits = text[at:]
    length = next(
        (n for n, c in enumerate(digits) if not (c.isascii() and c.isdigit())), len(digits)
    )
    if not length:
        raise WrongPattern("has a $ that refers to nothing ($$ stands for a dollar)")
    return _group(pattern, digits[:length]), at + length


def _group(pattern: NumberPattern, name: str) -> int:
    if name.isascii() and name.isdigit():
        number = int(name[:4])
        if number > pattern.groups:
            hint = f" (${{{name[0]}}}{name[1:]} is group {name[0]} and then digits)"
            raise WrongPattern(
                f"refers to group {name}, which the pattern has not"
                + (hint if len(name) > 1 else "")
            )
        return number
    if name not in pattern.named_groups:
        raise WrongPattern(f"refers to group {name!r}, which the pattern has not")
    return pattern.named_groups[name]
