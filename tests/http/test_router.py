"""Tests of `mobility.http.router`."""

from twisted.trial.unittest import SynchronousTestCase

from mobility.http.message import Request, Response, Site
from mobility.http.route import Route
from mobility.http.router import Router
from mobility.http.target import path_segments

EXTERNAL = Site("external", secure=True)


def handler(request: Request) -> Response:
    return Response()


def route(method: str, path: str, **more: object) -> Route:
    return Route(f"{method} {path}", method, path, handler, **more)  # type: ignore[arg-type]  # test


class RouterTests(SynchronousTestCase):
    """From paths to declarations."""

    def found(self, router: Router, method: str, path: str) -> tuple[str, dict[str, str]] | None:
        found = router.find(path_segments(path))
        if found is None:
            return None
        place, values = found
        declared = place.route(method)
        if declared is None:
            return None
        return declared.name, dict(zip(place.names(declared), values, strict=True))

    def test_case(self) -> None:
        """Static segments match without case, parameters keep theirs."""
        router = Router([route("GET", "/Ucwa/v1/applications/{id}/Me")], EXTERNAL)
        self.assertEqual(
            self.found(router, "GET", "/UCWA/V1/Applications/AbC/me"),
            ("GET /Ucwa/v1/applications/{id}/Me", {"id": "AbC"}),
        )

    def test_slashes(self) -> None:
        """Doubled and trailing slashes do not count."""
        router = Router([route("GET", "/a/{b}/c"), route("GET", "/")], EXTERNAL)
        for path in ("/a/x/c", "//a///x//c", "/a/x/c/"):
            self.assertEqual(self.found(router, "GET", path), ("GET /a/{b}/c", {"b": "x"}))
        self.assertEqual(self.found(router, "GET", "//"), ("GET /", {}))
        self.assertIsNone(self.found(router, "GET", "/a/x"))
        self.assertIsNone(self.found(router, "GET", "/a/x/c/d"))

    def test_escaped_slash(self) -> None:
        """An escaped slash stays inside its segment."""
        router = Router([route("GET", "/a/{b}")], EXTERNAL)
        self.assertEqual(self.found(router, "GET", "/a/x%2Fy"), ("GET /a/{b}", {"b": "x/y"}))

    def test_static_first(self) -> None:
        """A static segment goes before a parameter, which is tried when the static one leads
        nowhere."""
        router = Router(
            [route("GET", "/a/b"), route("GET", "/a/{x}/c"), route("GET", "/a/b/{y}/d")], EXTERNAL
        )
        self.assertEqual(self.found(router, "GET", "/a/b"), ("GET /a/b", {}))
        self.assertEqual(self.found(router, "GET", "/a/B/c"), ("GET /a/{x}/c", {"x": "B"}))
        self.assertEqual(self.found(router, "GET", "/a/b/c/d"), ("GET /a/b/{y}/d", {"y": "c"}))

    def test_parameter_names_of_each_method(self) -> None:
        """Routes on one path may name its parameters differently."""
        router = Router([route("GET", "/{a}/{b}"), route("PUT", "/{c}/{d}")], EXTERNAL)
        self.assertEqual(self.found(router, "PUT", "/1/2"), ("PUT /{c}/{d}", {"c": "1", "d": "2"}))

    def test_duplicates(self) -> None:
        """Two declarations of one method and path are refused, whatever their spelling."""
        with self.assertRaises(ValueError):
            Router([route("GET", "/a/{b}"), route("GET", "/A/{c}/")], EXTERNAL)
        with self.assertRaises(ValueError):
            Router([route("GET", "a")], EXTERNAL)

    def test_sites(self) -> None:
        """A site serves what is declared for it, plain HTTP only what is declared plain."""
        declared = [
            route("GET", "/in", sites=frozenset({"internal"})),
            route("GET", "/plain", plain=True),
        ]
        secure = Router(declared, EXTERNAL)
        self.assertIsNone(self.found(secure, "GET", "/in"))
        self.assertIsNotNone(self.found(secure, "GET", "/plain"))
        plain = Router(declared, Site("internal", secure=False))
        self.assertIsNone(self.found(plain, "GET", "/in"))
        self.assertIsNotNone(self.found(plain, "GET", "/plain"))

    def test_head(self) -> None:
        """HEAD is served by GET, but not where a GET may park."""
        router = Router([route("GET", "/a"), route("GET", "/b", may_park=True)], EXTERNAL)
        self.assertEqual(self.found(router, "HEAD", "/a"), ("GET /a", {}))
        self.assertIsNone(self.found(router, "HEAD", "/b"))
        found = router.find(["b"])
        self.assertEqual(found and found[0].methods, ["GET", "OPTIONS"])
