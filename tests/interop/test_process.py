"""A front end as an operating system and its operator see it: streams, signals, sockets, limits."""

import contextlib
import json
import re
import resource
import signal
import socket
import ssl
from datetime import UTC, datetime, timedelta
from http.client import HTTPSConnection
from pathlib import Path

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater
from twisted.internet.threads import deferToThread
from twisted.trial.unittest import TestCase

from mobility import pki
from tests.interop.child import RETRY_S, is_free, run
from tests.interop.front_end_process import PASSWORD, TWISTD, FrontEndProcess, command
from tests.interop.phone import Phone

DIRECTORY = """
[directory.ldap]
servers = ["ldaps://ldap.example.test"]
bind_dn = "cn=mobility"
bind_password_file = "ldap.password"
user_base = "dc=example"
"""


class ProcessTestCase(TestCase):
    """Has a front end, which is not started yet."""

    timeout = 300

    def setUp(self) -> None:
        self.process = FrontEndProcess(Path(self.mktemp()))

    async def start(self, *setting_up: str) -> None:
        self.process.start(*setting_up)
        self.addCleanup(self.process.kill)
        await self.process.ready()


class StreamTests(ProcessTestCase):
    """Standard output and standard error."""

    async def test_standard_output_is_json_lines_only(self) -> None:
        """From start to end each line on stdout is one JSON object with a time and an event, and
        nothing is written to stderr."""
        await self.start()
        phone = Phone(self.process.client(self), self.process.external, "alice")
        await phone.sign_in()
        await phone.request("GET", "/no/such/thing")
        self.assertEqual(await self.process.child.stop(), 0)

        self.assertEqual(self.process.child.err, b"")
        lines = [json.loads(line) for line in self.process.child.out.decode().splitlines()]
        for line in lines:
            datetime.fromisoformat(line["time"])
            self.assertIsInstance(line["event"], str)
        self.assertEqual(lines[0]["event"], "service.starting")
        self.assertIn("service.stopped", [line["event"] for line in lines])
        self.assertIn(404, [line.get("status") for line in lines])

    async def test_a_log_file_is_opened_anew(self) -> None:
        """With a log file stdout stays empty; SIGUSR1 after a rename makes a new file."""
        log = self.process.directory / "log" / "mobility.json"
        self.process.configure('destination = "stdout"', 'destination = "log/mobility.json"')
        await self.start()
        moved = log.rename(f"{log}.1")
        self.process.child.send(signal.SIGUSR1)
        while not log.exists():
            await deferLater(reactor, RETRY_S)
        self.assertEqual(await self.process.child.stop(), 0)

        self.assertEqual((self.process.child.out, self.process.child.err), (b"", b""))
        self.assertIn('"service.starting"', moved.read_text())
        self.assertEqual(json.loads(log.read_text().splitlines()[0])["event"], "log.reopened")
        self.assertIn('"service.stopped"', log.read_text())

    async def test_no_secret_is_logged(self) -> None:
        """Neither the password nor the token is in what a front end writes."""
        await self.start()
        phone = Phone(self.process.client(self), self.process.external, "alice")
        await phone.sign_in()
        await phone.expect(400, "POST", "/WebTicket/oauthtoken", data={"password": PASSWORD})
        await self.process.child.stop()

        token = phone.token.removeprefix("cwt=")
        for secret in (PASSWORD, PASSWORD.replace(" ", "+"), token, "alice"):
            self.assertNotIn(secret.encode(), self.process.child.out)


