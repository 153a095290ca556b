"""The paths of the reference pages and those of the task pages lead to the same resources."""

import re
from collections.abc import Mapping

from mobility.ucwa.declaration import Resource
from mobility.ucwa.hrefs import APPLICATIONS, REFERENCE_APPLICATIONS
from mobility.ucwa.resources import RESOURCES
from tests.conformance.clocks import Stopped
from tests.conformance.scenarios.contacts import make_group
from tests.conformance.scenarios.messaging import talk
from tests.conformance.scenarios.presence import subscribe
from tests.conformance.scenarios.rules import everything, same
from tests.conformance.stage import Scenario, Stage

OWN = re.compile(rf"{APPLICATIONS}/([^/?]+)/?([^?]*)")
"""An href of the task pages' shape: the application, and the path below it."""

_NAME = re.compile(r"\{([^}]+)\}")

FEWEST = 20
"""So many resources must have been found on other paths (our choice)."""


async def paths(stage: Stage) -> None:
    """Every resource that links lead to is on all its paths, and links never change shape."""
    alice, bob = await stage.people(2)
    await subscribe(alice, bob)
    await talk(alice, bob, "paths")
    group = await make_group(alice)
    found = 0
    for shown in await everything(alice):
        for href in other_paths(shown.rel, shown.href):
            again = await alice.fetch(href, shown.rel)
            if not same(shown, again):
                raise Stopped(f"{href} shows another {shown.rel} than {shown.href}")
            found += 1
    if found < FEWEST:
        raise Stopped(f"only {found} other paths were found")
    await alice.delete(group)


def other_paths(rel: str, href: str) -> list[str]:
    """The other hrefs of a resource that is shown at `href`."""
    application = OWN.fullmatch(href.partition("?")[0])
    if application is None or "?" in href:
        return []
    own = application[2]
    for resource in RESOURCES:
        names = _pattern(resource.path).fullmatch(own) if resource.rel == rel else None
        if names is not None and _is_readable(resource):
            shapes = [own, *(_filled(alias, names.groupdict()) for alias in resource.aliases)]
            tails = [f"{application[1]}/{path}".rstrip("/") for path in shapes if path is not None]
            return [
                *(f"{APPLICATIONS}/{tail}" for tail in tails[1:]),
                *(f"{REFERENCE_APPLICATIONS}/{tail}" for tail in tails),
            ]
    return []


def _is_readable(resource: Resource) -> bool:
    return any(operation.method == "GET" for operation in resource.operations)


def _pattern(path: str) -> re.Pattern[str]:
    parts = _NAME.split(path)
    literals, names = map(re.escape, parts[::2]), parts[1::2]
    first = next(literals)
    rest = (f"(?P<{name}>[^/]+){literal}" for name, literal in zip(names, literals, strict=True))
    return re.compile(first + "".join(rest))


def _filled(path: str, names: Mapping[str, str]) -> str | None:
    """A path with these names filled in, None if it has others."""
    if set(_NAME.findall(path)) - set(names):
        return None
    return _NAME.sub(lambda found: names[found[1]], path)


SCENARIOS = (Scenario("paths: both shapes", paths, ours_only=True),)
