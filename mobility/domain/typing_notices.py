"""Who is typing: the others see it until a few seconds after the last setIsTyping."""

from collections.abc import Awaitable, Callable

from mobility.domain.agenda import Agenda
from mobility.domain.conversation import ActiveConversation, NameOf
from mobility.domain.conversation_facts import tell_typing
from mobility.domain.ledger import Ledger, Unit
from mobility.domain.lines import Lines
from mobility.domain.records import Leg

Settled = Callable[[str], Awaitable[None]]
"""Waits until no change of the conversation of this id is under way."""


class TypingNotices:
    """Begins and ends the typing of a leg; each that began is ended, also after failures."""

    def __init__(
        self,
        ledger: Ledger,
        lines: Lines,
        agenda: Agenda,
        settled: Settled,
        name_of: NameOf,
        timeout_s: float,
    ) -> None:
        self._ledger = ledger
        self._lines = lines
        self._agenda = agenda
        self._settled = settled
        self._name_of = name_of
        self._timeout_s = timeout_s

    async def begin(self, conversation: ActiveConversation, leg: Leg, now: float) -> None:
        """The user types: tell the others unless they know, and end it `timeout_s` from now."""
        running = conversation.typing.get(leg.application_id)
        self.end_later(conversation, leg, now)
        if running is not None:
            running.cancel()
            return
        unit = Unit()
        tell_typing(unit, conversation, leg, self._name_of, "added")
        try:
            await self._ledger.commit(unit)
        except BaseException:
            self._forget(conversation, leg)
            raise
        self._lines.tell(unit)

    def end(self, unit: Unit, conversation: ActiveConversation, leg: Leg) -> bool:
        """Put the end of the typing into `unit`; whether the user was typing."""
        if not self._forget(conversation, leg):
            return False
        tell_typing(unit, conversation, leg, self._name_of, "deleted")
        return True

    def end_later(self, conversation: ActiveConversation, leg: Leg, now: float) -> None:
        """End the typing in `timeout_s`, unless it is begun anew or ended before."""

        async def stop(now: float) -> None:  # noqa: ARG001  # an Action
            await self._settled(conversation.id)
            if conversation.typing.get(leg.application_id) is not appointment:
                return
            unit = Unit()
            self.end(unit, conversation, leg)
            try:
                await self._ledger.commit(unit)
            except BaseException:
                conversation.typing.setdefault(leg.application_id, appointment)
                raise
            self._lines.tell(unit)

        appointment = self._agenda.at(now + self._timeout_s, stop)
        conversation.typing[leg.application_id] = appointment

    @staticmethod
    def _forget(conversation: ActiveConversation, leg: Leg) -> bool:
        appointment = conversation.typing.pop(leg.application_id, None)
        if appointment is None:
            return False
        appointment.cancel()
        return True
