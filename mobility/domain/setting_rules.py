"""Rules of the fields of what administrators set, and how an object is made of outside values.

An object is an attrs class whose fields carry their rule; `Kinds` builds one and says all that is
wrong with the values at once: the key, the value, the rule, and the nearest right name.
"""

import unicodedata
from collections.abc import Callable, Iterable, Mapping
from difflib import get_close_matches
from typing import Any, cast

import attrs

from mobility.domain.addresses import is_domain
from mobility.errors import Parameter, validation_failure

MAX_NAME = 64
"""Characters of a name (our choice)."""

MAX_DESCRIPTION = 512

MAX_NAMES = 100
"""Entries of one list of names (our choice)."""

GLOBAL = "global"

Rule = Callable[[object], str]
"""Says what is wrong with a value, "" when nothing is."""

_RULE = "rule"
_REFERS = "refers"
_MADE = "made"
_DOCUMENTED = "documented"


def text(limit: int) -> Rule:
    """A string of at most `limit` characters, none of them a control character."""

    def rule(value: object) -> str:
        if not isinstance(value, str):
            return "must be a string"
        if len(value) > limit:
            return f"must have at most {limit} characters"
        if any(unicodedata.category(character) in ("Cc", "Cs") for character in value):
            return "must not hold control characters"
        return ""

    return rule


def flag(value: object) -> str:
    return "" if isinstance(value, bool) else "must be true or false"


def number(least: int, most: int) -> Rule:
    def rule(value: object) -> str:
        good = isinstance(value, int) and not isinstance(value, bool) and least <= value <= most
        return "" if good else f"must be a whole number from {least} to {most}"

    return rule


def choice(*choices: str) -> Rule:
    def rule(value: object) -> str:
        if value in choices and isinstance(value, str):
            return ""
        shown = " or ".join(one or "empty" for one in choices)
        return f"must be {shown}{nearest(value, filter(None, choices))}"

    return rule


def names(rule_of_one: Rule) -> Rule:
    """A list in which each entry keeps a rule and is there once, whatever its case."""

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


def a_name(value: object) -> str:
    if problem := text(MAX_NAME)(value):
        return problem
    name = str(value)
    if not name.strip() or name != name.strip():
        return "must not be empty, or begin or end with a space"
    return "must not hold a comma or a slash" if set(name) & {",", "/"} else ""


def host(value: object) -> str:
    good = isinstance(value, str) and is_domain(value)
    return "" if good else "must be a host name"


def scoped(*scopes: str) -> Rule:
    """An identity: `global`, or a name in one of the `scopes`, such as `site:`."""

    def rule(value: object) -> str:
        if value == GLOBAL:
            return ""
        scope, _, name = value.partition(":") if isinstance(value, str) else ("", "", value)
        if problem := a_name(name):
            return problem
        if f"{scope}:" not in scopes:
            forms = ", ".join((GLOBAL, *(f"{one}NAME" for one in scopes)))
            near = nearest(scope, [one.removesuffix(":") for one in scopes])
            return f"must be {forms}, or a NAME alone, which is tag:NAME{near}"
        return ""

    return rule


def field(
    default: Any,
    rule: Rule,
    refers: str = "",
    *,
    documented: str = "",
    made: Callable[[Any], Any] | None = None,
) -> Any:
    """A field with its rule.

    `refers` is the kind of the objects that it names.  `documented` is its name in the vendor's
    documents, under which it is shown.  `made` turns a right value into what is kept.
    """
    metadata = {_RULE: rule, _REFERS: refers, _DOCUMENTED: documented, _MADE: made}
    return attrs.field(default=default, metadata=metadata)


def name_field(rule: Rule) -> Any:
    """The field `name`."""
    return attrs.field(metadata={_RULE: rule, _REFERS: "", _DOCUMENTED: "", _MADE: None})


def rules_of(cls: type[Any]) -> dict[str, Rule]:
    """The rule of each field of a kind of object."""
    return {one.name: one.metadata[_RULE] for one in attrs.fields(cls)}


def shown_names(cls: type[Any]) -> dict[str, str]:
    """Each field of a kind of object, to the name under which it is shown."""
    return {one.name: one.metadata[_DOCUMENTED] or one.name for one in attrs.fields(cls)}


def shown(thing: object) -> dict[str, Any]:
    """An object for the outside, its fields under the names by which they are shown."""
    names_of = shown_names(type(thing))
    return {names_of[key]: value for key, value in attrs.asdict(cast(Any, thing)).items()}


