"""The structured log: one JSON object a line, on stdout or in a file.

A line has `time` (ISO 8601, UTC, milliseconds), `event`, then the event's own fields.  Writing
never raises and never waits for a reader: a reader that stalls, a broken pipe or a full disk costs
lines, which are counted and told of later, and never the service.
"""

import os
import select
import stat
import time
import traceback
from collections import deque
from collections.abc import Callable
from functools import partial
from pathlib import Path
from threading import RLock

import msgspec
from twisted.logger import ILogObserver, LogEvent, LogLevel, formatEvent
from twisted.python.failure import Failure
from zope.interface import implementer

from mobility.errors import OperatorFault
from mobility.events import ACCESS, Catalogue, EventLog

EVENTS: Catalogue = {
    "log.dropped": {"lines": "how many lines were lost since the last one that was written"},
    "log.reopened": {"file": "the log file, opened anew after SIGUSR1"},
    "log.reopen_failed": {
        "file": "the log file that could not be opened; the old one is written on",
        "reason": "why",
    },
    "twisted.log": {
        "level": "debug, info, warn, error or critical",
        "namespace": "the module that spoke",
        "text": "what it said",
    },
    "twisted.failure": {
        "level": "error or critical",
        "namespace": "the module that spoke",
        "text": "what it said",
        "failure": "the traceback",
    },
}

BACKLOG_BYTES = 1024 * 1024
"""Lines kept for a reader that stalls; further ones are dropped and counted."""

CHUNK_BYTES = 4096
"""What a pipe that polls as writable takes without blocking (POSIX PIPE_BUF on Linux)."""

MAX_TEXT = 16_384
"""Characters of a traceback or of a foreign message that a line holds."""

STDOUT = "stdout"
_STDOUT_DESCRIPTOR = 1


class Sink:
    """A file descriptor that is written to only when that cannot block.

    `notice` makes the line that tells how many lines were lost; it is written before the first
    line that gets through again.

    A handler of a signal may write too, in the middle of what the thread that it interrupts does
    here: Twisted's own do.  It is done when that is over.
    """

    def __init__(self, descriptor: int, notice: Callable[[int], bytes]) -> None:
        self._notice = notice
        self._backlog = bytearray()
        self._at_stake = 0
        """Lines in the backlog, and lost ones that a notice in it tells of."""
        self._dropped = 0
        self._torn = False
        self._lock = RLock()
        self._wanted: deque[Callable[[], None]] = deque()
        self._at_work = False
        self._attach(descriptor)

    def _attach(self, descriptor: int) -> None:
        self._is_file = stat.S_ISREG(os.fstat(descriptor).st_mode)
        self._poll = select.poll()
        self._poll.register(descriptor, select.POLLOUT)
        self._descriptor = descriptor

    def write(self, text: bytes, lines: int = 1) -> None:
        """Write `lines` whole lines, or keep them for `flush`, or count them as lost.  Any
        thread."""
        self._do(partial(self._put, text, lines))

    def flush(self) -> None:
        """Write what waits for a slow reader, as far as it takes it now."""
        self._do(self._drain)

    def replace(self, descriptor: int) -> None:
        """Write to another descriptor from now on; the old one is closed."""
        self._do(partial(self._switch, descriptor))

    def _do(self, wanted: Callable[[], None]) -> None:
        """Do it, after what this thread is at if a signal has interrupted it here."""
        with self._lock:
            self._wanted.append(wanted)
            # Looked at again after the work: a signal may come between its end and the word of it.
            while self._wanted and not self._at_work:
                self._at_work = True
                try:
                    while self._wanted:
                        self._wanted.popleft()()
                finally:
                    self._at_work = False

    def _put(self, text: bytes, lines: int) -> None:
        if len(self._backlog) + len(text) > BACKLOG_BYTES:
            self._dropped += lines
            return
        at_stake = self._dropped + lines
        if self._dropped:
            text = self._notice(self._dropped) + text
            self._dropped = 0
        if self._is_file:
            self._append(text, at_stake)
        else:
            self._backlog += text
            self._at_stake += at_stake
            self._drain()

    def _switch(self, descriptor: int) -> None:
        old = self._descriptor
        self._attach(descriptor)
        os.close(old)

    def _append(self, text: bytes, at_stake: int) -> None:
        """Write to a file; a line of which the disk took a part is ended before the next."""
        if self._torn:
            text = b"\n" + text
        try:
            written = os.write(self._descriptor, text)
        except OSError:
            self._dropped = at_stake
            return
        self._torn = written < len(text)
        if self._torn:
            self._dropped = at_stake

    def _drain(self) -> None:
        while self._backlog and self._poll.poll(0):
            try:
                written = os.write(self._descriptor, self._backlog[:CHUNK_BYTES])
            except OSError:
                self._dropped += self._at_stake
                written = len(self._backlog)
            del self._backlog[:written]
            if not self._backlog:
                self._at_stake = 0


