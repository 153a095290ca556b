"""What is done with each input, and what must hold whatever it is.

The input comes as a datagram of a stranger, and on a stream of a trusted peer, so that it reaches
the registrar's store, too.
"""

from pathlib import Path

from mobility.sip.dialog_info import DialogInfo
from mobility.sip.framing import Frame, Framer, Ping
from mobility.sip.grammar import Malformed, storable
from mobility.sip.headers import NameAddr
from mobility.sip.message import Request, Response, parse
from mobility.sip.message_summary import MessageSummary
from mobility.sip.pidf import Pidf
from mobility.sip.resource_lists import parse_list
from mobility.sip.validation import check
from tests.sip.samples import OPTIONS
from tests.sip.stack import DOMAIN, PEOPLE, PROXY, SOURCE, Stack
from tests.sip.torture import DATA

HERE = Path(__file__).parent

SEEDS = (HERE / "corpus", DATA / "rfc5118")
"""The directories of seeds.  The messages of RFC 4475 are seeds, too."""


class Broken(Exception):
    """Something does not hold."""


def torment(data: bytes) -> None:
    """Feed `data`.  Raises Broken, or what the stack should not have raised."""
    whole = framed(data, len(data) or 1)
    for size in (max(len(data) // 3, 1), 1 if len(data) < 512 else 61):
        if framed(data, size) != whole:
            raise Broken(f"frames depend on how the bytes come ({size} at once)")
    for frame in whole[0]:
        if isinstance(frame, Frame):
            reread(frame)
            read_body(frame.body)
    stack = Stack()
    stack.build()
    stack.socket.datagramReceived(data, SOURCE)
    for answer in stack.sent:
        answered(answer)
    connection, pipe = stack.connect(PROXY)
    connection.dataReceived(data)
    frames, fault = Framer().receive(pipe.value())
    if fault is not None:
        raise Broken("answers that cannot be framed")
    for frame in frames:
        if isinstance(frame, Frame):
            answered(frame.head + b"\r\n\r\n" + frame.body)
    stack.sent.clear()
    stack.socket.datagramReceived(OPTIONS, ("192.0.2.99", 5060))
    if not stack.sent or not stack.sent[-1].startswith(b"SIP/2.0 200 "):
        raise Broken("the next OPTIONS is not answered")
    for name in PEOPLE:
        for one in stack.bindings.of(f"sip:{name}@{DOMAIN}", stack.clock.seconds()):
            kept = (one.contact, one.call_id, one.instance, one.path, one.user_agent)
            if not all(map(storable, kept)):
                raise Broken("a registration that no database takes")
    for fields in stack.log.named("sip.failed"):
        raise Broken(f"a failure: {fields['failure']}")
    for _, fields in stack.log.events:
        if not all(storable(value) for value in fields.values() if isinstance(value, str)):
            raise Broken("a line that cannot be logged")


def framed(data: bytes, size: int) -> tuple[list[Frame | Ping], int]:
    """The frames of a stream that comes in pieces, and the status of its fault, 0 without one."""
    framer = Framer()
    frames: list[Frame | Ping] = []
    for at in range(0, len(data), size):
        more, fault = framer.receive(data[at : at + size])
        frames += more
        if fault is not None:
            return frames, fault.status
    return frames, 0


def reread(frame: Frame) -> None:
    """What is fit to be processed is the same when it is written and read again."""
    try:
        message = parse(frame.head, frame.body)
        check(message)
    except Malformed:
        return
    head, _, body = bytes(message).partition(b"\r\n\r\n")
    again = parse(head, body)
    check(again)
    if (again.fields, again.body) != (message.fields, message.body):
        raise Broken("a message that changes when it is written")
    for address in (message.from_, message.to, *contacts(message)):
        if NameAddr.parse(str(address)) != address:
            raise Broken(f"an address that changes when it is written: {address}")
    if str(type(message.via).parse(str(message.via))) != str(message.via):
        raise Broken("a Via that changes when it is written")


def contacts(message: Request | Response) -> list[NameAddr]:
    """Those that are addresses."""
    return [NameAddr.parse(value) for value in message.values("Contact") if value != "*"]


def answered(data: bytes) -> None:
    """What is sent is a response that can be read."""
    if data == b"\r\n":
        return
    head, _, body = data.partition(b"\r\n\r\n")
    if not isinstance(parse(head, body), Response):
        raise Broken("an answer that is none")


def read_body(body: bytes) -> None:
    """What events bring is read, or malformed; what is read can be written, and is read again."""
    for kind in (Pidf, DialogInfo, MessageSummary):
        try:
            read = kind.parse(body)
        except Malformed:
            continue
        again = kind.parse(bytes(read))
        if isinstance(again, MessageSummary) and again != read:
            raise Broken("a message summary is another once it is written")
        for text in (getattr(read, "note", ""), getattr(read, "place", "")):
            if not storable(text):
                raise Broken("a note that cannot be stored")
    try:
        parse_list(body)
    except Malformed:
        return
