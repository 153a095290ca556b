"""curl as a client."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import attrs

from tests.interop.child import program, run


@attrs.frozen
class Answer:
    """What curl got: the last status line, its headers in order, the body.

    `interim` are the statuses of the heads before the last one, such as 100.
    """

    interim: Sequence[int]
    status_line: str
    headers: Sequence[tuple[str, str]]
    body: str

    @property
    def status(self) -> int:
        return int(self.status_line.split()[1])

    @property
    def document(self) -> Any:
        return json.loads(self.body)

    def values(self, name: str) -> list[str]:
        """All values of a header, in order."""
        return [value for key, value in self.headers if key.lower() == name.lower()]


class Curl:
    """Runs curl with the authority in `ca`."""

    def __init__(self, ca: Path) -> None:
        self._program = program("curl", "curl")
        self._ca = ca

    async def __call__(self, url: str, *options: str) -> Answer:
        """Fetch a URL.  Raises AssertionError when curl fails."""
        own = ("--silent", "--show-error", "--include", "--cacert", str(self._ca))
        outcome = await run([self._program, *own, *options, url])
        if outcome.status != 0:
            raise AssertionError(f"curl: {outcome.status}: {outcome.err}")
        return _read(outcome.out)

    async def post_json(self, url: str, content: Any, *options: str) -> Answer:
        """POST a JSON document."""
        kind = "Content-Type: application/json"
        return await self(url, "--json", json.dumps(content), "--header", kind, *options)


def _read(text: str, interim: Sequence[int] = ()) -> Answer:
    head, _, body = text.partition("\r\n\r\n")
    status_line, *lines = head.split("\r\n")
    status = int(status_line.split()[1])
    if status < 200:
        return _read(body, (*interim, status))
    pairs = [line.partition(":") for line in lines]
    headers = [(name, value.strip()) for name, _, value in pairs]
    return Answer(interim, status_line, headers, body)
