"""From a method and a path to the declared route: a trie over path segments.

Static segments are matched without case and go before `{parameters}`, whose values keep theirs.
Doubled and trailing slashes do not count, since only the segments between them are looked at.
"""

from collections.abc import Iterable, Mapping, Sequence

import attrs

from mobility.http.message import Site
from mobility.http.route import Authorisation, Route


@attrs.frozen(slots=True)
class Place:
    """What is declared at one path: routes by method and the names of their path parameters."""

    routes: Mapping[str, Route]
    parameters: Mapping[str, tuple[str, ...]]

    def names(self, route: Route) -> tuple[str, ...]:
        """The names of a route's path parameters, in order."""
        return self.parameters[route.method]

    def route(self, method: str) -> Route | None:
        """The route for a method; HEAD is served by GET, except where a GET may park."""
        route = self.routes.get(method)
        if route is None and method == "HEAD":
            route = self.routes.get("GET")
            if route is not None and route.may_park:
                return None
        return route

    @property
    def guarded(self) -> bool:
        """Whether every method needs a token.  Who has none is told so before anything else: some
        clients GET any URL they have to learn where tokens are issued."""
        return all(route.authorisation is Authorisation.BEARER for route in self.routes.values())

    @property
    def methods(self) -> list[str]:
        """The methods served here, as `Allow` lists them."""
        methods = {*self.routes, "OPTIONS"}
        if self.route("HEAD") is not None:
            methods.add("HEAD")
        return sorted(methods)


@attrs.define(slots=True)
class _Node:
    children: dict[str, "_Node"] = attrs.Factory(dict)
    parameter: "_Node | None" = None
    place: Place | None = None


class Router:
    """The routes one site serves.

    Raises ValueError when two declarations mean the same method and path, or a path does not begin
    with a slash.
    """

    def __init__(self, routes: Iterable[Route], site: Site) -> None:
        self._root = _Node()
        for route in routes:
            if site.name in route.sites and (site.secure or route.plain):
                self._add(route)

    def _add(self, route: Route) -> None:
        if not route.path.startswith("/"):
            raise ValueError(f"route {route.name}: the path {route.path!r} is not absolute")
        node = self._root
        names: list[str] = []
        for segment in route.path.split("/"):
            if segment.startswith("{") and segment.endswith("}"):
                names.append(segment[1:-1])
                node.parameter = node.parameter or _Node()
                node = node.parameter
            elif segment:
                node = node.children.setdefault(segment.lower(), _Node())
        place = node.place or Place({}, {})
        if route.method in place.routes:
            raise ValueError(f"{route.method} {route.path} is declared twice")
        node.place = Place(
            {**place.routes, route.method: route}, {**place.parameters, route.method: tuple(names)}
        )

    def find(self, segments: Sequence[str]) -> tuple[Place, list[str]] | None:
        """What is declared at a path, with the values of its parameters in order."""
        node = self._root
        values: list[str] = []
        for index, segment in enumerate(segments):
            child = node.children.get(segment.lower())
            if node.parameter is None:
                if child is None:
                    return None
                node = child
            elif child is None:
                values.append(segment)
                node = node.parameter
            else:
                found = _search(node, segments, index)
                return None if found is None else (found[0], values + found[1])
        return None if node.place is None else (node.place, values)


def _search(node: _Node, segments: Sequence[str], index: int) -> tuple[Place, list[str]] | None:
    """Depth first, static segments before parameters; as deep as the declared paths at most."""
    if index == len(segments):
        return None if node.place is None else (node.place, [])
    segment = segments[index]
    child = node.children.get(segment.lower())
    if child is not None:
        found = _search(child, segments, index + 1)
        if found is not None:
            return found
    if node.parameter is None:
        return None
    found = _search(node.parameter, segments, index + 1)
    if found is not None:
        found[1].insert(0, segment)
    return found
