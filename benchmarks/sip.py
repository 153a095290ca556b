"""SIP OPTIONS through the whole stack, TCP and TLS, against a responder that parses nothing."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from benchmarks.client import UnexpectedAnswer
from benchmarks.front_end import SIP_DOMAIN, FrontEnd
from benchmarks.load import Load
from benchmarks.report import Effort, Result, by_turns
from benchmarks.server import bound, free_port

LEAST_RATIO = 0.5
CONNECTIONS = 16

LISTENERS = """
[[sip.listen]]
name = "bench-tcp"
transport = "tcp"
endpoint = "tcp:{tcp}:interface=127.0.0.1"

[[sip.listen]]
name = "bench-tls"
endpoint = "tcp:{tls}:interface=127.0.0.1"
certificate = "{certificate}"
key = "{key}"
mutual_tls = "none"
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
    server = front_end.server
    with server:
        for transport, port in ports.items():
            tls = front_end.tls if transport == "TLS" else None
            plain = () if tls else ("plain",)
            asked = [requests(number, transport) for number in range(CONNECTIONS)]
            with (
                bound("sip_responder", certificate, directory, *plain) as responder,
                closing(Load(responder, responder.port, tls, asked, take)) as bare,
                closing(Load(server, port, tls, asked, take)) as real,
            ):
                rates = [
                    (bare.run(effort.seconds), real.run(effort.seconds))
                    for _ in range(effort.turns + 1)
                ][1:]
            yield by_turns(
                f"SIP OPTIONS, {transport}",
                "/cpu-s",
                [b for b, _ in rates],
                [p for _, p in rates],
                LEAST_RATIO,
            )
