"""A user's telephone numbers: the four that a contact card has, and who may change them."""

from collections.abc import Iterator
from typing import Any

import attrs

from mobility.domain.records import User

KINDS = ("work", "mobile", "home", "other")
"""The kinds of phone, in the order in which they are shown (UCWA rel `phone`)."""

MAX_DIGITS = 15
"""Digits of an international number (ITU-T E.164 section 6)."""

MIN_DIGITS = 3
"""Digits of the shortest number that is taken: extensions are numbers too (our choice)."""

MAX_EXTENSION = 15
"""Digits of an extension (our choice: as of a number)."""

_MARKS = str.maketrans("", "", "-.() \u00a0")
"""Visual separators, which mean nothing (RFC 3966 section 5.1.1)."""


@attrs.frozen(slots=True)
class Phone:
    """One number; `visible` says that contacts see it, `fixed` that the user cannot change it."""

    kind: str
    number: str = attrs.field(repr=False)
    visible: bool
    fixed: bool


def phones_of(user: User) -> Iterator[Phone]:
    """All four phones of a user, also those without a number.

    The work number is the administrator's, and all of a mirrored user are its directory's: what
    the user cannot change is always visible.
    """
    private = user.private_phones.split(",")
    for kind in KINDS:
        fixed = kind == "work" or bool(user.source)
        yield Phone(kind, getattr(user, f"{kind}_phone"), fixed or kind not in private, fixed)


def visible_numbers(user: User) -> dict[str, str]:
    """The numbers that contacts see, by kind; "" for one that is not there or not for them."""
    return {phone.kind: phone.number if phone.visible else "" for phone in phones_of(user)}


def with_phone(user: User, kind: str, number: str | None, visible: bool | None) -> User:
    """`user` with another number of a kind or another visibility; None leaves it as it is."""
    private = set(filter(None, user.private_phones.split(",")))
    if visible is not None:
        private = private - {kind} if visible else private | {kind}
    changes: dict[str, Any] = {"private_phones": ",".join(one for one in KINDS if one in private)}
    if number is not None:
        changes[f"{kind}_phone"] = number
    return attrs.evolve(user, **changes)


def normalised(text: str) -> str | None:
    """A number as it is kept, or None for what cannot be one.

    `tel:` and separators go (RFC 3966); a leading plus, the digits, and `;ext=` stay.  Numbers
    without a plus are local ones.
    """
    number, _, extension = text.strip().lower().removeprefix("tel:").partition(";ext=")
    number, extension = number.translate(_MARKS), extension.translate(_MARKS)
    digits = number.removeprefix("+")
    if not (digits.isascii() and digits.isdigit() and MIN_DIGITS <= len(digits) <= MAX_DIGITS):
        return None
    if not extension:
        return None if ";ext=" in text.lower() else number
    if not (extension.isascii() and extension.isdigit() and len(extension) <= MAX_EXTENSION):
        return None
    return f"{number};ext={extension}"
