"""`mobility demo`: a front end in a temporary directory, and a conversation on it."""

import json
import shlex
import signal
import subprocess
import sys
import tempfile
from collections.abc import Coroutine
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import click
from twisted.internet import defer
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorProcess
from twisted.internet.protocol import ProcessProtocol
from twisted.internet.task import deferLater, react
from twisted.python.failure import Failure

from mobility.commands.init import DEMO_PASSWORD, DEMO_USERS
from mobility.commands.options import say
from mobility.demo import DemoFailed, Script, Setting, https_client
from mobility.demo_admin import AdminScript
from mobility.demo_meeting import MeetingScript
from mobility.demo_push import EdgeScript, PushScript
from mobility.demo_sip import SIP_PORT, SipScript
from mobility.errors import OperatorFault
from mobility.operate.ports import HIGHEST_OFFSET, STANDARD_OFFSET, STANDARD_PORTS, free_offset

SIP_DOMAIN = "example.test"
SCENES: dict[str, type[Script]] = {
    "admin": AdminScript,
    "chat": Script,
    "edge": EdgeScript,
    "meeting": MeetingScript,
    "push": PushScript,
    "sip": SipScript,
}
"""What can be played; a scene's docstring says what happens in it."""

START_TIMEOUT_S = 120.0
STOP_TIMEOUT_S = 60.0
RETRY_S = 0.1

TWISTD = "import os; os.setsid(); from twisted.scripts.twistd import run; run()"
"""In a session of its own: the terminal's Ctrl-C is for the demonstration, which ends it."""

NEXT = """
The front end goes on serving; its log is {log}.  Try, in another shell:

  URL={url}; CA={ca}
  curl --cacert $CA -H 'Accept: application/json' "$URL/?sipuri=alice@{domain}"
  TOKEN=$(curl -s --cacert $CA "$URL/WebTicket/oauthtoken" -d grant_type=password \\
    -d username=alice@{domain} --data-urlencode 'password={password}' \\
    | sed 's/.*"access_token":"\\([^"]*\\)".*/\\1/')
  curl -s --cacert $CA -H "Authorization: Bearer $TOKEN" "$URL/ucwa/oauth/v1/applications" \\
    --json '{{"userAgent":"curl","endpointId":"shell","culture":"en-US"}}'

The other users are {others}, with the same password.  Ctrl-C ends the demonstration.
"""


