"""Tests of `[mcx]` of the configuration file."""

from pathlib import Path
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from mobility.config.mcx import McxConfig, read_mcx
from mobility.config.web import WebConfig
from mobility.errors import OperatorFault
from mobility.toml_table import Table

WEB = WebConfig("https://in.example.test", "https://out.example.test:4443")


def read(**values: Any) -> McxConfig:
    return read_mcx(Table(Path("/etc/mobility.toml"), values, "mcx"), WEB)


class McxConfigTests(SynchronousTestCase):
    """The table."""

    def test_default(self) -> None:
        """Without the table the service is retired, and its SIP ports are only named."""
        settings = read()
        self.assertEqual(McxConfig(), settings)
        self.assertEqual((5086, 5087), (settings.sip_primary_port, settings.sip_external_port))

    def test_forwarding(self) -> None:
        """A pool is an https URL without a path; its authorities a file beside this one."""
        settings = read(forward_to="https://pool.example.test:444", ca_file="pool.pem")
        self.assertEqual(Path("/etc/pool.pem"), settings.ca_file)

    WRONG = (
        ({"forward_to": "http://pool.example.test"}, "mcx.forward_to: is 'http://pool"),
        ({"forward_to": "https://pool.example.test/Mcx"}, "without a path"),
        ({"forward_to": "https://me@pool.example.test"}, "mcx.forward_to"),
        ({"forward_to": "https://OUT.example.test:4443"}, "must not lead back"),
        ({"ca_file": "x"}, "mcx.ca_file: is 'x', is of no use without mcx.forward_to"),
        ({"max_requests": 0}, "mcx.max_requests: is 0, must be from 1 to 100000"),
        ({"forward": "x"}, "mcx.forward: is not a key this program knows; is forward_to meant?"),
        (
            {"forward_to": "https://p.example.test", "sip_external_port": 5086},
            "must differ from mcx.sip_primary_port",
        ),
    )

    def test_wrong(self) -> None:
        """Each fault names file, key, value and rule."""
        for values, message in self.WRONG:
            with self.subTest(values=values):
                fault = self.assertRaises(OperatorFault, read, **values)
                self.assertIn(message, str(fault))
                self.assertTrue(str(fault).startswith("/etc/mobility.toml: mcx."))
