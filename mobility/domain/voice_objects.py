"""What administrators set for voice routing: the kinds of object, their fields and rules.

Names of fields and their defaults are those of CsVoicePolicy, CsVoiceRoute, CsPstnUsage and
CsDialPlan.  Objects are values; `made` builds one from outside values and says all that is wrong
with them at once.
"""

import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping
from difflib import get_close_matches
from typing import Any, cast

import attrs

from mobility.domain.addresses import is_domain
from mobility.domain.number_patterns import WrongPattern, check_translation, number_pattern
from mobility.errors import Parameter, validation_failure

MAX_NAME = 64
"""Characters of a name (our choice)."""

MAX_DESCRIPTION = 512
MAX_NAMES = 100
"""Usages, gateways or masks in one list (our choice)."""

MAX_RULES = 200
"""Normalisation rules of one dial plan (our choice)."""

MAX_DIALLED = 64
"""Characters of what is dialled, and of what a rule makes of it (our choice: a number of 15
digits and an extension with separators)."""

GLOBAL = "global"
SCOPES = ("site:", "tag:")

Rule = Callable[[object], str]
"""Says what is wrong with a value, "" when nothing is."""

_RULE = "rule"
_REFERS = "refers"

_CALLER_ID = re.compile(r"(\+)?[1-9][0-9]{0,14}(;ext=[1-9][0-9]{0,14})?")
"""Set-CsVoiceRoute, AlternateCallerId."""


def _text(limit: int) -> Rule:
    def rule(value: object) -> str:
        if not isinstance(value, str):
            return "must be a string"
        if len(value) > limit:
            return f"must have at most {limit} characters"
        if any(unicodedata.category(character) in ("Cc", "Cs") for character in value):
            return "must not hold control characters"
        return ""

    return rule


def _flag(value: object) -> str:
    return "" if isinstance(value, bool) else "must be true or false"


def _number(least: int, most: int) -> Rule:
    def rule(value: object) -> str:
        good = isinstance(value, int) and not isinstance(value, bool) and least <= value <= most
        return "" if good else f"must be a whole number from {least} to {most}"

    return rule


def _choice(*choices: str) -> Rule:
    def rule(value: object) -> str:
        if value in choices and isinstance(value, str):
            return ""
        return f"must be {' or '.join(choices)}{_meant(value, choices)}"

    return rule


def _names(rule_of_one: Rule) -> Rule:
    def rule(value: object) -> str:
        if not isinstance(value, list | tuple):
            return "must be a list of strings"
        if len(value) > MAX_NAMES:
            return f"must have at most {MAX_NAMES} entries"
        for one in value:
            if problem := rule_of_one(one):
                return f"has an entry that {problem}"
        if len({cast(str, one).casefold() for one in value}) != len(value):
            return "must name each once"
        return ""

    return rule


def _pattern(value: object) -> str:
    if not isinstance(value, str):
        return "must be a string"
    try:
        number_pattern(value)
    except WrongPattern as error:
        return str(error)
    return ""


def _alternate(value: object) -> str:
    good = isinstance(value, str) and (not value or _CALLER_ID.fullmatch(value))
    return "" if good else "must be a number such as +14255550100 or +14255550100;ext=77, or empty"


def _a_name(value: object) -> str:
    if problem := _text(MAX_NAME)(value):
        return problem
    name = str(value)
    if not name.strip() or name != name.strip():
        return "must not be empty, or begin or end with a space"
    return "must not hold a comma or a slash" if set(name) & {",", "/"} else ""


def _digits(value: object) -> str:
    good = isinstance(value, str) and value.isascii() and value.isdigit() and 2 <= len(value) <= 15
    return "" if good else "must be digits, from 2 to 15"


def _host(value: object) -> str:
    good = isinstance(value, str) and is_domain(value)
    return "" if good else "must be a host name"


def _scoped(*scopes: str) -> Rule:
    def rule(value: object) -> str:
        if value == GLOBAL:
            return ""
        scope, _, name = value.partition(":") if isinstance(value, str) else ("", "", value)
        if problem := _a_name(name):
            return problem
        if f"{scope}:" not in scopes:
            forms = ", ".join((GLOBAL, *(f"{one}NAME" for one in scopes)))
            return f"must be {forms}, or a NAME alone, which is tag:NAME"
        return ""

    return rule


def field(default: Any, rule: Rule, refers: str = "") -> Any:
    """A field with its rule; `refers` is the kind of the objects that it names."""
    return attrs.field(default=default, metadata={_RULE: rule, _REFERS: refers})


def _name(rule: Rule) -> Any:
    return attrs.field(metadata={_RULE: rule, _REFERS: ""})


