"""What a command asks of the operator API, and what it is answered."""

from collections.abc import Generator, Mapping
from typing import Any, TypeVar

import attrs
import click
import msgspec

from mobility.commands.options import Problem

T = TypeVar("T")


@attrs.frozen(slots=True)
class Call:
    """One request of the operator API."""

    method: str
    path: str
    body: Mapping[str, object] | None = None

    @property
    def payload(self) -> bytes:
        return b"" if self.body is None else msgspec.json.encode(self.body)


@attrs.frozen(slots=True)
class Answer:
    """Status and JSON content of an answer."""

    status: int
    content: Any

    @property
    def failure(self) -> str:
        """What went wrong, "" when nothing did."""
        if self.status < 400:
            return ""
        content = self.content if isinstance(self.content, dict) else {}
        wrong = [f"{one['name']} {one['reason']}" for one in content.get("parameters", ())]
        return "; ".join(wrong) or content.get("message") or f"the answer was {self.status}"


Conversation = Generator[Call, Answer, T]
"""What a command has to say: it yields calls, is sent their answers, and returns its result."""


def content_of(answer: Answer) -> Any:
    """The content of an answer; a failure ends the command (2 for wrong values, else 1)."""
    if answer.status == 400:
        raise click.UsageError(answer.failure)
    if answer.failure:
        raise Problem(answer.failure)
    return answer.content
