"""What takes part in conversations without being an application: SIP dialogs and telephone legs.

An adapter opens a `Line` for each, and hears through it the same facts that an application would
find in its event stream.  Lines live in memory alone: a restart ends them, but for those that are
opened again (`mobility.domain.correspondence`).
"""

import secrets
from collections.abc import Callable
from typing import Protocol

import attrs

from mobility.domain.facts import Fact
from mobility.domain.ledger import Unit
from mobility.domain.records import Message
from mobility.domain.tones import Take
from mobility.errors import Refusal

PREFIX = "line-"
"""What the ids of lines begin with; those of applications are digits."""


class Device(Protocol):
    """What can call and be rung: an application's endpoint, or a line.

    `conversations` are the ids of those it takes part in.
    """

    @property
    def id(self) -> str: ...

    @property
    def user_uri(self) -> str: ...

    @property
    def conversations(self) -> set[str]: ...

    def must_live(self) -> None:
        """404 once it ends."""
        ...


@attrs.define(slots=True, eq=False)
class Line:
    """One SIP dialog or telephone leg; `user_uri` is the SIP or tel URI of who is at its end.

    `hear` is called with each fact once it is stored, in order.  It must not raise and should only
    take note: it is called while a decision is being finished.  `read`, if there is one, is called
    in its place, with the message that belongs to the fact as well.
    """

    id: str
    user_uri: str
    name: str
    hear: Callable[[Fact], None]
    conversations: set[str] = attrs.Factory(set)
    closed: bool = False
    read: Callable[[Fact, Message | None], None] | None = None
    take: Take | None = None
    """Takes the tones that the other end of a call sends beside the media, if it can."""

    def must_live(self) -> None:
        if self.closed:
            raise Refusal("NotFound", None, "The line is closed.")


class Lines:
    """The open lines of this front end.

    `listeners` are told of each fact that a line hears, and to whom the line is.
    """

    def __init__(self) -> None:
        self._lines: dict[str, Line] = {}
        self._of_uri: dict[str, dict[str, Line]] = {}
        self.listeners: list[Callable[[str, Fact], None]] = []

    def open(
        self, user_uri: str, name: str, hear: Callable[[Fact], None], line_id: str = ""
    ) -> Line:
        """A new line to `user_uri`, shown under `name`, or one of before a restart."""
        line = Line(line_id or PREFIX + secrets.token_hex(8), user_uri, name, hear)
        self._lines[line.id] = line
        self._of_uri.setdefault(user_uri, {})[line.id] = line
        return line

    def close(self, line: Line) -> None:
        """The line is not used any more; `Conversations.leave` takes it out of its calls."""
        line.closed = True
        self._lines.pop(line.id, None)
        others = self._of_uri.get(line.user_uri, {})
        others.pop(line.id, None)
        if not others:
            self._of_uri.pop(line.user_uri, None)

    def find(self, line_id: str) -> Line | None:
        return self._lines.get(line_id)

    def of_user(self, uri: str) -> list[Line]:
        """The lines to a user, oldest first."""
        return list(self._of_uri.get(uri, {}).values())

    def name_of(self, uri: str) -> str:
        """Under which name somebody at the other end of a line is shown, "" for anybody else."""
        return next((line.name for line in self._of_uri.get(uri, {}).values()), "")

    def tell(self, unit: Unit) -> None:
        """Let lines hear of what a stored unit tells them."""
        for entry in unit.entries:
            if is_line(entry.stream_id) and (line := self._lines.get(entry.stream_id)):
                for told in self.listeners:
                    told(line.user_uri, entry.fact)
                if line.read is not None:
                    line.read(entry.fact, entry.message)
                else:
                    line.hear(entry.fact)

    def __len__(self) -> int:
        return len(self._lines)


def is_line(device_id: str) -> bool:
    """Whether the id is that of a line."""
    return device_id.startswith(PREFIX)
