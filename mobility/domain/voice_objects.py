"""What administrators set for voice routing: the kinds of object, their fields and rules.

Names of fields and their defaults are those of CsVoicePolicy, CsVoiceRoute, CsPstnUsage and
CsDialPlan.  Objects are values (`mobility.domain.setting_rules`).
"""

import re
from collections.abc import Mapping
from typing import Any, cast

import attrs

from mobility.domain.number_patterns import WrongPattern, check_translation, number_pattern
from mobility.domain.setting_rules import (
    MAX_DESCRIPTION,
    MAX_NAME,
    Kinds,
    a_name,
    choice,
    field,
    flag,
    host,
    name_field,
    names,
    nearest,
    number,
    quoted,
    rules_of,
    scoped,
    text,
)
from mobility.errors import Parameter, validation_failure

MAX_RULES = 200
"""Normalisation rules of one dial plan (our choice)."""

MAX_DIALLED = 64
"""Characters of what is dialled, and of what a rule makes of it (our choice: a number of 15
digits and an extension with separators)."""

_CALLER_ID = re.compile(r"(\+)?[1-9][0-9]{0,14}(;ext=[1-9][0-9]{0,14})?")
"""Set-CsVoiceRoute, AlternateCallerId."""


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


def _account(value: object) -> str:
    return a_name(value) if value != "" else ""


def _digits(value: object) -> str:
    good = isinstance(value, str) and value.isascii() and value.isdigit() and 2 <= len(value) <= 15
    return "" if good else "must be digits, from 2 to 15"


@attrs.frozen(slots=True)
class PstnUsage:
    """A class of calls: what policies allow and routes carry (CsPstnUsage)."""

    name: str = name_field(a_name)
    description: str = field("", text(MAX_DESCRIPTION))


@attrs.frozen(slots=True)
class Gateway:
    """A gateway to the telephone network; `name` is its host name.

    One that is not enabled is left out of routing.
    """

    name: str = name_field(host)
    port: int = field(5067, number(1, 65_535))
    """Where it listens (Topology Builder's default for TLS; 5066 for TCP)."""
    transport: str = field("tls", choice("tls", "tcp"))
    enabled: bool = field(True, flag)
    account: str = field("", _account)
    """The account with which its challenges are answered (`[[sip.account]]` of the
    configuration, which has the password); "" for none."""
    foreign_caller_ids: bool = field(True, flag)
    """Whether it takes numbers of nobody here as the caller's: else a call that a user sends on
    shows the user's own there."""
    description: str = field("", text(MAX_DESCRIPTION))


@attrs.frozen(slots=True)
class VoiceRoute:
    """Which gateways lead to which numbers (CsVoiceRoute); the lowest priority comes first."""

    name: str = name_field(a_name)
    number_pattern: str = field("[0-9]{10}", _pattern)
    priority: int = field(0, number(0, 10_000))
    usages: tuple[str, ...] = field((), names(a_name), "usages")
    gateways: tuple[str, ...] = field((), names(host), "gateways")
    suppress_caller_id: bool = field(False, flag)
    alternate_caller_id: str = field("", _alternate)
    """Shown in place of the caller's number, when that is suppressed."""
    description: str = field("", text(MAX_DESCRIPTION))


FORWARDING_USAGES = ("VoicePolicyUsage", "InternalOnly", "CustomUsage")


@attrs.frozen(slots=True)
class VoicePolicy:
    """What users may do with telephones (CsVoicePolicy); without usages they cannot call out."""

    name: str = name_field(scoped("site:", "tag:"))
    usages: tuple[str, ...] = field((), names(a_name), "usages")
    allow_call_forwarding: bool = field(True, flag)
    allow_simul_ring: bool = field(True, flag)
    enable_call_transfer: bool = field(True, flag)
    enable_delegation: bool = field(True, flag)
    enable_team_call: bool = field(True, flag)
    call_forwarding_simul_ring_usage_type: str = field(
        "VoicePolicyUsage", choice(*FORWARDING_USAGES)
    )
    custom_call_forwarding_simul_ring_usages: tuple[str, ...] = field((), names(a_name), "usages")
    enable_voicemail_escape_timer: bool = field(False, flag)
    pstn_voicemail_escape_timer: int = field(1_500, number(0, 8_000))
    """Milliseconds: a telephone that rings beside its user and is answered sooner is its carrier's
    voicemail, where `enable_voicemail_escape_timer` says so."""
    description: str = field("", text(MAX_DESCRIPTION))


@attrs.frozen(slots=True)
class NormalisationRule:
    """One rule of a dial plan (CsVoiceNormalizationRule)."""

    name: str = name_field(a_name)
    pattern: str = field(r"^(\d{11})$", _pattern)
    translation: str = field("+$1", text(MAX_DIALLED))
    is_internal_extension: bool = field(False, flag)
    description: str = field("", text(MAX_DESCRIPTION))


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
            return f"has a rule {quoted(one.get('name'))} whose {problem}"
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
            return f"{key} is not a field of a rule{nearest(key, known)}"
        if problem := known[key](value):
            return f"{key} {problem}"
    rule = NormalisationRule(**cast(Any, values))
    try:
        check_translation(number_pattern(rule.pattern), rule.translation)
    except WrongPattern as error:
        return f"translation {error}"
    return ""


def _as_rules(value: tuple[Any, ...]) -> tuple[NormalisationRule, ...]:
    return tuple(
        one if isinstance(one, NormalisationRule) else NormalisationRule(**one) for one in value
    )


@attrs.frozen(slots=True)
class DialPlan:
    """How what users dial becomes numbers (CsDialPlan); the first rule that matches is used."""

    name: str = name_field(scoped("service:", "site:", "tag:"))
    rules: tuple[NormalisationRule, ...] = field((KEEP_ALL,), _rules, made=_as_rules)
    description: str = field("", text(MAX_DESCRIPTION))


@attrs.frozen(slots=True)
class EmergencyNumber:
    """A number that reaches the emergency services (CsLocationPolicy's EmergencyNumber).

    `masks` are other numbers that people dial for it; `usage` is tried before the caller's own.
    """

    name: str = name_field(_digits)
    masks: tuple[str, ...] = field((), names(_digits))
    usage: str = field("", text(MAX_NAME), "usages")
    description: str = field("", text(MAX_DESCRIPTION))


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


def _check_whole(thing: object) -> None:
    """What depends on more than one field."""
    if isinstance(thing, VoiceRoute) and thing.suppress_caller_id and not thing.alternate_caller_id:
        rule = "is needed where the caller's number is suppressed"
        raise validation_failure(Parameter("alternate_caller_id", rule))
    if isinstance(thing, EmergencyNumber) and thing.name in thing.masks:
        raise validation_failure(Parameter("masks", "must not hold the number itself"))


VOICE = Kinds(
    KINDS,
    SINGULAR,
    SCOPED,
    granted={"voice_policy": "policies", "dial_plan": "dial-plans"},
    in_lower_case=("gateways",),
    whole=_check_whole,
)

made = VOICE.made
"""An object of a kind from outside values (`Kinds.made`)."""
