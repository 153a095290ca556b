"""The log: lines, what they survive, and Twisted's own events in it."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.logger import Logger, LogLevel
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from mobility.errors import OperatorFault
from mobility.operate import log
from mobility.operate.log import JsonLog, LogFile, TwistedObserver

NOW = 1_900_000_000.5
STAMP = "2030-03-17T17:46:40.500Z"


class Clock:
    """A time that a test sets."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> float:
        return self.now


class LogTestCase(SynchronousTestCase):
    """A test with a log on a file or a pipe."""

    def setUp(self) -> None:
        self.file = Path(self.mktemp())
        self.clock = Clock()

    def on_file(self) -> JsonLog:
        descriptor = os.open(self.file, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        self.addCleanup(os.close, descriptor)
        return JsonLog(descriptor, self.clock)

    def on_pipe(self) -> tuple[JsonLog, int]:
        """A log on a pipe, and the end to read from."""
        reading, writing = os.pipe()
        self.addCleanup(os.close, writing)
        return JsonLog(writing, self.clock), reading

    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.file.read_text().splitlines()]


class LineTests(LogTestCase):
    """What a line holds."""

    def test_fields(self) -> None:
        """Time and event come first, then the fields in the order they were given."""
        self.on_file().emit("a.b", text="\n\u20ac", number=3, none=None)
        self.assertEqual(
            f'{{"time":"{STAMP}","event":"a.b","text":"\\n\u20ac","number":3,"none":null}}\n',
            self.file.read_text(),
        )

    def test_time(self) -> None:
        """The time is that of the line, to the millisecond, and never rounded up."""
        subject = self.on_file()
        for self.clock.now in (NOW, NOW + 0.4999, NOW + 0.5):
            subject.emit("a.b")
        self.assertEqual(
            [STAMP, "2030-03-17T17:46:40.999Z", "2030-03-17T17:46:41.000Z"],
            [line["time"] for line in self.lines()],
        )

    def test_failure(self) -> None:
        """A failure's traceback is a field, for an exception as for a Failure."""
        subject = self.on_file()
        try:
            raise ValueError("the reason")
        except ValueError as error:
            subject.failure("a.b", error, id="7")
            subject.failure("a.b", Failure())
        for line in self.lines():
            self.assertIn("the reason", line["failure"])
            self.assertIn("test_failure", line["failure"])
        self.assertEqual("7", self.lines()[0]["id"])

    @given(
        st.dictionaries(
            st.text(),
            st.one_of(
                st.integers(),
                st.floats(),
                st.text(st.characters(exclude_categories=())),
                st.builds(object),
                st.binary(),
                st.lists(st.one_of(st.integers(), st.text(st.characters()))),
            ),
        )
    )
    def test_any_value(self, fields: dict[str, object]) -> None:
        """Whatever a field holds, one line of JSON comes of it."""
        fields.pop("time", None)
        fields.pop("event", None)
        subject, reading = self.on_pipe()
        try:
            subject.emit("a.b", **fields)
            data = os.read(reading, 1_000_000)
        finally:
            os.close(reading)
        self.assertEqual(1, data.count(b"\n"))
        self.assertEqual("a.b", json.loads(data)["event"])


