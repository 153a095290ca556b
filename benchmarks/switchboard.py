"""The way to a clearing house, as a process that makes it fail while a front end goes on.

    python -m benchmarks.switchboard PORT HOUSE_PORT GOOD FOREIGN

Connections to PORT go on to HOUSE_PORT.  A line of standard input changes that: `down`, `slow`
(TLS, and then no answer to anything), `tls` (a certificate of a foreign authority) or `429`; `up`
is as before.  Each line is repeated once it is so.  GOOD and FOREIGN are PEM files of certificate
and key.
"""

import asyncio
import ssl
import sys

UP, DOWN, SLOW, NO_TLS, BUSY = "up", "down", "slow", "tls", "429"
ANSWER = b"HTTP/1.1 429 Too Many Requests\r\nContent-Length: 0\r\nRetry-After: 1\r\n\r\n"
PIECE_BYTES = 65_536


class Switchboard:
    """Listens on `port`; `modes` are the contexts of those that speak TLS themselves."""

    def __init__(self, port: int, house_port: int, modes: dict[str, ssl.SSLContext]) -> None:
        self._port = port
        self._house_port = house_port
        self._modes = modes
        self._mode = UP
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.StreamWriter] = set()

    async def turn(self, mode: str) -> None:
        """Be so from now on; what was connected is not any more."""
        if self._server is not None:
            self._server.close()
            self._server = None
        for writer in tuple(self._open):
            writer.transport.abort()
        self._mode = mode
        if mode != DOWN:
            self._server = await asyncio.start_server(
                self._serve, "127.0.0.1", self._port, ssl=self._modes.get(mode)
            )

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open.add(writer)
        try:
            if self._mode == UP:
                await self._pass(reader, writer)
            while await reader.readuntil(b"\r\n\r\n"):
                if self._mode == BUSY:
                    writer.write(ANSWER)
        except (asyncio.IncompleteReadError, asyncio.LimitOverrunError, OSError):
            pass
        finally:
            self._open.discard(writer)
            writer.transport.abort()

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Carry both directions until either side ends."""
        back, on = await asyncio.open_connection("127.0.0.1", self._house_port)
        self._open.add(on)
        try:
            ways = [asyncio.create_task(_carry(*way)) for way in ((reader, on), (back, writer))]
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
            for way in ways:
                way.cancel()
        finally:
            self._open.discard(on)
            on.transport.abort()


async def _carry(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
    try:
        while data := await source.read(PIECE_BYTES):
            target.write(data)
            await target.drain()
    except OSError:
        return


async def main(port: int, house_port: int, good: str, foreign: str) -> None:
    contexts = {}
    for mode, identity in ((SLOW, good), (NO_TLS, foreign), (BUSY, good)):
        contexts[mode] = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        contexts[mode].load_cert_chain(identity)
    board = Switchboard(port, house_port, contexts)
    await board.turn(UP)
    loop = asyncio.get_running_loop()
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        await board.turn(line.strip())
        print(line.strip(), flush=True)


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), int(sys.argv[2]), *sys.argv[3:]))
