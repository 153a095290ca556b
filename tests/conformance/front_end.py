"""A front end of our own to judge: a child process with a clock that is moved."""

import subprocess
import sys
from pathlib import Path

from twisted.internet.threads import deferToThread

from tests.conformance import clocked, telephones
from tests.conformance.clocks import Stopped
from tests.conformance.signin import Account
from tests.interop.child import Child
from tests.interop.front_end_process import PASSWORD, FrontEndProcess, command

PROJECT = Path(clocked.__file__).parent.parent.parent
USERS = ("alice", "bob", "carol")

RELAY_SECRET = "relay.secret"  # the name of a file

VOICEMAIL = "sip:voicemail@example.test"
"""What answers for users who do not."""

REGION, DIAL_IN = "Redmond", "+14255550100"
"""Where people can dial into meetings."""


class ClockedFrontEnd(FrontEndProcess):
    """`twistd -n mobility` whose time can be moved on; Carol is Alice's delegate and her team.

    Everybody may call telephones, which are in its memory alone.

    It sends people of the domain `moved.test` on to another system, which is itself under a
    name that it does not know.
    """

    def __init__(self, directory: Path) -> None:
        super().__init__(directory)
        self.socket = directory / "clock"
        self.phones = self.listen_for_phones("tcp")
        elsewhere = f"https://127.0.0.1:{self.port(4443)}/"
        secret = self.directory / RELAY_SECRET
        secret.write_text("a secret of the tests")
        secret.chmod(0o600)
        with self.config.open("a") as config:
            config.write(f'\n[forwarding]\nvoicemail = "{VOICEMAIL}"\n')
            config.write(f'\n[[meetings.dial_in]]\nname = "{REGION}"\n')
            config.write(f'number = "{DIAL_IN}"\nlanguages = ["en-US"]\n')
            config.write(f'\n[media]\nsecret_file = "{RELAY_SECRET}"\n[[media.relay]]\n')
            config.write('host = "turn.example.test"\nipv4 = "192.0.2.5"\n')
            config.write(f'\n[autodiscover.redirects]\n"moved.test" = "{elsewhere}"\n')

    @property
    def accounts(self) -> list[Account]:
        return [Account(f"{name}@example.test", PASSWORD) for name in USERS]

    async def operate(self, *arguments: str, text: str = "") -> str:
        """Run a `mobility` command on it; what it prints.  Raises Stopped when it fails."""
        options = (*arguments, "--config", str(self.config))
        done = await deferToThread(command, *options, text=text)
        if done.returncode:
            raise Stopped(f"mobility {arguments[0]}: {done.stderr.strip()}")
        return done.stdout

    def begin(self) -> None:
        """Start it."""
        alice, _, carol = (account.uri for account in self.accounts)
        for group in ("delegate", "team"):
            done = command("user", group, "add", alice, carol, "--config", str(self.config))
            if done.returncode:
                raise RuntimeError(done.stderr)
        set_up = [sys.executable, "-m", telephones.__name__, str(self.config)]
        subprocess.run(set_up, cwd=PROJECT, check=True)
        arguments = [sys.executable, "-m", clocked.__name__, str(self.socket)]
        arguments += ["-n", "--pidfile=", "mobility", "--config", str(self.config)]
        self.child = Child(arguments, PROJECT)