class GatheringTests(LogTestCase):
    """Access lines are written once a turn of the reactor."""

    def test_end_of_turn(self) -> None:
        """They wait for the end of the turn, which is asked for once, and are then all written."""
        turns: list[Callable[[], None]] = []
        subject = self.on_file()
        subject.gather(turns.append)
        for number in range(3):
            subject.emit("http.request", id=number)
        self.assertEqual((len(turns), self.lines()), (1, []))
        turns.pop()()
        self.assertEqual([line["id"] for line in self.lines()], [0, 1, 2])
        subject.emit("http.request", id=3)
        self.assertEqual(len(turns), 1)

    def test_order(self) -> None:
        """Another line is written at once, and the access lines before it go first."""
        subject = self.on_file()
        subject.gather(lambda write: None)
        subject.emit("http.request")
        subject.emit("a.b")
        self.assertEqual([line["event"] for line in self.lines()], ["http.request", "a.b"])

    def test_flush(self) -> None:
        """Nothing waits any longer than until a flush."""
        subject = self.on_file()
        subject.gather(lambda write: None)
        subject.emit("http.request")
        subject.flush()
        self.assertEqual(len(self.lines()), 1)

    def test_lost(self) -> None:
        """Gathered lines that a full disk does not take are counted one by one."""
        full = os.open("/dev/full", os.O_WRONLY)
        subject = JsonLog(full, self.clock)
        subject.gather(lambda write: None)
        subject.emit("http.request")
        subject.emit("http.request")
        subject.flush()
        subject.replace(os.open(self.file, os.O_WRONLY | os.O_CREAT))
        subject.emit("a.b")
        self.assertEqual(self.lines()[0], {**self.lines()[0], "event": "log.dropped", "lines": 2})


class SlowReaderTests(LogTestCase):
    """A reader that stalls or goes away costs lines and nothing else."""

    def drain(self, subject: JsonLog, reading: int) -> list[dict[str, Any]]:
        """Everything that can be read once the reader reads again."""
        data = b""
        os.set_blocking(reading, False)
        while True:
            try:
                data += os.read(reading, 65536)
            except BlockingIOError:
                subject.flush()
                try:
                    data += os.read(reading, 65536)
                except BlockingIOError:
                    break
        os.close(reading)
        return [json.loads(line) for line in data.splitlines()]

    def test_backlog(self) -> None:
        """Lines for a stalled reader wait, in order, and come when it reads again."""
        subject, reading = self.on_pipe()
        for number in range(2_000):
            subject.emit("a.b", number=number, text="x" * 100)
        lines = self.drain(subject, reading)
        self.assertEqual(list(range(2_000)), [line["number"] for line in lines])

    def test_dropped(self) -> None:
        """Beyond the backlog lines are lost, and their number is told once there is room."""
        subject, reading = self.on_pipe()
        total = log.BACKLOG_BYTES // 1_000 + 200
        for number in range(total):
            subject.emit("a.b", number=number, text="x" * 1_000)
        kept = [line["number"] for line in self.drain(subject, os.dup(reading))]
        self.assertEqual(list(range(len(kept))), kept)
        self.assertLess(len(kept), total)
        subject.emit("c.d")
        told, last = self.drain(subject, reading)
        self.assertEqual(("log.dropped", total - len(kept)), (told["event"], told["lines"]))
        self.assertEqual("c.d", last["event"])

    def test_broken_pipe(self) -> None:
        """A reader that has gone is survived."""
        subject, reading = self.on_pipe()
        os.close(reading)
        for _ in range(10):
            subject.emit("a.b")
        subject.flush()


class FullDiskTests(LogTestCase):
    """A disk that takes nothing."""

    def test_full(self) -> None:
        """Lines are lost while the disk is full; the first one after tells how many."""
        full = os.open("/dev/full", os.O_WRONLY)
        subject = JsonLog(full, self.clock)
        for _ in range(3):
            subject.emit("a.b")
        subject.flush()
        subject.replace(os.open(self.file, os.O_WRONLY | os.O_CREAT))
        subject.emit("c.d")
        self.assertEqual(
            [("log.dropped", 3), ("c.d", None)],
            [(line["event"], line.get("lines")) for line in self.lines()],
        )


