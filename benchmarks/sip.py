"""SIP through the whole stack, TCP and TLS, against what parses nothing and keeps nothing.

OPTIONS against a responder, MESSAGE from phone to phone against a relay, and the memory of an idle
registration against a connection.
"""

import ssl
import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path

from benchmarks.client import UnexpectedAnswer
from benchmarks.front_end import SIP_DOMAIN, FrontEnd
from benchmarks.kamailio import Kamailio, installed
from benchmarks.load import Load
from benchmarks.phones import Phone, Writing
from benchmarks.report import Effort, Result, beside, by_turns
from benchmarks.server import Server, bound, free_port

LEAST_RATIO = 0.5
LEAST_OF_A_RELAY = 0.35
MOST_OF_A_CONNECTION = 1.3
CONNECTIONS = 16
PAIRS = 16

GROUP = 4 * PAIRS
"""Users of one measurement of messages.  Each has a group of its own: who had a phone on another
listener has two, and a message goes to both."""

IDLE = 4 * GROUP
"""The first of those whose phones are idle."""

REGISTRATIONS = (1_000, 4_000)
QUICK_REGISTRATIONS = (200, 1_000)

WARM = 50
"""Connections before the first measurement: they pay for what is made only once."""

SETTLE_S = 2.0

LISTENERS = """
[[sip.listen]]
name = "bench-tcp"
transport = "tcp"
endpoint = "tcp:{tcp}:interface=127.0.0.1"
digest = ["MD5"]

[[sip.listen]]
name = "bench-tls"
endpoint = "tcp:{tls}:interface=127.0.0.1"
certificate = "{certificate}"
key = "{key}"
mutual_tls = "none"
digest = ["MD5"]
"""


def requests(number: int, transport: str) -> Iterator[bytes]:
    """OPTIONS of one connection without end, each a transaction of its own."""
    sequence = 0
    while True:
        sequence += 1
        yield (
            f"OPTIONS sip:{SIP_DOMAIN} SIP/2.0\r\n"
            f"Via: SIP/2.0/{transport} 127.0.0.1:{4000 + number};branch=z9hG4bK-{number}-{sequence}"
            ";rport\r\n"
            "Max-Forwards: 70\r\n"
            f"From: <sip:a{number}@{SIP_DOMAIN}>;tag=t{number}\r\n"
            f"To: <sip:{SIP_DOMAIN}>\r\n"
            f"Call-ID: c{number}-{sequence}@load\r\n"
            f"CSeq: {sequence} OPTIONS\r\n"
            "Content-Length: 0\r\n\r\n"
        ).encode()


def take(received: bytes) -> bytes | None:
    """What follows an answer, which must be 200 and has no body."""
    head, end, rest = received.partition(b"\r\n\r\n")
    if not end:
        return None
    if not head.startswith(b"SIP/2.0 200 "):
        raise UnexpectedAnswer(repr(head[:300]))
    return rest


def run(front_end: FrontEnd, directory: Path, effort: Effort) -> Iterator[Result]:
    """Bound and front end by turns, after one that does not count, for each transport."""
    counts = QUICK_REGISTRATIONS if effort.quick else REGISTRATIONS
    ports = {"TCP": free_port(), "TLS": free_port()}
    certificate = front_end.certificate
    with front_end.config.source.open("a") as config:
        config.write(
            LISTENERS.format(
                tcp=ports["TCP"],
                tls=ports["TLS"],
                certificate=certificate.file,
                key=certificate.key,
            )
        )
    front_end.server.more_ports = tuple(ports.values())
    front_end.prepare(IDLE + WARM + counts[-1], signed_in=False, sip=True)
    with front_end.server:
        for group, (transport, port) in enumerate(ports.items()):
            tls = front_end.tls if transport == "TLS" else None
            yield options(front_end, directory, effort, transport, port, tls)
            yield from relayed(front_end, directory, effort, transport, port, tls, group * GROUP)
    with front_end.server:
        yield from beside_kamailio(front_end, directory, effort, ports)
    with bound("sip_responder", certificate, directory) as responder:
        bare = idle(responder, responder.port, front_end.tls, counts, registered=False)
    with front_end.server as server:
        real = idle(server, ports["TLS"], front_end.tls, counts, registered=True)
    for count, of_connection, of_registration in zip(counts, bare, real, strict=True):
        ratio = of_registration / of_connection
        yield Result(
            f"idle SIP registration over TLS, {count:,} of them",
            f"{of_connection:,.0f} B",
            f"{of_registration:,.0f} B",
            f"{ratio:.2f}",
            f"<= {MOST_OF_A_CONNECTION:.2f}",
            ratio <= MOST_OF_A_CONNECTION,
        )


