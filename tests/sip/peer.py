"""Who is at the other end of a SIP flow in memory, and how requests find it."""

from typing import cast

import attrs
from twisted.internet.defer import Deferred

from mobility.sip.core import Core
from mobility.sip.flow import Allowance, Flow
from mobility.sip.framing import Frame
from mobility.sip.locating import Unreachable
from mobility.sip.message import Request, Response, parse
from mobility.sip.routing import Hop, Target


@attrs.define(eq=False)
class Peer:
    """Somebody at the end of a flow; `got` are the requests that came, `answers` the responses.

    `name` is the user part of its address, where it has one.
    """

    core: Core
    name: str = ""
    host: str = "192.0.2.20"
    reliable: bool = True
    alive: bool = True
    names: frozenset[str] = frozenset()
    got: list[Request] = attrs.Factory(list)
    answers: list[Response] = attrs.Factory(list)
    allowance: Allowance = attrs.Factory(lambda: Allowance(0, 1))
    secure: bool = False
    transport: str = "TCP"
    listener: str = "phones"
    local: tuple[str, int] = ("192.0.2.1", 5060)

    @property
    def source(self) -> tuple[str, int]:
        return self.host, 5060

    def send(self, data: bytes) -> bool:
        if self.alive:
            head, _, body = data.partition(b"\r\n\r\n")
            message = parse(head, body)
            if isinstance(message, Request):
                self.got.append(message)
            else:
                self.answers.append(message)
        return self.alive

    def close(self) -> None:
        self.alive = False

    @property
    def methods(self) -> list[str]:
        """Of the requests that came."""
        return [one.method for one in self.got]

    def answer(self, status: int, tag: str = "p", number: int = -1) -> None:
        """Answer a request, the latest one unless another is meant."""
        response = self.got[number].respond(status, tag if status > 100 else "")
        response.set("Contact", f"<sip:{self.host}:5070>")
        self.come(response)

    def come(self, message: Request | Response) -> None:
        """The other end gets a message of this peer's."""
        head, _, body = bytes(message).partition(b"\r\n\r\n")
        self.core.frame(Frame(head, body), cast(Flow, self))


@attrs.define
class Places:
    """A Locator and connections in one: each host has its Peer."""

    peers: dict[str, Peer] = attrs.Factory(dict)
    asked: list[Hop] = attrs.Factory(list)
    waiting: Deferred[None] | None = None

    async def hops(self, target: Target) -> list[Hop]:
        if self.waiting is not None:
            await self.waiting
        if target.host == "nowhere":
            raise Unreachable("no address")
        return [Hop(target.transport or "TCP", target.host, target.port or 5060, target.name)]

    async def flow(self, hop: Hop) -> Flow:
        self.asked.append(hop)
        peer = self.peers.get(hop.address)
        if peer is None or peer.transport != hop.transport:
            raise Unreachable("refused")
        return cast(Flow, peer)
