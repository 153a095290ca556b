"""Sign-in of users whose password only the directory knows."""

import secrets
from contextlib import AbstractAsyncContextManager
from math import ceil

from mobility.auth.grants import PasswordVerifier
from mobility.auth.passwords import MAX_PASSWORD_BYTES
from mobility.auth.turns import Turns
from mobility.directory.binds import Binds
from mobility.directory.faults import DirectoryFault
from mobility.directory.mapping import SOURCE
from mobility.directory.servers import NoServer
from mobility.domain.records import User
from mobility.errors import Unavailable
from mobility.events import Catalogue, EventLog

EVENTS: Catalogue = {
    "directory.sign_in_failed": {"reason": "why the directory said neither yes nor no"},
}

DECOY_BYTES = 8
"""Random bytes in the name that nobody has."""


class DirectoryPasswords:
    """A `PasswordVerifier` that asks the directory about its users, and `local` about the others.

    For nobody it asks about a name that does not exist, so that the time does not tell who does.
    """

    def __init__(
        self, local: PasswordVerifier, binds: Binds, base: str, at_once: int, log: EventLog
    ) -> None:
        self._local = local
        self._binds = binds
        self._base = base
        self._turns = Turns(at_once)
        self._log = log

    def turn(self) -> AbstractAsyncContextManager[None]:
        """A place among the sign-ins; one of a local user waits for its own place within it."""
        return self._turns.turn()

    async def verify(self, user: User | None, password: str, now: float) -> bool:
        """Raises Unavailable when it is a user of the directory and that does not answer."""
        if user is not None and user.source != SOURCE:
            async with self._local.turn():
                return await self._local.verify(user, password, now)
        if not password or len(password.encode()) > MAX_PASSWORD_BYTES:
            return False
        name = user.source_name if user is not None else self._nobody()
        try:
            accepted = await self._binds.accepted(name, password)
        except NoServer as fault:
            raise Unavailable(
                "The directory cannot be reached; try again later.", ceil(fault.retry_after_s)
            ) from fault
        except DirectoryFault as fault:
            self._log.emit("directory.sign_in_failed", reason=str(fault))
            raise Unavailable("The directory gives no answer; try again later.") from fault
        return accepted and user is not None

    def _nobody(self) -> str:
        return f"cn={secrets.token_hex(DECOY_BYTES)},{self._base}"