def options(
    front_end: FrontEnd,
    directory: Path,
    effort: Effort,
    transport: str,
    port: int,
    tls: ssl.SSLContext | None,
) -> Result:
    """OPTIONS through the whole stack."""
    plain = () if tls else ("plain",)
    asked = [requests(number, transport) for number in range(CONNECTIONS)]
    with bound("sip_responder", front_end.certificate, directory, *plain) as responder:
        sides = (responder, responder.port), (front_end.server, port)
        rates = by_turns_of([Load(*side, tls, asked, take) for side in sides], effort)
    return by_turns(f"SIP OPTIONS, {transport}", "/cpu-s", *rates, LEAST_RATIO)


def relayed(
    front_end: FrontEnd,
    directory: Path,
    effort: Effort,
    transport: str,
    port: int,
    tls: ssl.SSLContext | None,
    first: int,
) -> Iterator[Result]:
    """MESSAGE from one phone to another, and durable ones to users who are away beside it.

    The users are those from `first` on.
    """
    plain = () if tls else ("plain",)
    with bound("sip_relay", front_end.certificate, directory, *plain) as relay:
        sides = (relay, relay.port), (front_end.server, port)
        rates = by_turns_of([between_phones(*side, tls, first) for side in sides], effort)
    yield by_turns(f"SIP MESSAGE between phones, {transport}", "/cpu-s", *rates, LEAST_OF_A_RELAY)
    senders = registered(first + 2 * PAIRS, PAIRS, port, tls)
    away = [(one, f"user{first + 3 * PAIRS + number}") for number, one in enumerate(senders)]
    with closing(Writing(front_end.server, away, status=202)) as kept:
        kept.run(effort.seconds)
        yield Result(
            f"SIP MESSAGE kept for who is away, {transport}",
            "",
            f"{kept.run(effort.seconds):,.0f} /cpu-s",
        )


def beside_kamailio(
    front_end: FrontEnd, directory: Path, effort: Effort, ports: dict[str, int]
) -> Iterator[Result]:
    """Kamailio's figures and ours, taken by turns, where it is installed; they have no goal."""
    if not installed():
        return
    for group, (transport, port) in enumerate(ports.items(), 2):
        tls = front_end.tls if transport == "TLS" else None
        asked = [requests(number, transport) for number in range(CONNECTIONS)]
        with Kamailio(front_end.certificate, directory) as kamailio:  # with nobody registered
            sides = (
                (kamailio, kamailio.port if tls is None else kamailio.tls_port),
                (front_end.server, port),
            )
            rates = by_turns_of([Load(*side, tls, asked, take) for side in sides], effort)
            yield beside(f"SIP OPTIONS, {transport}, beside Kamailio", "/cpu-s", *rates)
            loads = [between_phones(*side, tls, group * GROUP) for side in sides]
            rates = by_turns_of(loads, effort)
            yield beside(f"SIP MESSAGE, {transport}, beside Kamailio", "/cpu-s", *rates)


def between_phones(server: Server, port: int, tls: ssl.SSLContext | None, first: int) -> Writing:
    """Pairs of phones of which one writes and the other answers."""
    phones = registered(first, 2 * PAIRS, port, tls)
    pairs = zip(phones[::2], phones[1::2], strict=True)
    return Writing(server, [(one, other.user) for one, other in pairs], phones[1::2])


def by_turns_of(loads: Sequence[Load], effort: Effort) -> tuple[list[float], ...]:
    """The rates of each load, all by turns, without those of the first turn."""
    try:
        turns = [[load.run(effort.seconds) for load in loads] for _ in range(effort.turns + 1)]
    finally:
        for load in loads:
            load.close()
    return tuple(list(rates) for rates in zip(*turns[1:], strict=True))


def registered(first: int, count: int, port: int, tls: ssl.SSLContext | None) -> list[Phone]:
    """Phones of so many users."""
    phones = [Phone(f"user{first + number}", port, tls) for number in range(count)]
    for phone in phones:
        phone.register()
    return phones


def idle(
    server: Server,
    port: int,
    tls: ssl.SSLContext,
    counts: Sequence[int],
    *,
    registered: bool,
) -> list[float]:
    """What a connection costs the server, in bytes, at each of `counts`."""
    phones: list[Phone] = []

    def filled(count: int) -> int:
        while len(phones) < count:
            phone = Phone(f"user{IDLE + len(phones)}", port, tls)
            if registered:
                phone.register()
            phones.append(phone)
        time.sleep(SETTLE_S)
        return server.pss_bytes()

    before = filled(WARM)
    found = [(filled(WARM + count) - before) / count for count in counts]
    for phone in phones:
        phone.close()
    return found
