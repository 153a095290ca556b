"""What a script plays with: people, a form, and the time."""

from collections.abc import Awaitable, Callable

import attrs

from tests.conformance.clocks import Clock, Unplayable
from tests.conformance.person import Person
from tests.conformance.record import Record
from tests.conformance.shown import Form, Shown
from tests.conformance.signin import Account, Discovery, Session
from tests.conformance.wire import Wire
from tests.interop.child import free_port
from tests.interop.scripted_phone import ScriptedPhone


@attrs.define
class Theatre:
    """The server that is judged.

    `ours` tells whether it is a front end of our own; `operate` then runs a `mobility` command on
    it.
    """

    entry: str
    accounts: list[Account]
    wire: Wire
    clock: Clock
    record: Record
    ours: bool = False
    operate: Callable[..., Awaitable[str]] | None = None
    phones: int = 0
    """The port at which users' SIP phones register over TCP, 0 for none."""
    sessions: dict[tuple[Form, str], Session] = attrs.Factory(dict)


class Stage:
    """One performance of a script in one form."""

    def __init__(self, theatre: Theatre, form: Form) -> None:
        self.theatre = theatre
        self.form = form
        self.record = theatre.record
        self.clock = theatre.clock
        self._people: list[Person] = []
        self._phones: list[ScriptedPhone] = []

    @property
    def accounts(self) -> list[Account]:
        return self.theatre.accounts

    @property
    def discovery(self) -> Discovery:
        theatre = self.theatre
        return Discovery(theatre.wire, theatre.entry, self.form, theatre.record)

    async def people(self, count: int, *modalities: str, available: bool = True) -> list[Person]:
        """So many different users, each with an application."""
        return [
            await self.person(number, *modalities, available=available) for number in range(count)
        ]

    async def person(self, number: int, *modalities: str, available: bool = True) -> Person:
        """The user of this number with an application; available unless told otherwise."""
        person = await self.lurker(number)
        await person.register()
        if available:
            await person.make_available(*modalities)
        return person

    async def lurker(self, number: int) -> Person:
        """A signed-in user without an application."""
        if number >= len(self.accounts):
            raise Unplayable(f"needs {number + 1} users")
        account = self.accounts[number]
        key = self.form, account.address
        if key not in self.theatre.sessions:
            self.theatre.sessions[key] = await self.discovery.sign_in(account)
        return self._of(self.theatre.sessions[key])

    async def other(self, account: Account) -> Person:
        """Somebody else who signs in, without an application."""
        return self._of(await self.discovery.sign_in(account))

    def _of(self, session: Session) -> Person:
        theatre = self.theatre
        person = Person(session, theatre.wire, self.form, theatre.record, theatre.clock)
        self._people.append(person)
        return person

    async def phone(self, number: int) -> ScriptedPhone:
        """A SIP phone of the user of this number, who has no application; it has registered."""
        if not self.theatre.phones:
            raise Unplayable("needs a listener for SIP phones")
        name = self.accounts[number].address.partition("@")[0]
        phone = ScriptedPhone(name, self.theatre.phones, free_port())
        await phone.register()
        self._phones.append(phone)
        return phone

    async def operate(self, *arguments: str, text: str = "") -> str:
        """Do what an operator does, with a `mobility` command and its input; what it prints."""
        if self.theatre.operate is None:
            raise Unplayable("needs an operator")
        return await self.theatre.operate(*arguments, text=text)

    async def guest(self, organizer: Person, meeting: Shown) -> Person:
        """Somebody without an account, signed in for a meeting; without an application."""
        uri, key = meeting.text("onlineMeetingUri"), meeting.text("onlineMeetingId")
        return self._of(await self.discovery.sign_in_guest(organizer.session.account, uri, key))

    async def pass_time(self, seconds: float) -> None:
        """So much later; connections do not last that long."""
        await self.theatre.wire.hang_up()
        await self.clock.pass_time(seconds)

    def forget_sessions(self) -> None:
        """Tokens do not last for ever: everybody signs in anew."""
        self.theatre.sessions.clear()

    async def close(self) -> None:
        """Everybody leaves."""
        for person in self._people:
            await person.leave()
        for phone in self._phones:
            await phone.sign_out()


@attrs.frozen
class Scenario:
    """A script: its name, and what is done on a stage.  `ours_only` needs a front end of ours."""

    name: str
    play: Callable[[Stage], Awaitable[None]]
    ours_only: bool = False
