"""One connection to an LDAP server: StartTLS, bind, and pages of searches, one after another.

Nothing the server sends can hold more than the bounds below or last longer than the time-out: then
the connection is cut, and what was asked fails with a DirectoryFault.
"""

from collections.abc import Sequence

import attrs
from OpenSSL.SSL import Error as TlsError
from service_identity import VerificationError
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import (
    IDelayedCall,
    IOpenSSLClientConnectionCreator,
    IReactorTime,
    ITCPTransport,
    ITLSTransport,
)
from twisted.internet.protocol import Protocol, connectionDone
from twisted.python.failure import Failure

from mobility.directory import messages
from mobility.directory.ber import Malformed, message_size
from mobility.directory.faults import DirectoryFault, ServerLost, reason_of
from mobility.directory.messages import Answer, Entry, Result, Search

MAX_PAGE_BYTES = 64 * 1024 * 1024
"""The most that the answers of one page may hold together (our choice)."""


@attrs.frozen(slots=True)
class Page:
    """A page of a search, and the cookie that asks for the next one, b"" after the last."""

    entries: Sequence[Entry]
    cookie: bytes


@attrs.define(slots=True)
class _Operation:
    """What is asked and not answered yet."""

    number: int
    kind: int
    max_entries: int
    answered: Deferred[Result]
    timer: IDelayedCall
    entries: list[Entry] = attrs.Factory(list)
    size: int = 0


class LdapConnection(Protocol):
    """An LDAPv3 client.  All methods raise ServerLost when the connection is lost meanwhile."""

    transport: ITCPTransport

    def __init__(self, clock: IReactorTime, timeout_s: float) -> None:
        self._clock = clock
        self._timeout_s = timeout_s
        self._buffer = bytearray()
        self._number = 0
        self._operation: _Operation | None = None
        self._lost: ServerLost | None = None

    @property
    def usable(self) -> bool:
        """Whether it is open and nothing is being asked."""
        return self._lost is None and self._operation is None

    async def start_tls(self, creator: IOpenSSLClientConnectionCreator) -> None:
        """Ask for TLS and begin it; a certificate that is not good loses the connection.

        Raises DirectoryFault when the server will not, or sent something beside its answer
        (RFC 4511 §4.14.1), which could be somebody else's words before TLS.
        """
        number = self._next_number()
        result = await self._ask(
            number, messages.start_tls_request(number), messages.EXTENDED_RESPONSE
        )
        if result.code != messages.SUCCESS:
            raise DirectoryFault(f"StartTLS was refused: {reason_of(result.code, result.message)}")
        if self._buffer:
            self._cut("the server sent more than its answer to StartTLS")
        if self._lost is not None:
            raise self._lost
        if not ITLSTransport.providedBy(self.transport):
            raise DirectoryFault("StartTLS is not possible on this transport")
        self.transport.startTLS(creator)

    async def bind(self, dn: str, password: str) -> Result:
        """Bind by name and password (RFC 4511 §4.2).

        An empty name or password is refused here: the server would take it for an anonymous or
        unauthenticated bind and say yes (RFC 4513 §5.1.2).
        """
        if not dn or not password:
            raise DirectoryFault("a bind needs a name and a password")
        number = self._next_number()
        request = messages.bind_request(number, dn, password)
        return await self._ask(number, request, messages.BIND_RESPONSE)

    async def page(self, search: Search, cookie: bytes = b"") -> Page:
        """The page of a search that `cookie` stands for.

        Raises DirectoryFault when the server refuses it or sends more than a page.
        """
        number = self._next_number()
        entries: list[Entry] = []
        request = messages.search_request(number, search, cookie, max(1, int(self._timeout_s)))
        result = await self._ask(number, request, messages.SEARCH_DONE, entries, search.page_size)
        if result.code != messages.SUCCESS:
            raise DirectoryFault(
                f"the search below {search.base!r} failed: {reason_of(result.code, result.message)}"
            )
        return Page(entries, result.cookie)

    def close(self) -> None:
        """Say goodbye and close."""
        if self._lost is None and self.transport is not None:
            self.transport.write(messages.unbind_request(self._next_number()))
            self.transport.loseConnection()
        self._fail(ServerLost("the connection was closed"))

    # -- as a protocol -----------------------------------------------------------------------

    def dataReceived(self, data: bytes) -> None:
        self._buffer += data
        try:
            while self._lost is None and (size := message_size(self._buffer)):
                if len(self._buffer) < size:
                    return
                message = bytes(self._buffer[:size])
                del self._buffer[:size]
                self._take(*messages.read_answer(message), size)
        except Malformed as fault:
            self._cut(str(fault))

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self._fail(ServerLost(f"the connection was lost: {_said(reason)}"))

    # -- operations --------------------------------------------------------------------------

    def _next_number(self) -> int:
        self._number += 1
        return self._number

    async def _ask(
        self,
        number: int,
        request: bytes,
        kind: int,
        entries: list[Entry] | None = None,
        max_entries: int = 0,
    ) -> Result:
        if self._lost is not None:
            raise self._lost
        if self._operation is not None:
            raise DirectoryFault("a connection does one thing at a time")
        answered: Deferred[Result] = Deferred()
        timer = self._clock.callLater(self._timeout_s, self._late)
        self._operation = _Operation(
            number, kind, max_entries, answered, timer, [] if entries is None else entries
        )
        self.transport.write(request)
        return await answered

    def _take(self, number: int, answer: Answer, size: int) -> None:
        operation = self._operation
        if operation is None or number != operation.number:
            # number 0 is the notice of disconnection (RFC 4511 §4.4.1); others are nobody's
            self._cut("the server sent an answer that nobody waits for, or its goodbye")
            return
        operation.size += size
        if operation.size > MAX_PAGE_BYTES:
            self._cut(f"the answers of a page are larger than {MAX_PAGE_BYTES} bytes")
        elif isinstance(answer, Entry):
            if len(operation.entries) >= operation.max_entries:
                self._cut("the server sends more entries than a page has")
            else:
                operation.entries.append(answer)
        elif isinstance(answer, Result):
            if answer.kind != operation.kind:
                self._cut("the server answers something else than it was asked")
            else:
                self._operation = None
                operation.timer.cancel()
                operation.answered.callback(answer)

    def _late(self) -> None:
        self._cut(f"there was no answer within {self._timeout_s:g} s")

    def _cut(self, reason: str) -> None:
        """End the connection at once; whoever waits gets the reason."""
        self._fail(ServerLost(reason))
        self._buffer.clear()
        self.transport.abortConnection()

    def _fail(self, reason: ServerLost) -> None:
        if self._lost is None:
            self._lost = reason
        operation, self._operation = self._operation, None
        if operation is not None:
            if operation.timer.active():
                operation.timer.cancel()
            operation.answered.errback(reason)


def _said(reason: Failure) -> str:
    """Why a connection ended, in one line: the texts of OpenSSL's errors, or the exception's."""
    if reason.check(VerificationError) is not None:
        return "TLS: the certificate is not one of this host"
    if reason.check(TlsError) is not None:
        arguments = getattr(reason.value, "args", ())
        errors = arguments[0] if arguments and isinstance(arguments[0], list) else []
        return "TLS: " + ("; ".join(str(error[-1]) for error in errors if error) or "failed")
    return " ".join(reason.getErrorMessage().split()) or "closed"
