"""What a signal to reload says of the configuration file."""

from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from mobility.config import load
from mobility.operate.running_configuration import RunningConfiguration
from mobility.testing import MemoryLog

FILE = """
data_dir = "data"
sip_domains = ["example.test"]
server_fqdn = "fe.example.test"

[web]
internal_url = "https://in.example.test"
external_url = "https://out.example.test"
""" + "".join(
    f'[[listen]]\nname = "{site}"\nendpoint = "tcp:{port}:interface=127.0.0.1"\n'
    f'site = "{site}"\ntls = true\ncertificate = "c.pem"\nkey = "k.pem"\n'
    for port, site in enumerate(("internal", "external", "operator"), 10_443)
)


class LookTests(SynchronousTestCase):
    """A file that is read again."""

    def setUp(self) -> None:
        self.file = Path(self.mktemp())
        self.file.write_text(FILE)
        self.log = MemoryLog()
        self.running = RunningConfiguration(load(self.file), self.log)

    def look_at(self, before: str, after: str) -> list[tuple[str, dict[str, object]]]:
        self.file.write_text(FILE.replace(before, after))
        self.running.look()
        return self.log.events

    def test_unchanged(self) -> None:
        """Nothing is said of a file that says what runs."""
        self.assertEqual([], self.look_at("\n[web]", "\n\n# a note\n[web]"))

    def test_changed(self) -> None:
        """Keys and tables that differ are named, without their values."""
        events = self.look_at(
            'data_dir = "data"', 'data_dir = "data"\ndrain_timeout_s = 3\nauth.lockout_failures = 9'
        )
        self.assertEqual([("configuration.differs", {"keys": ["auth", "drain_timeout_s"]})], events)

    def test_listeners(self) -> None:
        """They are called as in the file."""
        self.assertEqual(
            [("configuration.differs", {"keys": ["listen"]})], self.look_at("10444", "10555")
        )

    def test_unusable(self) -> None:
        """A file with which the next start would be refused is told of, with the rule."""
        (one,) = self.look_at("sip_domains", "sip_domain")
        self.assertEqual("configuration.unusable", one[0])
        self.assertIn("sip_domain", str(one[1]["reason"]))
        self.file.unlink()
        self.running.look()
        self.assertIn("cannot be read", str(self.log.events[-1][1]["reason"]))