class StopTests(ProcessTestCase):
    """SIGTERM."""

    async def test_a_parked_request_is_answered_before_the_end(self) -> None:
        """SIGTERM answers a parked event request without events and the process exits with 0;
        the next process goes on from there."""
        await self.start()
        phone = Phone(self.process.client(self), self.process.external, "alice")
        await phone.sign_in(available=False)
        polling = Deferred.fromCoroutine(phone.poll())
        await self.process.parked(1)
        self.assertEqual(await self.process.child.stop(), 0)

        document = await polling
        self.assertEqual(document["sender"], [])
        self.assertEqual(set(document["_links"]), {"self", "next"})
        self.assertEqual((await self.process.logged("service.draining"))["parked"], 1)
        self.assertEqual(self.process.events("service.drain_timeout"), [])
        await self.start()
        polling = Deferred.fromCoroutine(phone.poll())
        await phone.expect(204, "POST", phone.links["makeMeAvailable"], json={})
        self.assertTrue((await polling)["sender"])

    async def test_a_request_under_way_is_finished(self) -> None:
        """Between SIGTERM and the end, a request whose body is still coming is answered, nobody
        new is let in, and readiness says why."""
        await self.start()
        form = f"grant_type=password&username=alice@example.test&password={PASSWORD}".encode()
        head = (
            "POST /WebTicket/oauthtoken HTTP/1.1\r\nHost: localhost\r\n"
            "Content-Type: application/x-www-form-urlencoded\r\n"
            f"Content-Length: {len(form)}\r\n\r\n"
        ).encode()
        stream = await deferToThread(self._connect)
        await deferToThread(stream.sendall, head + form[:10])
        self.process.child.send(signal.SIGTERM)
        await self.process.logged("service.draining")

        response = await self.process.client(self).get(f"{self.process.operator}/readyz")
        self.assertEqual(response.code, 503)
        readiness = await response.json()
        self.assertFalse(readiness["ready"])
        self.assertIn("the front end is stopping", readiness["reasons"])
        self.assertTrue(is_free(self.process.port(4443)))
        await deferToThread(stream.sendall, form[10:])
        answer = await deferToThread(_read_all, stream)
        self.assertTrue(answer.startswith(b"HTTP/1.1 200 OK\r\n"), answer[:200])
        self.assertIn(b"\r\nConnection: close\r\n", answer)
        self.assertEqual(await self.process.child.end(), 0)

    def _connect(self) -> ssl.SSLSocket:
        context = ssl.create_default_context(cafile=str(self.process.ca))
        plain = socket.create_connection(("127.0.0.1", self.process.port(4443)))
        return context.wrap_socket(plain, server_hostname="localhost")


def _read_all(stream: ssl.SSLSocket) -> bytes:
    with stream:
        return b"".join(iter(lambda: stream.recv(65536), b""))


class ReloadTests(ProcessTestCase):
    """SIGHUP."""

    async def test_new_certificates_are_served_to_new_connections(self) -> None:
        """SIGHUP takes new certificates for new handshakes; a connection that is open stays open
        with the one it has."""
        await self.start()
        old = self._connection(self.process.ca)
        first = await deferToThread(_certificate_of_answer, old)
        new_ca = self._replace_certificates()
        self.process.child.send(signal.SIGHUP)
        await self._loaded(2)

        new = self._connection(new_ca)
        self.assertNotEqual(await deferToThread(_certificate_of_answer, new), first)
        socket_before = old.sock
        self.assertEqual(await deferToThread(_certificate_of_answer, old), first)
        self.assertIs(old.sock, socket_before)

    async def test_a_broken_file_changes_nothing(self) -> None:
        """SIGHUP with a certificate that cannot be used is logged with file and rule, and the
        certificate in use stays."""
        await self.start()
        first = await deferToThread(_certificate_of_answer, self._connection(self.process.ca))
        (self.process.directory / "tls" / "server.pem").write_text("no certificate")
        self.process.child.send(signal.SIGHUP)
        line = await self.process.logged("tls.reload_failed", listener="external")

        self.assertIn("server.pem holds no PEM certificate", line["reason"])
        again = await deferToThread(_certificate_of_answer, self._connection(self.process.ca))
        self.assertEqual(again, first)

    async def test_the_configuration_is_for_the_next_start(self) -> None:
        """SIGHUP tells what differs in the configuration file, or is wrong with it; what runs goes
        on."""
        await self.start()
        self.process.add_to("web", "max_connections = 700")
        self.process.child.send(signal.SIGHUP)
        line = await self.process.logged("configuration.differs")
        self.assertEqual(line["keys"], ["web"])
        self.process.add_to("web", "max_conections = 7")
        self.process.child.send(signal.SIGHUP)
        line = await self.process.logged("configuration.unusable")
        self.assertIn("mobility.toml: web.max_conections: ", line["reason"])
        self.assertEqual(await self.process.child.stop(), 0)

    async def test_a_directory_of_the_next_start(self) -> None:
        """`mobility directory sync` says why a front end has no directory that the file names."""
        config = ("--config", str(self.process.config))
        missing = await deferToThread(command, "directory", "sync", *config)
        self.assertEqual((missing.returncode, missing.stdout), (2, ""))
        self.assertIn("directory.ldap.servers: is missing", missing.stderr)
        await self.start()
        with self.process.config.open("a", encoding="utf-8") as file:
            file.write(DIRECTORY)
        refused = await deferToThread(command, "directory", "sync", *config)
        self.assertEqual(refused.returncode, 1)
        self.assertEqual(
            refused.stderr, "mobility: the front end began without [directory.ldap]: restart it\n"
        )

    def _connection(self, ca: Path) -> HTTPSConnection:
        context = ssl.create_default_context(cafile=str(ca))
        connection = HTTPSConnection("localhost", self.process.port(4443), context=context)
        self.addCleanup(connection.close)
        return connection

    def _replace_certificates(self) -> Path:
        """New files of a new authority; the authority's file."""
        tls = self.process.directory / "tls"
        now = datetime.now(UTC)
        authority = pki.certificate_authority("another authority", now)
        server = pki.server_certificate(authority, ["localhost", "127.0.0.1"], now)
        (tls / "server.pem").write_bytes(server.certificate_pem)
        (tls / "server.key").write_bytes(server.key_pem)
        (tls / "new_ca.pem").write_bytes(authority.certificate_pem)
        return tls / "new_ca.pem"

    async def _loaded(self, times: int) -> None:
        while len(self.process.events("tls.loaded", listener="external")) < times:
            await deferLater(reactor, RETRY_S)


