"""What applications are told of a message."""

from collections.abc import Callable, Iterable

from mobility.domain.facts import MessageCompleted
from mobility.domain.ledger import Unit
from mobility.domain.records import Leg, Message

NameOf = Callable[[str], str]
"""The display name of a user URI."""


def tell_sent(unit: Unit, message: Message, leg: Leg, name_of: NameOf, operation_id: str) -> None:
    """The message left `leg`'s application."""
    unit.append(leg.application_id, message_fact(message, "Outgoing", name_of, operation_id))


def tell_message(unit: Unit, message: Message, legs: Iterable[Leg], name_of: NameOf) -> None:
    """The message reached `legs`; a sender's other applications see it as its own."""
    incoming = message_fact(message, "Incoming", name_of)
    legs = list(legs)
    own = [leg for leg in legs if leg.user_uri == message.from_uri]
    others = [leg for leg in legs if leg.user_uri != message.from_uri]
    shared = len(others) > 1
    for leg in others:
        unit.append(leg.application_id, incoming, message, shared=shared)
    if own:
        outgoing = message_fact(message, "Outgoing", name_of)
        for leg in own:
            unit.append(leg.application_id, outgoing, message)


def message_fact(
    message: Message, direction: str, name_of: NameOf, operation_id: str = ""
) -> MessageCompleted:
    """What an application is told of a message; only its sender hears whom it did not reach."""
    failed = message.failed.split() if direction == "Outgoing" else ()
    return MessageCompleted(
        conversation_id=message.conversation_id,
        number=message.number,
        direction=direction,
        from_uri=message.from_uri,
        from_name=name_of(message.from_uri),
        sent_at=message.sent_at,
        operation_id=operation_id,
        failed=tuple([(uri, name_of(uri)) for uri in failed]),
    )
