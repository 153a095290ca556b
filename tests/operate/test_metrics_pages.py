"""The metrics in docs/operations.md and docs/push.md against those of the program."""

import re
from collections.abc import Iterable
from pathlib import Path

from prometheus_client import CollectorRegistry
from twisted.trial.unittest import SynchronousTestCase

from mobility.clearing_house.figures import ClearingCollector, Figures
from mobility.tap import MobilityService, Options, makeService
from tests.interop.front_end_process import FrontEndProcess

DOCS = Path(__file__).parent.parent.parent / "docs"
SUFFIXES = {"counter": "_total", "info": "_info"}

EVERYTHING = """
[mcx]
forward_to = "https://legacy.example.test"

[directory.ldap]
servers = ["ldaps://127.0.0.1"]
bind_dn = "cn=reader,dc=example,dc=test"
bind_password_file = "directory.secret"
user_base = "dc=example,dc=test"
"""


def documented(page: str) -> set[str]:
    """The first column of the table of metrics."""
    rows = re.findall(r"^\| (`mobility_[^|]*)\|", (DOCS / page).read_text(), re.MULTILINE)
    return {name for row in rows for name in re.findall(r"`(mobility_\w+)", row)}


def shown(registry: CollectorRegistry | ClearingCollector) -> set[str]:
    """The names that Prometheus keeps them by."""
    return {one.name + SUFFIXES.get(one.type, "") for one in registry.collect()}


class MetricsPagesTests(SynchronousTestCase):
    """Operators make alarms of these names."""

    def assertSame(self, page: str, names: Iterable[str]) -> None:
        self.assertEqual(sorted(documented(page)), sorted(names))

    def test_front_end(self) -> None:
        """docs/operations.md has every metric of a front end with everything configured."""
        process = FrontEndProcess(Path(self.mktemp()))
        process.configure('destination = "stdout"', 'destination = "mobility.json"')
        secret = process.directory / "directory.secret"
        secret.touch(mode=0o600)
        secret.write_text("secret")
        with process.config.open("a", encoding="utf-8") as file:
            file.write(EVERYTHING)
        options = Options()
        options.parseOptions(["--config", str(process.config)])
        service = makeService(options)
        self.assertIsInstance(service, MobilityService)
        self.assertSame("operations.md", shown(service.metrics.registry))

    def test_clearing_house(self) -> None:
        """docs/push.md has every metric that a clearing house has beside."""
        self.assertSame("push.md", shown(ClearingCollector(Figures(), list)))
