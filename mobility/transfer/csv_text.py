"""The text of CSV files, as spreadsheets, scripts and PowerShell write them.

What some of them put before the first line is known: `sep=;` of Excel, and `#TYPE ...` of
PowerShell's `Export-Csv`.
"""

import codecs
import csv
import io
import re
from collections.abc import Iterator
from itertools import chain

MAX_FILE_BYTES = 64 * 1024 * 1024

DELIMITERS = (",", ";", "\t")
"""What separates cells: spreadsheets write a semicolon where a comma is the decimal point."""

FLAG_WORDS = {
    **dict.fromkeys(("true", "yes", "1"), True),
    **dict.fromkeys(("false", "no", "0"), False),
    **dict.fromkeys(("wahr", "vrai", "verdadero", "vero", "waar", "verdadeiro", "prawda"), True),
    **dict.fromkeys(("falsch", "faux", "falso", "onwaar", "fałsz"), False),
}
"""What a flag may be called: Excel saves TRUE and FALSE in the language in which it is run."""

_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_SEPARATOR = re.compile(r'"?sep=([,;\t])"?[,;\t]*')
_TYPE = re.compile(r'"?#TYPE [^,;\t"]{0,500}"?[,;\t]*')
_ARCHIVE = b"PK\x03\x04"


class NoTable(Exception):
    """The file cannot be read as a table at all; the text says why, with the line."""


class Records:
    """The records of a file and the lines on which they begin, empty ones left out.

    `encoding` is that of the file, unless it begins with a byte order mark; UTF-8 without either.
    Where the rest of the file cannot be read, the records end, and `fault` has the line and why.
    Raises NoTable.
    """

    def __init__(self, data: bytes, encoding: str = "") -> None:
        stream = io.StringIO(_decoded(data, encoding), newline="")
        self.fault: tuple[int, str] | None = None
        self._skipped = 0
        first, delimiter = stream.readline(), ""
        while self._skipped < 2:
            line = first.rstrip("\r\n")
            if found := _SEPARATOR.fullmatch(line):
                delimiter = found[1]
            elif not _TYPE.fullmatch(line):
                break
            self._skipped += 1
            first = stream.readline()
        self._reader = csv.reader(
            chain([first], stream),
            delimiter=delimiter or max(DELIMITERS, key=first.count),
            strict=True,
        )

    def __iter__(self) -> Iterator[tuple[int, list[str]]]:
        begins = self._skipped + 1
        while True:
            try:
                cells = next(self._reader)
            except StopIteration:
                return
            except csv.Error as error:
                self.fault = begins, f"is no CSV from here on: {error}"
                return
            if any(cell.strip() for cell in cells):
                yield begins, cells
            begins = self._skipped + self._reader.line_num + 1


def _decoded(data: bytes, encoding: str) -> str:
    if len(data) > MAX_FILE_BYTES:
        raise NoTable(f"1: the file is larger than {MAX_FILE_BYTES} bytes")
    if data.startswith(_ARCHIVE):
        raise NoTable("1: is a ZIP archive or a workbook, and no text: save it as CSV")
    for mark, marked in _MARKS:
        if data.startswith(mark):
            data, encoding = data[len(mark) :], marked
    try:
        return data.decode(encoding or "utf-8")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        hint = "" if encoding else "; give the --encoding (cp1252 of Excel), or save it as UTF-8"
        raise NoTable(f"{line}: is no {encoding or 'UTF-8'} text{hint}") from error
    except LookupError as error:
        raise NoTable(f"1: {encoding!r} is no encoding that this program knows") from error
