"""The import rules of the design, read from the sources."""

import ast
from collections.abc import Iterator
from pathlib import Path

from twisted.trial.unittest import TestCase

import mobility

PACKAGE = Path(mobility.__file__).parent

ADAPTERS = {"autodiscover", "ucwa", "mcx", "meet", "sip", "push", "operate"}
"""Rooms that speak a protocol: none knows another, they meet in the domain and on the bus."""

ALLOWED = {
    "domain": {"domain"},
    "bus": {"bus", "domain"},
    "store": {"store", "domain"},
    "http": {"http"},
    "auth": {"auth", "domain", "http"},
    "imaging": {"imaging", "domain"},
    "media": {"media", "domain"},
    "planning": {"planning", "urls"},
    "check": {"check", "planning", "push", "urls"},
    "clearing_house": {"clearing_house", "push", "http", "store", "toml_table"},
    "directory": {"directory", "domain", "auth", "schedule", "toml_table"},
    **{adapter: {adapter, "domain", "auth", "http", "media"} for adapter in ADAPTERS},
}
"""The rooms each room may import; `errors`, `events` and `config` are open to all."""

OPEN = {"errors", "events", "config", "reactor", "__version__"}

REACTORLESS = {"domain"}
"""Rooms that know no reactor, no socket and no wire format."""

SANS_IO = {
    "media.offers",
    "media.sdp",
    "ucwa.channel",
    "ucwa.multipart",
    "push.wire",
    "push.wire_json",
    "push.wire_sip",
    "sip.conference_info",
    "sip.dialog",
    "sip.dialog_info",
    "sip.digest",
    "sip.flow",
    "sip.framing",
    "sip.grammar",
    "sip.headers",
    "sip.message",
    "sip.message_summary",
    "sip.pidf",
    "sip.publication",
    "sip.resource_lists",
    "sip.subscription",
    "sip.transaction",
    "sip.transactions",
    "sip.uri",
    "sip.validation",
    "sip.xml_elements",
}
"""Modules that import nothing of Twisted at all."""

MAX_LINES = 500
MEANINGLESS = {"util", "utils", "common", "helper", "helpers", "misc"}


def modules() -> Iterator[tuple[str, ast.Module, str]]:
    """Each module of the package: dotted name below `mobility`, syntax tree, source."""
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = path.relative_to(PACKAGE).with_suffix("").parts
        name = ".".join(part for part in parts if part != "__init__")
        source = path.read_text()
        yield name, ast.parse(source), source


def imports(tree: ast.Module) -> Iterator[str]:
    """Every module name an import statement names, wherever it stands."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module is not None:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def rooms(tree: ast.Module) -> set[str]:
    """The rooms of this package that a module imports."""
    return {
        name.split(".")[1]
        for name in imports(tree)
        if name.startswith("mobility.") and name.split(".")[1] != "testing"
    }


class ArchitectureTests(TestCase):
    """Each rule names the modules that break it."""

    def test_rooms_import_only_what_the_design_allows(self) -> None:
        """Adapters never import one another, and the domain imports nobody."""
        wrong = [
            f"{name} imports {other}"
            for name, tree, _ in modules()
            if (room := name.split(".")[0]) in ALLOWED
            for other in sorted(rooms(tree) - ALLOWED[room] - OPEN)
        ]
        self.assertEqual(wrong, [])

    def test_the_domain_knows_no_reactor_and_no_wire(self) -> None:
        """Of Twisted only Deferreds, and neither HTTP nor SQL."""
        foreign = ("twisted.", "httptools", "sqlalchemy", "sqlite3", "socket", "time")
        wrong = [
            f"{name} imports {imported}"
            for name, tree, _ in modules()
            if name.split(".")[0] in REACTORLESS
            for imported in imports(tree)
            if imported.startswith(foreign) and not imported.startswith("twisted.internet.defer")
            if imported not in ("twisted.internet",)
        ]
        self.assertEqual(wrong, [])

    def test_protocol_machines_do_no_input_or_output(self) -> None:
        """What is sans-IO imports nothing of Twisted."""
        trees = {name: tree for name, tree, _ in modules()}
        wrong = [
            f"{name} imports {imported}"
            for name in sorted(SANS_IO)
            for imported in imports(trees[name])
            if imported.startswith("twisted")
        ]
        self.assertEqual(wrong, [])

    def test_only_the_entry_points_touch_the_global_reactor(self) -> None:
        """Everything else is given one, so that tests can give it a clock."""
        wrong = [
            name
            for name, tree, _ in modules()
            if "twisted.internet.reactor" in imports(tree)
            and name not in ("tap", "push_tap", "push_doubles.__main__", "cli", "demo")
            and not name.startswith("commands")
        ]
        self.assertEqual(wrong, [])

    def test_no_assert_guards_anything(self) -> None:
        """An assert vanishes under -O; outside data gets an error instead."""
        wrong = [
            f"{name}:{node.lineno}"
            for name, tree, _ in modules()
            for node in ast.walk(tree)
            if isinstance(node, ast.Assert)
        ]
        self.assertEqual(wrong, [])

    def test_modules_are_small_and_named_for_what_they_do(self) -> None:
        """A module has at most 500 lines and a name that says something."""
        wrong = [
            name
            for name, _, source in modules()
            if source.count("\n") > MAX_LINES or name.split(".")[-1] in MEANINGLESS
        ]
        self.assertEqual(wrong, [])