class JsonLog:
    """An `EventLog` that writes JSON lines to a descriptor; `clock` gives epoch seconds."""

    def __init__(self, descriptor: int, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._at_ms = -1
        self._second = -1
        self._until_second = ""
        self._stamp = ""
        self._sink = Sink(
            descriptor, lambda lost: self._line(self._clock(), "log.dropped", {"lines": lost})
        )
        self._later: Callable[[Callable[[], None]], object] | None = None
        self._gathered: list[tuple[float, str, dict[str, object]]] = []

    def gather(self, later: Callable[[Callable[[], None]], object]) -> None:
        """Make and write the access lines of one turn of the reactor together, at its end.

        `later` calls what it is given then.  Any other line is written at once, after those.
        """
        self._later = later

    def emit(self, event: str, /, **fields: object) -> None:
        if event in ACCESS:
            self.access(event, fields)
        else:
            self._write_gathered()
            self._sink.write(self._line(self._clock(), event, fields))

    def access(self, event: str, fields: dict[str, object], /) -> None:
        if not self._gathered and self._later is not None:
            self._later(self._write_gathered)
        self._gathered.append((self._clock(), event, fields))
        if self._later is None:
            self._write_gathered()

    def _write_gathered(self) -> None:
        gathered, self._gathered = self._gathered, []
        if gathered:
            lines: list[dict[str, object]] = []
            for at, event, fields in gathered:
                if int(at * 1000) != self._at_ms:
                    self._next_stamp(at)
                lines.append({"time": self._stamp, "event": event, **fields})
            try:
                text = _encode_lines(lines)
            except _UNENCODABLE:
                text = b"".join(map(_encoded, lines))
            self._sink.write(text, len(lines))

    def failure(self, event: str, failure: Failure | BaseException, /, **fields: object) -> None:
        self.emit(event, **fields, failure=_traceback(failure))

    def flush(self) -> None:
        """Write lines that wait for the end of the turn, or that a slow reader has left waiting."""
        self._write_gathered()
        self._sink.flush()

    def replace(self, descriptor: int) -> None:
        """Go on in another file."""
        self._sink.replace(descriptor)

    def _line(self, at: float, event: str, fields: dict[str, object]) -> bytes:
        if int(at * 1000) != self._at_ms:
            self._next_stamp(at)
        return _encoded({"time": self._stamp, "event": event, **fields})

    def _next_stamp(self, at: float) -> None:
        """The time as lines say it is made once for all of a millisecond."""
        at_ms = int(at * 1000)
        second, ms = divmod(at_ms, 1000)
        if second != self._second:
            self._until_second = time.strftime("%Y-%m-%dT%H:%M:%S.", time.gmtime(second))
            self._second = second
        self._stamp = f"{self._until_second}{ms:03d}Z"
        self._at_ms = at_ms  # last: a signal's handler may want the time in between


def _encoded(line: dict[str, object]) -> bytes:
    try:
        return _encode(line) + b"\n"
    except _UNENCODABLE:
        return _encode({name: _plain(value) for name, value in line.items()}) + b"\n"


_encoder = msgspec.json.Encoder(enc_hook=str)
_encode = _encoder.encode
_encode_lines = _encoder.encode_lines
_UNENCODABLE = (UnicodeEncodeError, OverflowError, ValueError, TypeError)


def _plain(value: object) -> str:
    """Text for a value that JSON cannot hold, such as a lone surrogate."""
    return str(value).encode("utf-8", "backslashreplace").decode()


def _traceback(failure: Failure | BaseException) -> str:
    if isinstance(failure, Failure):
        text = failure.getTraceback()
    else:
        text = "".join(traceback.format_exception(failure))
    return text[-MAX_TEXT:]


@implementer(ILogObserver)
class TwistedObserver:
    """Turns what Twisted and libraries log into JSON lines."""

    def __init__(self, log: EventLog) -> None:
        self._log = log

    def __call__(self, event: LogEvent) -> None:
        level = event.get("log_level", LogLevel.info)
        namespace = event.get("log_namespace", "")
        text = formatEvent(event)[:MAX_TEXT]
        failure = event.get("log_failure")
        if failure is not None:
            self._log.failure(
                "twisted.failure", failure, level=level.name, namespace=namespace, text=text
            )
        elif text:  # old interfaces also send events that only programs are to see
            self._log.emit("twisted.log", level=level.name, namespace=namespace, text=text)


class LogFile:
    """Where the log goes, stdout or a file, and the log on it.

    Raises OperatorFault, naming `source` and the key log.destination, when it cannot be written.
    """

    def __init__(self, destination: str, source: str) -> None:
        self._destination = destination
        try:
            self.log = JsonLog(
                _STDOUT_DESCRIPTOR if destination == STDOUT else _append(destination)
            )
        except OSError as error:
            raise OperatorFault(
                source,
                f"is {destination!r}, which cannot be written: {error.strerror}",
                "log.destination",
            ) from error

    def reopen(self) -> None:
        """Open the file anew under its name, after something has moved the old one away."""
        if self._destination == STDOUT:
            return
        try:
            descriptor = _append(self._destination)
        except OSError as error:
            self.log.emit(
                "log.reopen_failed", file=self._destination, reason=error.strerror or str(error)
            )
            return
        self.log.replace(descriptor)
        self.log.emit("log.reopened", file=self._destination)


def _append(file: str) -> int:
    Path(file).parent.mkdir(parents=True, exist_ok=True)
    return os.open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o640)
