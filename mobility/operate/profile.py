"""What an operator may say of a user: the JSON fields, their rules, and the record they become."""

import unicodedata
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

import attrs

from mobility.domain.addresses import MAX_ADDRESS, user_uri
from mobility.domain.records import User
from mobility.domain.setting_rules import nearest, with_value
from mobility.domain.topology import NAMED, Topology
from mobility.errors import Parameter, validation_failure

MAX_TEXT = 256
"""Characters of a name, title and the like (Active Directory's displayName has as many)."""

MAX_URL = 2048
E164_DIGITS = range(2, 16)
"""Digits of a number, country code included (ITU-T E.164 6.1: 15 at most)."""

MAX_EXTENSION_DIGITS = 15

Rule = Callable[[object], str]
"""Says what is wrong with a value, "" when nothing is."""


def _is_text(value: object) -> str:
    if not isinstance(value, str):
        return "must be a string"
    if len(value) > MAX_TEXT:
        return f"must have at most {MAX_TEXT} characters"
    if any(unicodedata.category(character) in ("Cc", "Cs") for character in value):
        return "must not hold control characters"
    return ""


def _is_name(value: object) -> str:
    return _is_text(value) or ("" if value else "must not be empty")


def _is_phone(value: object) -> str:
    rule = "must be an E.164 number such as +14255550123 or +14255550123;ext=77, or empty"
    if not isinstance(value, str):
        return rule
    number, extension, digits = value.partition(";ext=")
    good = (
        number[:1] == "+"
        and len(number) - 1 in E164_DIGITS
        and _are_digits(number[1:])
        and (not extension or (len(digits) <= MAX_EXTENSION_DIGITS and _are_digits(digits)))
    )
    return "" if good or not value else rule


def _are_digits(text: str) -> bool:
    return text.isascii() and text.isdigit()


def _is_mail(value: object) -> str:
    if problem := _is_text(value):
        return problem
    address = str(value)
    good = len(address) <= MAX_ADDRESS and " " not in address and address.find("@") > 0
    return "" if good or not address else "must be a mail address, or empty"


def is_name(home: str) -> bool:
    """Whether a home is the name of a part of the topology; whether there is one is not asked."""
    return home not in ("", "here", "none") and "/" not in home and home.isprintable()


def _is_home(value: object) -> str:
    rule = (
        "must be here, none, the name of a pool, branch or hosting provider of the topology, or "
        "the https URL of another pool's Autodiscover root"
    )
    if not isinstance(value, str) or len(value) > MAX_URL:
        return rule
    if value in ("here", "none") or is_name(value):
        return ""
    try:
        parts = urlsplit(value)
        good = parts.scheme == "https" and bool(parts.hostname) and parts.port != 0
    except ValueError:
        good = False
    return "" if good and value.isascii() and value.isprintable() else rule


def _is_user(value: object) -> str:
    good = isinstance(value, str) and (not value or user_uri(value) is not None)
    return "" if good else "must be the SIP URI of a user, or empty"


def _is_flag(value: object) -> str:
    return "" if isinstance(value, bool) else "must be true or false"


def _is_password(value: object) -> str:
    return "" if isinstance(value, str) else "must be a string"


PHONES = ("work_phone", "mobile_phone", "home_phone", "other_phone")
TEXTS = ("title", "department", "company", "office", "site")
FLAGS = ("enabled", "enterprise_voice", "sip_digest")
RULES: Mapping[str, Rule] = {
    "name": _is_name,
    "email": _is_mail,
    **dict.fromkeys(TEXTS, _is_text),
    **dict.fromkeys(PHONES, _is_phone),
    **dict.fromkeys(FLAGS, _is_flag),
    "manager": _is_user,
    "home": _is_home,
    "password": _is_password,
}
"""Every field of a user's JSON object but `uri`, and its rule.

`home` is "here", "none", a name of the topology or a URL; `sip_digest` says whether digest hashes
are kept; `password` is taken and never given.
"""

_NO_FIELDS = frozenset({"home", "sip_digest", "password"})
"""Those that are no field of the same name and value in the record."""


def check(values: Mapping[str, object]) -> None:
    """Refuse unknown fields and wrong values, all at once (400 ParameterValidationFailure)."""
    wrong: list[Parameter] = []
    for name, value in values.items():
        if name not in RULES:
            rule = f"is not a field of a user{nearest(name, RULES)}"
            wrong.append(Parameter(name, rule))
        elif problem := RULES[name](value):
            private = name == "password" or name in PHONES
            wrong.append(Parameter(name, problem if private else with_value(value, problem)))
    if wrong:
        raise validation_failure(*wrong)


def applied(user: User, values: Mapping[str, Any]) -> User:
    """`user` with the checked values that are fields of its record (the rest is about secrets)."""
    changes = {name: value for name, value in values.items() if name not in _NO_FIELDS}
    if "home" in values:
        changes["home"] = "" if values["home"] == "here" else values["home"]
    if "manager" in values:
        changes["manager"] = user_uri(values["manager"]) or ""
    return attrs.evolve(user, **changes)


def homed(values: Mapping[str, Any], topology: Topology) -> Mapping[str, Any]:
    """Checked values with a home that names a part of the topology as `User.home` has it.

    Raises PeerFault (400) for a name of nothing, with the nearest right one.
    """
    home = values.get("home")
    if not isinstance(home, str) or not is_name(home):
        return values
    try:
        return {**values, "home": topology.home_named(home) or "here"}
    except LookupError as error:
        raise validation_failure(Parameter("home", str(error.args[0]))) from None


def shown(user: User) -> dict[str, object]:
    """The JSON object of a user; hashes are not in it."""
    document: dict[str, object] = {"uri": user.uri}
    for name in RULES:
        if name not in _NO_FIELDS:
            document[name] = getattr(user, name)
    document["home"] = user.home.removeprefix(NAMED) or "here"
    document["sip_digest"] = user.sip_ha1_md5 != ""
    document["created_at"] = user.created_at
    document["source"] = user.source or "local"
    return document