def references_of(thing: object) -> Iterable[tuple[str, str, str]]:
    """Of each reference the field, the kind and the name of the other object."""
    for one in attrs.fields(cast(Any, type(thing))):
        kind = one.metadata[_REFERS]
        if kind:
            value = getattr(thing, one.name)
            for name in (value,) if isinstance(value, str) else value:
                if name:
                    yield one.name, kind, name


def nearest(name: object, right: Iterable[str]) -> str:
    """`; is NAME meant?` with the nearest of the right names, "" when none is near."""
    if not isinstance(name, str):
        return ""
    known = {_folded(one): one for one in right}
    near = get_close_matches(_folded(name), known, n=1)
    return f"; is {known[near[0]]} meant?" if near else ""


def quoted(value: object) -> str:
    """A value as it is told of, cut when it is long."""
    shown_value = repr(value)
    return shown_value if len(shown_value) <= 80 else f"{shown_value[:80]}..."


def _folded(key: str) -> str:
    """A name for comparison: without case and without what joins its words."""
    return key.replace("_", "").replace("-", "").casefold()


@attrs.frozen(slots=True)
class Kinds:
    """The kinds of object of one area of settings.

    `classes` and `singular` (what one is called) are by kind.  Objects of the `scoped` kinds are
    for everybody, a site or users, and a global one always is.  `granted` maps the fields of a
    grant to the kinds of which they name one; of the kinds `in_lower_case` names are kept so.
    `whole` refuses what depends on more than one field.
    """

    classes: Mapping[str, type[Any]]
    singular: Mapping[str, str]
    scoped: tuple[str, ...] = ()
    granted: Mapping[str, str] = attrs.Factory(dict)
    in_lower_case: tuple[str, ...] = ()
    whole: Callable[[object], None] = lambda _: None

    def identity(self, kind: str, name: str) -> str:
        """The name as it is shown: a bare name of what has a scope is a tag."""
        if kind in self.scoped:
            if name.casefold() == GLOBAL:
                return GLOBAL
            scope, colon, rest = name.partition(":")
            return f"{scope.lower()}:{rest}" if colon else f"tag:{name}"
        return name.lower() if kind in self.in_lower_case else name

    def made(
        self, kind: str, name: object, values: Mapping[str, object], before: object = None
    ) -> Any:
        """An object of a kind from outside values, or `before` with some of them.

        Fields may be written as they are shown or as they are named here, in any case.  Refuses
        unknown fields and wrong values, all at once (400 ParameterValidationFailure).
        """
        cls = self.classes[kind]
        known, shown_as = rules_of(cls), shown_names(cls)
        meant = {_folded(one): key for key, label in shown_as.items() for one in (key, label)}
        wrong: list[Parameter] = []
        fields: dict[str, Any] = {}
        if before is None:
            identity = self.identity(kind, name) if isinstance(name, str) else name
            if problem := known["name"](identity):
                wrong.append(Parameter("name", with_value(identity, problem)))
            fields["name"] = identity
        elif "name" in values:
            wrong.append(Parameter("name", "cannot be changed"))
        for given, value in values.items():
            if given == "name":
                continue
            key = meant.get(_folded(given), "")
            if key in ("", "name"):
                near = nearest(given, shown_as.values())
                rule = f"is not a field of a {self.singular[kind]}{near}"
                wrong.append(Parameter(given, rule))
            elif key in fields:
                wrong.append(Parameter(given, "is given twice"))
            else:
                made = _made_by(cls, key)
                if problem := known[key](value):
                    # what is made of parts says itself which of them is wrong
                    problem = problem if made is not None else with_value(value, problem)
                    wrong.append(Parameter(given, problem))
                kept = tuple(value) if isinstance(value, list) else value
                fields[key] = made(kept) if made is not None and not problem else kept
        if wrong:
            raise validation_failure(*wrong)
        thing = cls(**fields) if before is None else attrs.evolve(cast(Any, before), **fields)
        self.whole(thing)
        return thing


def with_value(value: object, rule: str) -> str:
    return f"is {quoted(value)}, {rule}"


def _made_by(cls: type[Any], key: str) -> Callable[[Any], Any] | None:
    made: Callable[[Any], Any] | None = getattr(attrs.fields(cls), key).metadata[_MADE]
    return made