@attrs.frozen(slots=True)
class PstnUsage:
    """A class of calls: what policies allow and routes carry (CsPstnUsage)."""

    name: str = _name(_a_name)
    description: str = field("", _text(MAX_DESCRIPTION))


@attrs.frozen(slots=True)
class Gateway:
    """A gateway to the telephone network; `name` is its host name.

    One that is not enabled is left out of routing.
    """

    name: str = _name(_host)
    port: int = field(5067, _number(1, 65_535))
    """Where it listens (Topology Builder's default for TLS; 5066 for TCP)."""
    transport: str = field("tls", _choice("tls", "tcp"))
    enabled: bool = field(True, _flag)
    description: str = field("", _text(MAX_DESCRIPTION))


@attrs.frozen(slots=True)
class VoiceRoute:
    """Which gateways lead to which numbers (CsVoiceRoute); the lowest priority comes first."""

    name: str = _name(_a_name)
    number_pattern: str = field("[0-9]{10}", _pattern)
    priority: int = field(0, _number(0, 10_000))
    usages: tuple[str, ...] = field((), _names(_a_name), "usages")
    gateways: tuple[str, ...] = field((), _names(_host), "gateways")
    suppress_caller_id: bool = field(False, _flag)
    alternate_caller_id: str = field("", _alternate)
    """Shown in place of the caller's number, when that is suppressed."""
    description: str = field("", _text(MAX_DESCRIPTION))


FORWARDING_USAGES = ("VoicePolicyUsage", "InternalOnly", "CustomUsage")


@attrs.frozen(slots=True)
class VoicePolicy:
    """What users may do with telephones (CsVoicePolicy); without usages they cannot call out."""

    name: str = _name(_scoped("site:", "tag:"))
    usages: tuple[str, ...] = field((), _names(_a_name), "usages")
    allow_call_forwarding: bool = field(True, _flag)
    allow_simul_ring: bool = field(True, _flag)
    enable_call_transfer: bool = field(True, _flag)
    enable_delegation: bool = field(True, _flag)
    enable_team_call: bool = field(True, _flag)
    call_forwarding_simul_ring_usage_type: str = field(
        "VoicePolicyUsage", _choice(*FORWARDING_USAGES)
    )
    custom_call_forwarding_simul_ring_usages: tuple[str, ...] = field((), _names(_a_name), "usages")
    description: str = field("", _text(MAX_DESCRIPTION))


@attrs.frozen(slots=True)
class NormalisationRule:
    """One rule of a dial plan (CsVoiceNormalizationRule)."""

    name: str = _name(_a_name)
    pattern: str = field(r"^(\d{11})$", _pattern)
    translation: str = field("+$1", _text(MAX_DIALLED))
    is_internal_extension: bool = field(False, _flag)
    description: str = field("", _text(MAX_DESCRIPTION))


KEEP_ALL = NormalisationRule("Keep All", r"^(\d+)$", "$1")
"""The rule of a dial plan that nobody has changed."""


def _rules(value: object) -> str:
    if not isinstance(value, list | tuple):
        return "must be a list of rules"
    if len(value) > MAX_RULES:
        return f"must have at most {MAX_RULES} rules"
    seen: set[str] = set()
    for one in value:
        if isinstance(one, NormalisationRule):
            name = one.name
        elif not isinstance(one, dict):
            return "has an entry that is no object"
        elif problem := _rule_problem(one):
            return f"has a rule {_quoted(one.get('name'))} whose {problem}"
        else:
            name = one["name"]
        if name.casefold() in seen:
            return f"has two rules named {name!r}"
        seen.add(name.casefold())
    return ""


def _rule_problem(values: Mapping[str, object]) -> str:
    known = rules_of(NormalisationRule)
    if "name" not in values:
        return "name is missing"
    for key, value in values.items():
        if key not in known:
            return f"{key} is not a field of a rule{_meant(key, known)}"
        if problem := known[key](value):
            return f"{key} {problem}"
    rule = NormalisationRule(**cast(Any, values))
    try:
        check_translation(number_pattern(rule.pattern), rule.translation)
    except WrongPattern as error:
        return f"translation {error}"
    return ""


@attrs.frozen(slots=True)
class DialPlan:
    """How what users dial becomes numbers (CsDialPlan); the first rule that matches is used."""

    name: str = _name(_scoped("service:", "site:", "tag:"))
    rules: tuple[NormalisationRule, ...] = field((KEEP_ALL,), _rules)
    description: str = field("", _text(MAX_DESCRIPTION))