INTERRUPTED = """
import select, signal, sys
from itertools import count
from mobility.operate.log import LogFile

log, numbers = LogFile(sys.argv[1], "x.toml").log, count()
signal.signal(signal.SIGALRM, lambda *_: log.emit("a.signal", number=next(numbers)))
for number in range(5_000):
    signal.setitimer(signal.ITIMER_REAL, 1e-5 + number % 50 * 1e-6)
    log.emit("a.line", number=number)
signal.setitimer(signal.ITIMER_REAL, 0)
log.emit("a.end", signals=next(numbers))
while log._sink._backlog:
    select.select([], [1], [])
    log.flush()
"""
"""Logs lines, most of which a signal interrupts whose handler logs another: as much in all as is
kept for a reader that is slow."""


class InterruptedTests(LogTestCase):
    """Handlers of signals that log, as those of Twisted for SIGTERM and SIGINT do."""

    def check(self, text: str) -> None:
        *others, last = map(json.loads, text.splitlines())
        lines = [one["number"] for one in others if one["event"] == "a.line"]
        self.assertEqual(list(range(5_000)), lines)
        signals = [one["number"] for one in others if one["event"] == "a.signal"]
        self.assertEqual(list(range(last["signals"])), sorted(signals))  # they interrupt each other

    def run_interrupted(self, destination: str) -> str:
        done = subprocess.run(
            [sys.executable, "-c", INTERRUPTED, destination],
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        self.assertEqual((0, ""), (done.returncode, done.stderr))
        return done.stdout

    def test_pipe(self) -> None:
        """Each line reaches the pipe once and whole, also when a write was interrupted by one."""
        self.check(self.run_interrupted("stdout"))

    def test_file(self) -> None:
        """The same in a file."""
        self.run_interrupted(str(self.file))
        self.check(self.file.read_text())


class LogFileTests(LogTestCase):
    """Where the log goes."""

    def test_reopen(self) -> None:
        """After the file was moved away, the next lines are in a new one of the same name."""
        subject = LogFile(str(self.file), "x.toml")
        subject.log.emit("a.b")
        old = self.file.rename(f"{self.file}.1")
        subject.log.emit("a.c")
        subject.reopen()
        subject.log.emit("a.d")
        self.assertEqual(2, old.read_text().count("\n"))
        self.assertEqual(["log.reopened", "a.d"], [line["event"] for line in self.lines()])

    def test_reopen_failed(self) -> None:
        """When the new file cannot be opened the old one is written on, and says so."""
        directory = Path(self.mktemp())
        subject = LogFile(str(directory / "log"), "x.toml")
        old = directory.rename(f"{directory}.1") / "log"
        directory.write_text("a file in the way")
        subject.reopen()
        line = json.loads(old.read_text())
        self.assertEqual("log.reopen_failed", line["event"])

    def test_unwritable(self) -> None:
        """A file that cannot be opened is the operator's fault, with the key."""
        self.file.mkdir()
        fault = self.assertRaises(OperatorFault, LogFile, str(self.file), "x.toml")
        self.assertEqual(("x.toml", "log.destination"), (fault.where, fault.key))
        self.assertIn("Is a directory", fault.rule)


class TwistedTests(LogTestCase):
    """What Twisted and libraries log."""

    def setUp(self) -> None:
        super().setUp()
        self.logger = Logger("some.library", observer=TwistedObserver(self.on_file()))

    def test_message(self) -> None:
        """Level, namespace and the formatted text."""
        self.logger.warn("{count} things", count=3)
        (line,) = self.lines()
        self.assertEqual(
            ["twisted.log", "warn", "some.library", "3 things"],
            [line[name] for name in ("event", "level", "namespace", "text")],
        )

    def test_failure(self) -> None:
        """A failure has its own event and the traceback."""
        try:
            raise ValueError("the reason")
        except ValueError:
            self.logger.failure("went wrong")
        (line,) = self.lines()
        self.assertEqual("twisted.failure", line["event"])
        self.assertEqual("critical", line["level"])
        self.assertIn("the reason", line["failure"])

    def test_silent(self) -> None:
        """Events without a text, meant for programs, are no lines."""
        self.logger.emit(LogLevel.info, None)
        self.assertEqual("", self.file.read_text())
