"""The service under twistd: a real process, its log, its signals, and what it refuses."""

import json
import signal
import socket
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cryptography import x509
from twisted.application.service import Application, IServiceMaker
from twisted.internet import reactor
from twisted.internet.defer import Deferred, ensureDeferred
from twisted.internet.task import deferLater
from twisted.logger import ILogObserver
from twisted.plugin import IPlugin
from twisted.trial.unittest import SynchronousTestCase, TestCase

from mobility import pki
from mobility.errors import OperatorFault
from mobility.tap import Options, Refused, makeService
from tests.interop.child import RETRY_S, Child, Outcome
from tests.interop.front_end_process import TWISTD, FrontEndProcess
from tests.interop.phone import Phone
from twisted.plugins import mobility_plugin

AS_SYSTEMD = """
import os, socket, sys
listening = socket.create_server(("127.0.0.1", int(sys.argv[1])))
os.dup2(listening.fileno(), 3)
os.set_inheritable(3, True)
os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS="1", LISTEN_FDNAMES="external")
os.execv(sys.argv[2], sys.argv[2:])
"""
"""Opens a port and runs a program with it, as socket activation does (sd_listen_fds(3))."""


class PluginTests(SynchronousTestCase):
    """What twistd finds."""

    def test_maker(self) -> None:
        """The plugin is a service maker named mobility, whose parts are those of the tap module."""
        maker = mobility_plugin.mobility
        self.assertTrue(IPlugin.providedBy(maker))
        self.assertTrue(IServiceMaker.providedBy(maker))
        self.assertEqual("mobility", maker.tapname)
        self.assertIs(Options, maker.options)
        self.assertIs(makeService, maker.makeService)

    def test_refused(self) -> None:
        """What ends twistd is both an Exception and a SystemExit, with status 2."""
        refused = Refused(OperatorFault("file", "rule", "key"))
        self.assertIsInstance(refused, Exception)
        self.assertIsInstance(refused, SystemExit)
        self.assertEqual((2, "file: key: rule"), (refused.code, str(refused)))


class ProcessTestCase(TestCase):
    """A test with a directory that a front end can run in."""

    timeout = 60

    def setUp(self) -> None:
        self.front_end = FrontEndProcess(Path(self.mktemp()))

    async def running(self) -> None:
        """Start it and wait until it is ready; it is killed when the test has ended."""
        self.front_end.start()
        self.addCleanup(lambda: ensureDeferred(self.front_end.kill()))
        await self.front_end.ready()

    async def outcome(self, *arguments: str) -> Outcome:
        """Run twistd to its end."""
        child = Child([*TWISTD, *arguments], self.front_end.directory)
        status = await child.end()
        return Outcome(status, child.out.decode(), child.err.decode())

    async def refused(self, key: str, rule: str, *options: str) -> None:
        """Start it with a fault: one line on standard error, status 2, no pid file."""
        config = str(self.front_end.config)
        found = await self.outcome(*(options or ("-n",)), "mobility", "--config", config)
        self.assertEqual(2, found.status, found)
        self.assertEqual(1, found.err.count("\n"), found.err)
        self.assertIn(f"{self.front_end.config}: {key}: ", found.err)
        self.assertIn(rule, found.err)
        for line in found.out.splitlines():
            json.loads(line)
        self.assertFalse((self.front_end.directory / "twistd.pid").exists())


