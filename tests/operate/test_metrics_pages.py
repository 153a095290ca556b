"""The metrics in docs/operations.md and docs/push.md against those of the program."""

import re
from collections.abc import Iterable
from pathlib import Path

from prometheus_client import CollectorRegistry
from prometheus_client.registry import Collector
from twisted.trial.unittest import SynchronousTestCase

from mobility.clearing_house.figures import ClearingCollector, Figures
from mobility.operate.certificates import CertificateDays
from mobility.tap import MobilityService, Options, makeService
from tests.interop.front_end_process import FrontEndProcess

DOCS = Path(__file__).parent.parent.parent / "docs"
SUFFIXES = {"counter": "_total", "info": "_info"}

OTHER_UNITS = {"ms", "milliseconds", "minutes", "hours", "kb", "mb", "kilobytes", "percent", "bits"}
"""What a base unit is to be used for.  Only how long a credential lives is told in days: so
operators ask for it."""

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


def shown(registry: CollectorRegistry | Collector) -> set[str]:
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

    def test_names(self) -> None:
        """Names, units and texts are as Prometheus' own checker wants them (promlint): base units,
        `_total` for counters and for nothing else, no type in a name, and a text for each."""
        process = FrontEndProcess(Path(self.mktemp()))
        process.configure('destination = "stdout"', 'destination = "mobility.json"')
        options = Options()
        options.parseOptions(["--config", str(process.config)])
        front_end = makeService(options).metrics.registry
        for registry in (front_end, ClearingCollector(Figures(), list)):
            for one in registry.collect():
                words = set(one.name.split("_"))
                self.assertTrue(one.documentation.endswith("."), one.name)
                self.assertRegex(one.name, r"^mobility(_[a-z0-9]+)*$")
                self.assertNotEqual(one.name.rpartition("_")[2], "total", "the format adds it")
                self.assertFalse(words & {"counter", "gauge", "histogram", "summary"}, one.name)
                self.assertFalse(words & OTHER_UNITS, one.name)
                if one.name.endswith(("_bucket", "_count", "_sum")):
                    self.fail(f"{one.name} ends as a part of a histogram does")

    def test_clearing_house(self) -> None:
        """docs/push.md has every metric that a clearing house has beside."""
        of_its_own = (ClearingCollector(Figures(), list), CertificateDays(dict))
        self.assertSame("push.md", set().union(*map(shown, of_its_own)))
