"""A front end of our own to judge: a child process with a clock that is moved."""

import sys
from pathlib import Path

from tests.conformance import clocked
from tests.conformance.signin import Account
from tests.interop.child import Child
from tests.interop.front_end_process import PASSWORD, FrontEndProcess

PROJECT = Path(clocked.__file__).parent.parent.parent
USERS = ("alice", "bob", "carol")


class ClockedFrontEnd(FrontEndProcess):
    """`twistd -n mobility` whose time can be moved on.

    It sends people of the domain `moved.test` on to another system, which is itself under a
    name that it does not know.
    """

    def __init__(self, directory: Path) -> None:
        super().__init__(directory)
        self.socket = directory / "clock"
        elsewhere = f"https://127.0.0.1:{self.port(4443)}/"
        with self.config.open("a") as config:
            config.write(f'\n[autodiscover.redirects]\n"moved.test" = "{elsewhere}"\n')

    @property
    def accounts(self) -> list[Account]:
        return [Account(f"{name}@example.test", PASSWORD) for name in USERS]

    def begin(self) -> None:
        """Start it."""
        arguments = [sys.executable, "-m", clocked.__name__, str(self.socket)]
        arguments += ["-n", "--pidfile=", "mobility", "--config", str(self.config)]
        self.child = Child(arguments, PROJECT)