class RunningTests(ProcessTestCase):
    """A front end that runs."""

    async def test_log(self) -> None:
        """Standard output holds JSON lines only, and standard error nothing."""
        await self.running()
        self.assertEqual(0, await self.front_end.child.stop())
        lines = [json.loads(line) for line in self.front_end.child.out.splitlines()]
        names = [line["event"] for line in lines]
        self.assertEqual("service.starting", names[0])
        self.assertEqual(5, names.count("listener.started"))
        self.assertIn("service.stopped", names)
        self.assertIn("descriptors.limit", names)
        self.assertEqual(b"", self.front_end.child.err)

    async def test_drain(self) -> None:
        """SIGTERM answers what is parked and ends with status 0; the client goes on afterwards."""
        await self.running()
        alice = Phone(self.front_end.client(self), self.front_end.external, "alice")
        await alice.sign_in()
        polling = await self.parked(alice)
        self.front_end.child.send(signal.SIGTERM)
        document = await polling
        self.assertIn("next", document["_links"])
        self.assertEqual(0, await self.front_end.child.end())
        (draining,) = self.front_end.events("service.draining")
        self.assertEqual(1, draining["parked"])
        self.assertEqual([], self.front_end.events("service.drain_timeout"))
        await self.running()
        polling = await self.parked(alice)
        polling.addErrback(lambda _: None).cancel()

    async def parked(self, phone: Phone) -> Deferred[Any]:
        """A poll of the event channel that waits, after those that had something to tell."""
        while True:
            polling = ensureDeferred(phone.poll())
            while not polling.called:
                if (await self.status())["parked"]:
                    return polling

    async def status(self) -> dict[str, int]:
        key = (self.front_end.directory / "data" / "operator.key").read_text().strip()
        response = await self.front_end.client(self).get(
            f"{self.front_end.operator}/operate/v1/status",
            headers={"Authorization": f"Bearer {key}"},
        )
        found: dict[str, int] = await response.json()
        return found

    async def test_reload(self) -> None:
        """SIGHUP takes a new certificate for new connections."""
        await self.running()
        tls = self.front_end.directory / "tls"
        old = x509.load_pem_x509_certificate((tls / "server.pem").read_bytes())
        authority = pki.certificate_authority("another CA", datetime.now(UTC))
        made = pki.server_certificate(authority, ["localhost", "127.0.0.1"], datetime.now(UTC))
        (tls / "server.pem").write_bytes(made.certificate_pem)
        (tls / "server.key").write_bytes(made.key_pem)
        (tls / "ca.pem").write_bytes(authority.certificate_pem)
        self.assertNotEqual(old.serial_number, made.certificate.serial_number)
        self.front_end.child.send(signal.SIGHUP)
        end = made.certificate.not_valid_after_utc.isoformat()
        await self.front_end.logged("tls.loaded", listener="operator", not_after=end)
        await self.front_end.ready()

    async def test_systemd(self) -> None:
        """A listening socket that systemd has opened and passed on is served, with TLS."""
        port = self.front_end.port(4443)
        self.front_end.configure(
            f'"tcp:{port}:interface=127.0.0.1"', '"systemd:domain=INET:name=external"'
        )
        self.front_end.child = Child(
            [
                *(sys.executable, "-c", AS_SYSTEMD, str(port), *TWISTD, "-n", "--pidfile="),
                *("mobility", "--config", str(self.front_end.config)),
            ],
            self.front_end.directory,
        )
        self.addCleanup(lambda: ensureDeferred(self.front_end.kill()))
        await self.front_end.ready()
        response = await self.front_end.client(self).get(f"{self.front_end.external}/")
        self.assertEqual(200, response.code)
        await response.content()

    async def test_log_file(self) -> None:
        """With twistd's --logfile, or log.destination, the lines are in that file."""
        log = self.front_end.directory / "log" / "mobility.json"
        self.front_end.configure('destination = "stdout"', 'destination = "log/mobility.json"')
        await self.running()
        moved = log.rename(f"{log}.1")
        self.front_end.child.send(signal.SIGUSR1)
        while not log.exists():
            await deferLater(reactor, RETRY_S)
        self.assertEqual(0, await self.front_end.child.stop())
        self.assertEqual(b"", self.front_end.child.out)
        self.assertEqual("log.reopened", json.loads(log.read_text().splitlines()[0])["event"])
        self.assertIn("service.starting", moved.read_text())


class RefusedTests(ProcessTestCase):
    """Faults of the operator: one line with file, key and rule, status 2."""

    async def test_wrong_value(self) -> None:
        """A wrong value."""
        self.front_end.configure('name = "internal"', 'name = "internal"\ncolour = "red"')
        await self.refused("listen[0].colour", "is not a key")

    async def test_busy_port(self) -> None:
        """A port that another program has; what was opened before is closed again."""
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", self.front_end.port(4443)))
            taken.listen()
            await self.refused("listen[2].endpoint", "Address already in use")

    async def test_expired(self) -> None:
        """A certificate that has expired."""
        tls = self.front_end.directory / "tls"
        past = datetime(2020, 1, 1, tzinfo=UTC)
        authority = pki.certificate_authority("old CA", past)
        made = pki.server_certificate(authority, ["localhost"], past)
        (tls / "server.pem").write_bytes(made.certificate_pem)
        (tls / "server.key").write_bytes(made.key_pem)
        await self.refused("listen[0].certificate", "expired on 2021-")

    async def test_no_key(self) -> None:
        """A key that is not there."""
        (self.front_end.directory / "tls" / "server.key").unlink()
        await self.refused("listen[0].key", "cannot be read: No such file")

    async def test_daemon(self) -> None:
        """A daemon that would log to a standard output it has not."""
        await self.refused("log.destination", "a daemon has not", "--pidfile=x.pid")

    async def test_second(self) -> None:
        """A second front end on the same store."""
        await self.running()
        config = str(self.front_end.config)
        found = await self.outcome("-n", "--pidfile=", "mobility", "--config", config)
        self.assertEqual(2, found.status)
        self.assertIn("in use by another process", found.err)
        self.assertEqual(1, found.err.count("\n"))

    async def test_no_config(self) -> None:
        """No configuration at all."""
        found = await self.outcome("-n", "mobility")
        self.assertEqual(2, found.status)
        self.assertEqual(
            "mobility: twistd mobility needs --config FILE or MOBILITY_CONFIG\n", found.err
        )


class ObserverTests(SynchronousTestCase):
    """How twistd's own log is replaced."""

    def test_component(self) -> None:
        """Joining an application sets its log observer, which twistd then uses."""
        front_end = FrontEndProcess(Path(self.mktemp()))
        front_end.configure('destination = "stdout"', 'destination = "mobility.json"')
        options = Options()
        options.parseOptions(["--config", str(front_end.config)])
        service = makeService(options)
        application = Application("mobility")
        service.setServiceParent(application)
        observer = ILogObserver(application)
        observer({"log_format": "hello", "log_namespace": "here"})
        last = (front_end.directory / "mobility.json").read_text().splitlines()[-1]
        self.assertEqual(
            ("twisted.log", "hello"), (json.loads(last)["event"], json.loads(last)["text"])
        )