def _certificate_of_answer(connection: HTTPSConnection) -> bytes:
    """Make a request and return the server's certificate."""
    connection.request("GET", "/")
    response = connection.getresponse()
    response.read()
    if response.status != 200:
        raise AssertionError(f"the root answered {response.status}")
    return connection.sock.getpeercert(binary_form=True)


class RefusalTests(ProcessTestCase):
    """Starts that an operator must mend."""

    async def refused(self, *expected: str) -> None:
        """Starting ends with status 2 and one line on stderr that holds `expected`."""
        self.process.start()
        self.addCleanup(self.process.kill)
        self.assertEqual(await self.process.child.end(), 2, self.process.child.err)
        error = self.process.child.err.decode()
        self.assertEqual(error.count("\n"), 1, error)
        self.assertTrue(error.startswith("mobility: "), error)
        for text in expected:
            self.assertIn(text, error)
        for line in self.process.child.out.decode().splitlines():
            json.loads(line)

    async def test_a_wrong_value(self) -> None:
        """A wrong value is named with file, dotted key and rule."""
        self.process.configure("[log]\n", "[auth]\ntoken_lifetime_s = 1\n[log]\n")
        await self.refused("mobility.toml: auth.token_lifetime_s: ", "60")

    async def test_an_unknown_key(self) -> None:
        """A key that does not exist is named."""
        self.process.add_to("web", "max_conections = 7")
        await self.refused("mobility.toml: web.max_conections: ")

    async def test_no_configuration(self) -> None:
        """A configuration file that is not there is named."""
        self.process.config.unlink()
        await self.refused("mobility.toml: the configuration cannot be read")

    async def test_a_busy_port(self) -> None:
        """A port that somebody else listens on is named by its listener's key."""
        with socket.create_server(("127.0.0.1", self.process.port(4443))):
            await self.refused("mobility.toml: listen[2].endpoint: ", "Address already in use")

    async def test_refused_before_the_store_is_touched(self) -> None:
        """A start that is refused for a port has neither made nor migrated a database, so that an
        older version can go on with it."""
        database = self.process.directory / "data" / "mobility.sqlite"
        for file in database.parent.glob(f"{database.name}*"):
            file.unlink()
        for table, standard in (("listen[2]", 4443), ("sip.listen[1]", 5089)):
            with socket.create_server(("127.0.0.1", self.process.port(standard))):
                await self.refused(f"mobility.toml: {table}.endpoint: ", "Address already in use")
            self.assertFalse(database.exists())

    async def test_a_key_that_cannot_be_read(self) -> None:
        """A private key that cannot be read is named."""
        (self.process.directory / "tls" / "server.key").unlink()
        await self.refused("mobility.toml: listen[0].key: ", "server.key cannot be read")

    async def test_a_key_of_another_certificate(self) -> None:
        """A private key that does not belong to the certificate is named."""
        other = pki.certificate_authority("other", datetime.now(UTC))
        (self.process.directory / "tls" / "server.key").write_bytes(other.key_pem)
        await self.refused("mobility.toml: listen[0].key: ", "does not belong to")

    async def test_an_expired_certificate(self) -> None:
        """An expired certificate is named, with the day of its end."""
        then = datetime.now(UTC) - timedelta(days=500)
        authority = pki.certificate_authority("old", then)
        server = pki.server_certificate(authority, ["localhost"], then)
        (self.process.directory / "tls" / "server.pem").write_bytes(server.certificate_pem)
        (self.process.directory / "tls" / "server.key").write_bytes(server.key_pem)
        ended = server.certificate.not_valid_after_utc.date().isoformat()
        await self.refused("mobility.toml: listen[0].certificate: ", f"expired on {ended}")

    async def test_a_store_in_use(self) -> None:
        """A store that another front end has open is not opened a second time."""
        other = FrontEndProcess(Path(self.mktemp()))
        database = self.process.directory / "data" / "mobility.sqlite"
        other.configure("[log]\n", f'[store]\npath = "{database}"\n[log]\n')
        other.start()
        self.addCleanup(other.kill)
        await other.ready()
        await self.refused("mobility.sqlite")

    async def test_no_configuration_given(self) -> None:
        """Without --config and MOBILITY_CONFIG one line says so."""
        script = 'unset MOBILITY_CONFIG; exec "$0" "$@"'
        outcome = await run(["/bin/sh", "-c", script, *TWISTD, "-n", "--pidfile=", "mobility"])
        self.assertEqual(outcome.status, 2)
        self.assertEqual(
            outcome.err, "mobility: twistd mobility needs --config FILE or MOBILITY_CONFIG\n"
        )