@click.command()
@click.option(
    "--scene",
    type=click.Choice(sorted(SCENES)),
    default="chat",
    show_default=True,
    help="What is played.",
)
@click.option("--once", is_flag=True, help="End after the scene: 0 if every step worked, else 1.")
@click.option(
    "--port-offset",
    type=click.IntRange(0, HIGHEST_OFFSET),
    help=f"Added to the standard ports; {STANDARD_OFFSET}, or another if those are busy.",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line, with --once only.")
def demo(scene: str, once: bool, port_offset: int | None, as_json: bool) -> int:
    """Play a scene on a front end of its own, then keep serving."""
    if as_json and not once:
        raise click.UsageError("--json goes with --once")
    with ExitStack() as held:
        offset = port_offset
        if offset is None:
            offset = held.enter_context(free_offset((*STANDARD_PORTS, SIP_PORT)))
        name = held.enter_context(tempfile.TemporaryDirectory(prefix="mobility-demo-"))
        directory = Path(name)
        _initialise(directory, offset, SCENES[scene])
        stage = Stage(SCENES[scene], directory, offset, as_json)
        try:
            react(lambda reactor: Deferred.fromCoroutine(stage.play(reactor, once)))
        except SystemExit as ended:
            if ended.code not in (None, 0):
                return 1
    return 0


def _initialise(directory: Path, offset: int, scene: type[Script]) -> None:
    """`mobility init`, what a scene needs in the configuration file, and `mobility user add` for
    whom it needs beside the demo users."""
    arguments = [str(directory), "--demo-users", "--sip-domain", SIP_DOMAIN]
    _command("init", *arguments, "--port-offset", str(offset))
    config = str(directory / "mobility.toml")
    with Path(config).open("a", encoding="utf-8") as file:
        file.write(scene.configuration.format(port=SIP_PORT + offset))
    for name in scene.more_users:
        uri = f"sip:{name}@{SIP_DOMAIN}"
        options = ("--name", name.capitalize(), "--config", config)
        _command("user", "add", uri, *options, given=DEMO_PASSWORD)


def _command(*arguments: str, given: str = "") -> None:
    """A command of our own, in a process of its own, since it needs a reactor too."""
    done = subprocess.run(  # noqa: S603  # our own command
        [sys.executable, "-m", "mobility.cli", *arguments],
        input=given,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise OperatorFault(
            f"mobility {arguments[0]}", done.stderr.strip().removeprefix("mobility: ")
        )


class FrontEndProcess(ProcessProtocol):
    """The front end as a child; its log goes to a file, what it says of failures is kept."""

    def __init__(self, log: Path) -> None:
        self._log = log.open("ab")
        self.complaint = b""
        self.ended: Deferred[None] = Deferred()

    def outReceived(self, data: bytes) -> None:
        self._log.write(data)
        self._log.flush()

    def errReceived(self, data: bytes) -> None:
        self.complaint += data

    def processEnded(self, reason: Failure) -> None:  # noqa: ARG002  # how it ended is in the log
        self._log.close()
        self.ended.callback(None)


class Stage:
    """One demonstration: the front end, the script, and what is said of it."""

    def __init__(self, scene: type[Script], directory: Path, offset: int, as_json: bool) -> None:
        self._scene = scene
        self._directory = directory
        self._ca = directory / "tls" / "ca.pem"
        self._offset = offset
        self._url = f"https://localhost:{4443 + offset}"
        self._as_json = as_json

    async def play(self, reactor: Any, once: bool) -> None:
        """Raises SystemExit(1) when a step fails."""
        log = self._directory / "front-end.log"
        process = FrontEndProcess(log)
        interrupted = _on_interrupt()
        setting = (
            None if self._scene.setting is None else self._scene.setting(self._directory, reactor)
        )
        if setting is not None:
            await setting.begin()
        self._spawn(reactor, process)
        try:
            done = await _unless(interrupted, self._show(reactor, process, interrupted, setting))
            if not done:
                self._say("Interrupted.")
                raise SystemExit(1)
            if not once:
                self._say(self._next(log))
                await _first(interrupted, process.ended)
        except DemoFailed as failed:
            self._say(f"FAILED: {failed}")
            raise SystemExit(1) from None
        finally:
            await self._end(reactor, process)
            if setting is not None:
                await setting.end()

    async def _show(
        self,
        reactor: Any,
        process: FrontEndProcess,
        interrupted: Deferred[None],
        setting: Setting | None,
    ) -> None:
        """The scene, once the front end serves."""
        await self._serving(reactor, process, interrupted)
        self._say(f"A front end listens at {self._url}, in {self._directory}.")
        http = https_client(reactor, self._ca)
        script = self._scene(self._url, http, reactor, self._say, DEMO_PASSWORD)
        script.stand(self._directory, self._offset, setting)
        await script.run(SIP_DOMAIN)
        self._say("Every step worked.")

    def _spawn(self, reactor: IReactorProcess, process: FrontEndProcess) -> None:
        config = str(self._directory / "mobility.toml")
        arguments = ["-n", "--pidfile=", "mobility", "--config", config]
        reactor.spawnProcess(
            process, sys.executable, [sys.executable, "-c", TWISTD, *arguments], env=None
        )

    async def _serving(
        self, reactor: Any, process: FrontEndProcess, interrupted: Deferred[None]
    ) -> None:
        http = https_client(reactor, self._ca)
        deadline = reactor.seconds() + START_TIMEOUT_S
        while reactor.seconds() < deadline:
            if interrupted.called:
                raise defer.CancelledError
            if process.ended.called:
                raise DemoFailed(process.complaint.decode(errors="replace").strip())
            try:
                response = await http.get(self._url, timeout=START_TIMEOUT_S)
                await response.content()
            except Exception:  # whatever way "not listening yet" shows
                await deferLater(reactor, RETRY_S)
            else:
                return
        raise DemoFailed(f"the front end did not answer within {START_TIMEOUT_S:.0f} s")

    async def _end(self, reactor: Any, process: FrontEndProcess) -> None:
        if process.ended.called or process.transport is None:
            return
        process.transport.signalProcess("TERM")
        try:
            await process.ended.addTimeout(STOP_TIMEOUT_S, reactor)
        except defer.TimeoutError:
            process.transport.signalProcess("KILL")

    def _next(self, log: Path) -> str:
        return NEXT.format(
            log=log,
            url=self._url,
            ca=shlex.quote(str(self._ca)),
            domain=SIP_DOMAIN,
            password=DEMO_PASSWORD,
            others=" and ".join(name for name in DEMO_USERS if name != "alice"),
        )

    def _say(self, text: str) -> None:
        say(json.dumps({"text": text.strip()}) if self._as_json else text)


def _on_interrupt() -> Deferred[None]:
    """Fires at the first Ctrl-C, SIGTERM or end of the terminal, which then only ends the
    demonstration."""
    fired: Deferred[None] = Deferred()

    def interrupt(*_: object) -> None:
        from twisted.internet import reactor

        if not fired.called:
            reactor.callFromThread(fired.callback, None)  # type: ignore[attr-defined]  # the module is the reactor

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, interrupt)
    return fired


async def _unless(interrupted: Deferred[None], doing: Coroutine[Any, Any, None]) -> bool:
    """Do something to its end, or until it is interrupted; whether it came to its end."""
    done = Deferred.fromCoroutine(doing)
    interrupted.addCallback(lambda _: done.cancel())
    try:
        await done
    except Exception:  # what breaks when it is broken off
        if not interrupted.called:
            raise
        return False
    return True


async def _first(*events: Deferred[None]) -> None:
    """Wait for whichever comes first."""
    await defer.DeferredList(events, fireOnOneCallback=True)
