"""Where a dialled number leads: the documented algorithm of outbound voice routing, as values.

1. An emergency number is known before anything else, by itself or by a mask.
2. The caller's dial plan makes a number of what was dialled; one with a plus is one already.
3. A number of a user here leads to that user.
4. Else the usages of the caller's voice policy are gone through in order; for each the routes that
   carry it and whose pattern is found in the number, the lowest priority first (then by name); of
   each route its gateways in order.  A gateway that was tried is not tried again.
"""

from collections.abc import Callable, Iterable, Sequence

import attrs

from mobility.domain.number_patterns import number_pattern
from mobility.domain.phones import MAX_DIGITS, MAX_EXTENSION
from mobility.domain.voice_objects import (
    MAX_DIALLED,
    DialPlan,
    EmergencyNumber,
    Gateway,
    VoiceRoute,
)

_SEPARATORS = str.maketrans("", "", "-.() /\u00a0")
"""RFC 3966 section 5.1.1, and habits."""

_EXTENSION = ";ext="

LAST_RESORT = ""
"""The name of the route by which an emergency call goes when no route matches."""


@attrs.frozen(slots=True)
class Normalised:
    """What a dial plan made of what was dialled.

    `number` is "" when no rule matches, or when what the rule gives is no number.  `rule` is ""
    for a number that had its plus already.
    """

    number: str = attrs.field(repr=False)
    rule: str = ""
    pattern: str = ""
    translation: str = ""


@attrs.frozen(slots=True)
class Attempt:
    """One gateway to try, and the number to show as the caller's ("" for none).

    `suppressed` says that the route shows that number whoever calls.
    """

    gateway: Gateway
    route: str
    usage: str
    caller_id: str = attrs.field(repr=False)
    suppressed: bool = False


@attrs.frozen(slots=True)
class UsageStep:
    """One usage, the routes that carry it and match in their order, and how many do not match."""

    usage: str
    routes: tuple[VoiceRoute, ...]
    others: int


@attrs.frozen(slots=True)
class Itinerary:
    """Everything that was decided about one dialled number.

    `emergency` is the emergency number that was meant, "" for none; `user_uri` the user here that
    the number belongs to, "" for none.  Who answers before `escape_s` have passed is a carrier's
    voicemail.  `failure` is "" when the call leads somewhere, else one of
    `FAILURES`.
    """

    dialled: str = attrs.field(repr=False)
    number: str = attrs.field(repr=False, default="")
    dial_plan: str = ""
    normalised: Normalised | None = None
    emergency: str = ""
    user_uri: str = ""
    policy: str = ""
    usages: tuple[UsageStep, ...] = ()
    attempts: tuple[Attempt, ...] = ()
    failure: str = ""
    escape_s: float = 0.0


FAILURES = {
    "NormalizationFailed": "no rule of the dial plan makes a number of what was dialled",
    "EnterpriseVoiceDisabled": "the caller has no Enterprise Voice",
    "NoUsages": "the voice policy allows no calls to the telephone network",
    "NoRoute": "no route of the usages allowed matches the number",
    "NoGateway": "the routes that match have no gateway that is enabled",
    "ForwardingForbidden": "the voice policy does not allow it",
    "EmergencyNumber": "calls are neither forwarded nor joined to an emergency number",
}
"""Why a call leads nowhere."""


def normalise(plan: DialPlan, dialled: str) -> Normalised:
    """What `plan` makes of a string of at most `MAX_DIALLED` characters."""
    number, extension = cleaned(dialled)
    if number.startswith("+"):
        return Normalised(_whole(number, extension))
    for rule in plan.rules:
        result = number_pattern(rule.pattern).translated(number, rule.translation)
        if result is not None:
            translated, own_extension = cleaned(result)
            whole = _whole(translated, own_extension or extension)
            return Normalised(whole, rule.name, rule.pattern, rule.translation)
    return Normalised("")


