"""`mobility check` as a command: wrong use, and how it looks."""

import errno
import os
import pty
import subprocess
import sys
from pathlib import Path

from click.testing import CliRunner, Result
from twisted.trial.unittest import SynchronousTestCase

from mobility.cli import program
from tests.planning.deployments import write


class CommandTests(SynchronousTestCase):
    """What needs no network."""

    def setUp(self) -> None:
        self.file = write(Path(self.mktemp()).absolute())

    def invoke(self, *arguments: str, config: bool = True) -> Result:
        runner = CliRunner(env={"MOBILITY_CONFIG": str(self.file) if config else None})
        return runner.invoke(program, ("check", *arguments))

    def test_wrong_use(self) -> None:
        """What cannot be meant ends with one line and status 2."""
        for arguments, message in (
            (("everything",), "'everything' is not one of"),
            (("--inside-resolver", "ns.example.com"), "must be ADDRESS or ADDRESS:PORT"),
            (("--outside-resolver", "10.0.0.53:0"), "must be ADDRESS or ADDRESS:PORT"),
            (("--from-outside", "http://web.example.com"), "must be an https URL"),
            (("--from-outside", "https://web.example.com:x"), "must be an https URL"),
            (("--origin", "https://chat.example.com/page"), "must be an origin"),
            (("--sign-in", "alice"), "is no SIP address"),
            (("--hold", "9999"), "not in the range"),
            (("--authority", "nowhere.pem"), "nowhere.pem cannot be read"),
            (("--authority", str(self.file)), "holds no PEM certificate"),
        ):
            with self.subTest(arguments=arguments):
                result = self.invoke(*arguments)
                self.assertEqual((2, ""), (result.exit_code, result.stdout))
                self.assertIn(message, result.stderr)
                self.assertEqual(1, result.stderr.count("\n"))

    def test_without_a_configuration(self) -> None:
        """A configuration is needed, unless a published URL and its SIP domains are named."""
        for arguments, message in (
            ((), "Missing option '--config', or --from-outside"),
            (("--from-outside", "https://web.example.com"), "--sip-domain is missing"),
            (
                ("--from-outside", "https://web.example.com", "--sip-domain", "a b"),
                "is no domain name",
            ),
        ):
            with self.subTest(arguments=arguments):
                result = self.invoke(*arguments, config=False)
                self.assertEqual(2, result.exit_code)
                self.assertIn(message, result.stderr)

    def test_colours(self) -> None:
        """A terminal gets colours, unless NO_COLOR is set."""
        changes = ('trusted_proxies = ["10.0.0.5"]', "trusted_proxies = []")
        self.file.write_text(self.file.read_text().replace(*changes))
        coloured = self.on_a_terminal({})
        self.assertIn("\x1b[33mwarning\x1b[0m topology.proxy-unknown", coloured)
        plain = self.on_a_terminal({"NO_COLOR": "1"})
        self.assertIn("warning topology.proxy-unknown", plain)
        self.assertNotIn("\x1b", plain)

    def test_full_disk(self) -> None:
        """What cannot be written ends with one line that says so, and status 1."""
        environment = {k: v for k, v in os.environ.items() if k != "PYTHONUNBUFFERED"}
        said = f"mobility: standard output cannot be written: {os.strerror(errno.ENOSPC)}\n"
        for more in ({}, {"PYTHONUNBUFFERED": "1"}):
            with self.subTest(more=more), open("/dev/full", "wb") as disk:
                done = subprocess.run(
                    [sys.executable, "-m", "mobility.cli", "check", "topology"],
                    stdout=disk,
                    stderr=subprocess.PIPE,
                    env={**environment, "MOBILITY_CONFIG": str(self.file), **more},
                    check=False,
                )
                self.assertEqual((1, said), (done.returncode, done.stderr.decode()))

    def on_a_terminal(self, more: dict[str, str]) -> str:
        """What the command writes to a terminal; it must end with status 1."""
        main, terminal = pty.openpty()
        self.addCleanup(os.close, main)
        with os.fdopen(terminal, "wb") as output:
            environment = {k: v for k, v in os.environ.items() if k != "NO_COLOR"}
            done = subprocess.run(
                [sys.executable, "-m", "mobility.cli", "check", "topology"],
                stdout=output,
                env={**environment, "MOBILITY_CONFIG": str(self.file), **more},
                check=False,
            )
        self.assertEqual(1, done.returncode)
        written = b""
        while True:
            try:
                written += os.read(main, 4096)
            except OSError:  # EIO: nobody has the terminal any more
                return written.decode()
