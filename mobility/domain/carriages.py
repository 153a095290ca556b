"""Messages on their way to people who have no application.

One has left its sender (UCWA sendMessage was answered 201), and whether it is taken at the other
end is known only later; then the sender is told that it is completed.  Until then there is a row,
stored with the message, so that a restart loses neither the message nor what its sender is told.
"""

from collections.abc import Callable, Iterable

import attrs

from mobility.domain.delivery import Delivery
from mobility.domain.ledger import Ledger, Unit
from mobility.domain.message_facts import NameOf, tell_sent
from mobility.domain.records import Carriage, DeliveryMark, Leg, Message


@attrs.frozen(slots=True)
class _Carried:
    """What is told when a message is completed."""

    carriage: Carriage
    message: Message
    leg: Leg
    name_of: NameOf


class Carriages:
    """Those that are under way."""

    def __init__(self, ledger: Ledger, delivery: Delivery, name_of: Callable[[str], str]) -> None:
        self._ledger = ledger
        self._delivery = delivery
        self._name_of = name_of
        self._carried: dict[tuple[str, int], _Carried] = {}

    def put(
        self, unit: Unit, message: Message, leg: Leg, beyond: Iterable[Leg], operation_id: str
    ) -> Carriage | None:
        """Put the row of a message that `leg` sends into the unit that stores it; None for one that
        goes to nobody `beyond`."""
        to_uri = next((one.user_uri for one in beyond), "")
        if not to_uri:
            return None
        carriage = Carriage(
            message.conversation_id, message.number, leg.application_id, to_uri, operation_id
        )
        unit.save(carriage)
        return carriage

    def begin(self, carriage: Carriage, message: Message, leg: Leg, name_of: NameOf) -> None:
        """The row is stored."""
        key = carriage.conversation_id, carriage.number
        self._carried[key] = _Carried(carriage, message, leg, name_of)

    def resume(self, carriage: Carriage, message: Message) -> None:
        """A message is under way since before a restart."""
        leg = Leg(
            carriage.conversation_id,
            carriage.application_id,
            message.from_uri,
            "Connected",
            "Connected",
            "",
        )
        self.begin(carriage, message, leg, self._name_of)

    async def drop(self, carriage: Carriage) -> None:
        """There is nothing to be carried any more."""
        unit = Unit()
        unit.remove(carriage)
        await self._ledger.commit(unit)

    async def end(
        self,
        conversation_id: str,
        number: int,
        failed_uri: str = "",
        mark: DeliveryMark | None = None,
    ) -> None:
        """A message was taken at its end, or not by `failed_uri`: its sender is told.

        `mark` is stored with it.
        """
        carried = self._carried.get((conversation_id, number))
        if carried is None:
            return
        message, leg, unit = carried.message, carried.leg, Unit()
        if failed_uri:
            failed = " ".join(filter(None, (message.failed, failed_uri)))
            missed = self._delivery.is_missed((failed_uri,), leg)
            message = attrs.evolve(message, failed=failed, missed=missed)
            unit.save(message)
        unit.remove(carried.carriage)
        if mark is not None:
            unit.save(mark)
        tell_sent(unit, message, leg, carried.name_of, carried.carriage.operation_id)
        await self._ledger.commit(unit)
        del self._carried[conversation_id, number]