class SystemTests(ProcessTestCase):
    """Descriptors, sockets, plugin, daemon."""

    async def test_the_descriptor_limit_is_raised(self) -> None:
        """The soft limit on open files becomes the hard one, and the log says from what to what."""
        await self.start("ulimit -Sn 300")
        _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        line = await self.process.logged("descriptors.limit")
        self.assertEqual((line["was"], line["soft"]), (300, hard))
        limits = Path(f"/proc/{self.process.child.pid}/limits").read_text()
        self.assertRegex(limits, rf"(?m)^Max open files +{hard} +{hard} ")

    async def test_listens_where_it_is_told_and_nowhere_else(self) -> None:
        """Each listener is bound to its own address."""
        port = self.process.port
        self.process.configure(
            f"tcp:{port(4443)}:interface=127.0.0.1", f"tcp:{port(4443)}:interface=127.0.0.2"
        )
        await self.start()
        expected = {("127.0.0.1", port(number)) for number in (80, 443, 5088, 5089, 8080, 9443)}
        self.assertEqual(_listening(self.process.child.pid), expected | {("127.0.0.2", port(4443))})

    async def test_twistd_finds_the_plugin_anywhere(self) -> None:
        """`twistd mobility` exists in a directory that has nothing to do with the program."""
        directory = Path(self.mktemp())
        directory.mkdir()
        listed = await run([*TWISTD, "--help"], directory)
        self.assertRegex(listed.out, r"(?m)^ +mobility +\S")
        own = await run([*TWISTD, "mobility", "--help"], directory)
        self.assertEqual(own.status, 0)
        self.assertIn("--config", own.out)

    async def test_a_daemon_has_no_stdout(self) -> None:
        """A daemon that would log to stdout is refused, and leaves no pid file."""
        command = [*TWISTD, "--pidfile", "front_end.pid", "mobility", "--config"]
        outcome = await run([*command, str(self.process.config)], self.process.directory)
        self.assertEqual(outcome.status, 2)
        self.assertRegex(outcome.err, r"\Amobility: .*mobility\.toml: log\.destination: .*\n\Z")
        self.assertFalse((self.process.directory / "front_end.pid").exists())

    async def test_a_daemon_and_a_busy_port(self) -> None:
        """A busy port is told at the terminal, as without a daemon."""
        self.process.configure('destination = "stdout"', 'destination = "front_end.log"')
        command = [*TWISTD, "--pidfile", "front_end.pid", "mobility", "--config"]
        with socket.create_server(("127.0.0.1", self.process.port(4443))):
            outcome = await run([*command, str(self.process.config)], self.process.directory)
        self.assertEqual(outcome.status, 2)
        self.assertRegex(outcome.err, r"\Amobility: .*: listen\[2\]\.endpoint: .* in use\n\Z")
        self.assertFalse((self.process.directory / "front_end.pid").exists())

    async def test_runs_as_a_daemon(self) -> None:
        """Without -n it goes on in the background, logs to its file, and removes its pid file."""
        directory = self.process.directory
        self.process.configure('destination = "stdout"', 'destination = "front_end.log"')
        command = [*TWISTD, "--pidfile", "front_end.pid", "mobility", "--config"]
        outcome = await run([*command, str(self.process.config)], directory)
        self.assertEqual((outcome.status, outcome.out, outcome.err), (0, "", ""))
        log, pid_file = directory / "front_end.log", directory / "front_end.pid"
        while '"listener.started","listener":"operator"' not in re.sub(r"\s", "", log.read_text()):
            await deferLater(reactor, RETRY_S)
        http = self.process.client(self)
        phone = Phone(http, self.process.external, "alice")
        await phone.sign_in()
        stopping = await run(["/bin/sh", "-c", 'kill -TERM "$(cat front_end.pid)"'], directory)
        self.assertEqual(stopping.status, 0)
        while pid_file.exists():
            await deferLater(reactor, RETRY_S)
        lines = [json.loads(line) for line in log.read_text().splitlines()]
        self.assertIn("service.stopped", [line["event"] for line in lines])

    async def test_health(self) -> None:
        """The operator listener tells liveness, readiness and metrics."""
        await self.start()
        http = self.process.client(self)
        for path, content in (
            ("/healthz", {"alive": True}),
            ("/readyz", {"ready": True, "reasons": []}),
        ):
            response = await http.get(self.process.operator + path)
            self.assertEqual((response.code, await response.json()), (200, content))
        response = await http.get(f"{self.process.operator}/metrics")
        self.assertIn("\nmobility_users 3.0\n", await response.text())
        response = await http.get(f"{self.process.external}/readyz")
        await response.content()
        self.assertEqual(response.code, 404)

    async def test_serves_sockets_that_systemd_opened(self) -> None:
        """A `systemd:` endpoint takes the listening socket that came with the process."""
        port = self.process.port(4443)
        self.process.configure(
            f"tcp:{port}:interface=127.0.0.1", "systemd:domain=INET:name=external"
        )
        with socket.socket() as opened:
            opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            opened.bind(("127.0.0.1", port))
            opened.listen()
            environment = "export LISTEN_FDS=1 LISTEN_FDNAMES=external LISTEN_PID=$$"
            self.process.start(environment, descriptors=[opened.fileno()])
        self.addCleanup(self.process.kill)
        await self.process.ready()
        await Phone(self.process.client(self), self.process.external, "alice").sign_in()


def _listening(pid: int) -> set[tuple[str, int]]:
    """Address and port of each IPv4 TCP socket that a process listens on (proc(5), /proc/net)."""
    sockets = set()
    for link in Path(f"/proc/{pid}/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):  # closed meanwhile
            sockets.add(link.readlink().name)
    found = set()
    for line in Path(f"/proc/{pid}/net/tcp").read_text().splitlines()[1:]:
        fields = line.split()
        local, state, inode = fields[1], fields[3], fields[9]
        if state == "0A" and f"socket:[{inode}]" in sockets:
            address, port = local.split(":")
            host = socket.inet_ntoa(bytes.fromhex(address)[::-1])
            found.add((host, int(port, 16)))
    return found
