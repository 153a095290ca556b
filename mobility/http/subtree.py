"""Directories of the web sites that are answered as a whole, and requests that are passed on.

A `Subtree` sees every request at or below its path when the head is read, whatever the method.  It
answers at once, or takes the request with a `Passage`: the body is then handed to it piece by piece
as it comes, and it answers piece by piece through a `Way`.  Neither body is ever held here: who
cannot take more says `hold`, and the sender is not read until `resume`.
"""

from collections.abc import Callable, Sequence
from typing import Protocol

import attrs

from mobility.http.message import Request, Response

Headers = Sequence[tuple[str, str]]


class Way(Protocol):
    """The way back to the client of one request that is passed on."""

    def answer(self, response: Response) -> None:
        """The whole answer, in place of `begin`; nothing when the client is gone."""
        ...

    def begin(self, status: int, reason: str, headers: Headers, length: int | None) -> None:
        """The head of the answer; `length` of its body in bytes, None when it is not known."""
        ...

    def write(self, data: bytes) -> None: ...

    def finish(self) -> None:
        """The answer is whole."""
        ...

    def cut(self) -> None:
        """The answer cannot be finished: the client learns it by the end of the connection."""
        ...

    def hold(self) -> None:
        """Read no more of the request until `resume`."""
        ...

    def resume(self) -> None: ...


class Passage(Protocol):
    """One request on its way elsewhere; after `gone`, or once it has answered, it hears nothing."""

    def start(self, way: Way) -> None:
        """The head is read; what comes next are pieces of the body."""
        ...

    def received(self, data: bytes) -> None: ...

    def ended(self) -> None:
        """The body is whole; `received` is not called again."""
        ...

    def hold(self) -> None:
        """The client does not read: write no more until `resume`."""
        ...

    def resume(self) -> None: ...

    def gone(self) -> None:
        """The client is gone, or its request broke off."""
        ...


@attrs.frozen(slots=True)
class Subtree:
    """A directory answered as a whole.

    `path` is one segment with its slash, matched without case.  `enter` is given the request, whose
    body has not come, and the decoded segments of its path; it may raise Answerable.  No origin is
    checked and no method refused: whoever takes a directory answers for all of it.
    """

    name: str
    path: str
    enter: Callable[[Request, Sequence[str]], Response | Passage]
    sites: frozenset[str] = frozenset({"internal", "external"})
    plain: bool = False