@attrs.frozen(slots=True)
class EmergencyNumber:
    """A number that reaches the emergency services (CsLocationPolicy's EmergencyNumber).

    `masks` are other numbers that people dial for it; `usage` is tried before the caller's own.
    """

    name: str = _name(_digits)
    masks: tuple[str, ...] = field((), _names(_digits))
    usage: str = field("", _text(MAX_NAME), "usages")
    description: str = field("", _text(MAX_DESCRIPTION))


VoiceObject = PstnUsage | Gateway | VoiceRoute | VoicePolicy | DialPlan | EmergencyNumber

KINDS: dict[str, type[VoiceObject]] = {
    "usages": PstnUsage,
    "gateways": Gateway,
    "routes": VoiceRoute,
    "policies": VoicePolicy,
    "dial-plans": DialPlan,
    "emergency-numbers": EmergencyNumber,
}

SINGULAR = {
    "usages": "PSTN usage",
    "gateways": "gateway",
    "routes": "voice route",
    "policies": "voice policy",
    "dial-plans": "dial plan",
    "emergency-numbers": "emergency number",
}

SCOPED = ("policies", "dial-plans")
"""Kinds whose objects are for everybody, a site or users, and of which a global one always is."""


def rules_of(kind: type[Any]) -> dict[str, Rule]:
    """The rule of each field of a kind of object."""
    return {one.name: one.metadata[_RULE] for one in attrs.fields(kind)}


def references_of(thing: VoiceObject) -> Iterable[tuple[str, str, str]]:
    """Of each reference the field, the kind and the name of the other object."""
    for one in attrs.fields(type(thing)):
        kind = one.metadata[_REFERS]
        if kind:
            value = getattr(thing, one.name)
            for name in (value,) if isinstance(value, str) else value:
                if name:
                    yield one.name, kind, name


def identity(kind: str, name: str) -> str:
    """The name as it is shown: a bare name of what has a scope is a tag."""
    if kind in SCOPED:
        if name.casefold() == GLOBAL:
            return GLOBAL
        scope, colon, rest = name.partition(":")
        return f"{scope.lower()}:{rest}" if colon else f"tag:{name}"
    return name.lower() if kind == "gateways" else name


def made(kind: str, name: object, values: Mapping[str, object], before: object = None) -> Any:
    """An object of a kind from outside values, or `before` with some of them.

    Refuses unknown fields and wrong values, all at once (400 ParameterValidationFailure).
    """
    cls = KINDS[kind]
    known = rules_of(cls)
    wrong: list[Parameter] = []
    if before is None:
        shown = identity(kind, name) if isinstance(name, str) else name
        if problem := known["name"](shown):
            wrong.append(Parameter("name", _with_value(shown, problem)))
        values = {**values, "name": shown}
    elif "name" in values:
        wrong.append(Parameter("name", "cannot be changed"))
    for key, value in values.items():
        if key == "name":
            continue
        if key not in known:
            nearest = _meant(key, known)
            wrong.append(Parameter(key, f"is not a field of a {SINGULAR[kind]}{nearest}"))
        elif problem := known[key](value):
            # the rules say themselves which of them is wrong
            shown_rule = problem if key == "rules" else _with_value(value, problem)
            wrong.append(Parameter(key, shown_rule))
    if wrong:
        raise validation_failure(*wrong)
    fields = {key: _frozen(key, value) for key, value in values.items()}
    if before is None:
        thing = cls(**cast(Any, fields))
    else:
        thing = attrs.evolve(cast(Any, before), **cast(Any, fields))
    _check_whole(thing)
    return thing


def _check_whole(thing: object) -> None:
    """What depends on more than one field."""
    if isinstance(thing, VoiceRoute) and thing.suppress_caller_id and not thing.alternate_caller_id:
        rule = "is needed where the caller's number is suppressed"
        raise validation_failure(Parameter("alternate_caller_id", rule))
    if isinstance(thing, EmergencyNumber) and thing.name in thing.masks:
        raise validation_failure(Parameter("masks", "must not hold the number itself"))


def _frozen(key: str, value: Any) -> Any:
    if key == "rules":
        return tuple(
            one if isinstance(one, NormalisationRule) else NormalisationRule(**one) for one in value
        )
    return tuple(value) if isinstance(value, list) else value


def nearest(name: str, names: Iterable[str]) -> str:
    """`; is NAME meant?` with the nearest of the right names, "" when none is near."""
    return _meant(name, names)


def _meant(value: object, names: Iterable[str]) -> str:
    if not isinstance(value, str):
        return ""
    folded = {name.casefold(): name for name in names}
    near = get_close_matches(value.casefold(), folded, n=1)
    return f"; is {folded[near[0]]} meant?" if near else ""


def _quoted(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:80]}..."


def _with_value(value: object, rule: str) -> str:
    return f"is {_quoted(value)}, {rule}"
