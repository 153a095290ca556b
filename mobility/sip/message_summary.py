"""Bodies of the message-summary event package (RFC 3842): which messages wait in a mailbox."""

import re
from typing import Self

import attrs

from mobility.sip.grammar import Malformed, readable

CONTENT_TYPE = "application/simple-message-summary"

MAX_COUNT = 2**31 - 1
"""Messages of one kind (RFC 3842 has no bound; ours is what the store keeps)."""

MAX_LINES = 64
"""Lines of a body that are read (our choice: six message classes and a few optional headers)."""

_COUNTS = re.compile(
    r"[ \t]*(\d{1,10})[ \t]*/[ \t]*(\d{1,10})"
    r"(?:[ \t]*\([ \t]*(\d{1,10})[ \t]*/[ \t]*(\d{1,10})[ \t]*\))?[ \t]*",
    re.ASCII,
)


@attrs.frozen(slots=True)
class MessageSummary:
    """What waits in a mailbox.  `new` and `old` count voice messages, the urgent ones included.

    `account` is the mailbox's URI, "" where it is not told.  `counted` says whether there was a
    count at all: without one, `waiting` is all that is known.
    """

    waiting: bool
    new: int = 0
    old: int = 0
    urgent_new: int = 0
    urgent_old: int = 0
    account: str = ""
    counted: bool = True

    @classmethod
    def parse(cls, body: bytes) -> Self:
        """Read a body.  Raises Malformed for one without Messages-Waiting, or with wrong counts."""
        fields = _fields(body)
        waiting = fields.get("messages-waiting", "").lower()
        if waiting not in ("yes", "no"):
            raise Malformed("a message summary without Messages-Waiting")
        account = readable(fields.get("message-account", ""))
        line = fields.get("voice-message")
        if line is None:
            return cls(waiting == "yes", account=account, counted=False)
        match = _COUNTS.fullmatch(line)
        counts = [int(count or 0) for count in match.groups()] if match is not None else []
        if not counts or max(counts) > MAX_COUNT:
            raise Malformed("a message summary with wrong counts")
        new, old, urgent_new, urgent_old = counts
        return cls(waiting == "yes", new, old, urgent_new, urgent_old, account)

    def __bytes__(self) -> bytes:
        lines = [f"Messages-Waiting: {'yes' if self.waiting else 'no'}"]
        if self.account:
            lines.append(f"Message-Account: {self.account}")
        if self.counted:
            urgent = f" ({self.urgent_new}/{self.urgent_old})"
            lines.append(f"Voice-Message: {self.new}/{self.old}{urgent}")
        return "".join(f"{line}\r\n" for line in lines).encode()


def _fields(body: bytes) -> dict[str, str]:
    """The lines of the first block, names in lower case."""
    fields: dict[str, str] = {}
    lines = body.decode("utf-8", "replace").replace("\r\n", "\n").split("\n")[:MAX_LINES]
    for line in lines:
        name, colon, value = line.partition(":")
        if not line.strip():
            break
        if not colon:
            raise Malformed("a message summary with a line that is no header field")
        fields.setdefault(name.strip(" \t").lower(), value.strip(" \t"))
    return fields