def cleaned(dialled: str) -> tuple[str, str]:
    """Number and extension without `tel:`, parameters of other kinds, and separators.

    Both are "" for what is too long.
    """
    if len(dialled) > MAX_DIALLED:
        return "", ""
    text = dialled.strip().lower().removeprefix("tel:")
    number, *parameters = text.split(";")
    extension = next((one[4:] for one in parameters if one.startswith("ext=")), "")
    return number.translate(_SEPARATORS), extension.translate(_SEPARATORS)


def dialled_in(text: str) -> str:
    """What is dialled by a `tel:` or `sip:` URI, or by a number as it stands."""
    bare = text.strip()
    if bare[:4].lower() != "sip:":
        return bare
    return bare[4:].partition(";")[0].partition("@")[0]


def looks_dialled(text: str) -> bool:
    """Whether a text is a number, rather than the address of a person."""
    if "@" in text and text.strip()[:4].lower() != "sip:":
        return False
    number, _ = cleaned(dialled_in(text))
    digits = number.removeprefix("+")
    return bool(digits) and set(digits) <= set("0123456789*#")


def without_extension(number: str) -> str:
    """What patterns of routes are looked for in."""
    return number.partition(_EXTENSION)[0]


def showing(itinerary: Itinerary, number: str, *, foreign: bool) -> Itinerary:
    """The same ways with another number shown as the caller's, where the route lets it be.

    A `foreign` one is that of nobody here, and not every gateway takes it.
    """
    return attrs.evolve(
        itinerary,
        attempts=tuple(
            one
            if one.suppressed or (foreign and not one.gateway.foreign_caller_ids)
            else attrs.evolve(one, caller_id=number)
            for one in itinerary.attempts
        ),
    )


def _whole(number: str, extension: str) -> str:
    """The number with its extension, "" for what is no number (RFC 3966, local ones included)."""
    digits = number.removeprefix("+")
    local = set("0123456789*#") if number == digits else set("0123456789")
    if not digits or len(digits) > MAX_DIGITS or not set(digits) <= local:
        return ""
    if not extension:
        return number
    good = len(extension) <= MAX_EXTENSION and extension.isascii() and extension.isdigit()
    return f"{number}{_EXTENSION}{extension}" if good else ""


def emergency_number(numbers: Iterable[EmergencyNumber], dialled: str) -> EmergencyNumber | None:
    """The emergency number that was dialled, with or without a plus, or by a mask."""
    digits = cleaned(dialled)[0].removeprefix("+")
    return next((one for one in numbers if digits == one.name or digits in one.masks), None)


def steps(
    usages: Sequence[str], routes: Sequence[VoiceRoute], *numbers: str
) -> tuple[UsageStep, ...]:
    """What each usage leads to; a route matches when it matches one of the forms of the number."""
    return tuple(_step(usage, routes, numbers) for usage in usages)


def _step(usage: str, routes: Sequence[VoiceRoute], numbers: Sequence[str]) -> UsageStep:
    folded = usage.casefold()
    carrying = [one for one in routes if any(own.casefold() == folded for own in one.usages)]
    matching = in_order(carrying, *numbers)
    return UsageStep(usage, matching, len(carrying) - len(matching))


def in_order(routes: Iterable[VoiceRoute], *numbers: str) -> tuple[VoiceRoute, ...]:
    """The routes that match, the lowest priority first, then by name."""
    looked_in = [without_extension(number) for number in numbers]
    found = [
        one
        for one in routes
        if any(number_pattern(one.number_pattern).found_in(number) for number in looked_in)
    ]
    return tuple(sorted(found, key=lambda one: (one.priority, one.name.casefold())))


def attempts(
    taken: Iterable[tuple[str, Sequence[VoiceRoute]]],
    gateway: Callable[[str], Gateway | None],
    caller_id: str,
) -> tuple[Attempt, ...]:
    """The gateways to try, in order, each once; `taken` are usages with their routes."""
    tried: dict[str, Attempt] = {}
    for usage, routes in taken:
        for route in routes:
            shown = route.alternate_caller_id if route.suppress_caller_id else caller_id
            for name in route.gateways:
                found = gateway(name)
                if found is not None and found.enabled and found.name not in tried:
                    tried[found.name] = Attempt(
                        found, route.name, usage, shown, route.suppress_caller_id
                    )
    return tuple(tried.values())
