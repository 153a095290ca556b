"""Users as a table: CSV files as spreadsheets and scripts write them.

The first line names the columns.  Reading is strict: what has two readings is refused, with the
number of the line on which the row begins, the column and the rule.
"""

from collections.abc import Sequence

import attrs

from mobility.domain.addresses import user_uri
from mobility.domain.setting_rules import nearest
from mobility.errors import PeerFault
from mobility.operate.profile import FLAGS, RULES, check
from mobility.transfer.csv_text import FLAG_WORDS, NoTable, Records

MAX_ROWS = 100_000
"""Users in one file: as many as a front end keeps in memory."""

MAX_COLUMNS = 64
MAX_CELL = 4_096
"""Characters of one cell; each field has its own, smaller limit (our choice)."""

ALIASES = {"phone": "work_phone", "sip_uri": "uri", "sipuri": "uri"}
COLUMNS = ("uri", *RULES)


@attrs.frozen(slots=True)
class Row:
    """One user: the line on which its row begins, and what it says."""

    line: int
    values: dict[str, object] = attrs.field(repr=False)


@attrs.frozen(slots=True)
class RefusedRow:
    """What is wrong with a cell, or with a row (`column` "")."""

    line: int
    column: str
    rule: str


@attrs.define(slots=True)
class Table:
    """The rows that are right in themselves, and what is wrong with the others."""

    rows: list[Row] = attrs.Factory(list)
    refused: list[RefusedRow] = attrs.Factory(list)


def read_table(data: bytes, encoding: str = "") -> Table:
    """The users of a file.  Raises NoTable.

    `encoding` is that of the file, unless it begins with a byte order mark; UTF-8 without either.
    """
    read = Records(data, encoding)
    table = Table()
    records = iter(read)
    header = next(records, None)
    if header is None:
        raise NoTable("{}: {}".format(*read.fault or (1, "has no column uri")))
    columns = _columns(*header)
    seen: dict[str, int] = {}
    for line, cells in records:
        row = _row(line, cells, columns, table)
        if row is None:
            continue
        uri = user_uri(str(row.values["uri"]))
        if uri is not None and (before := seen.setdefault(uri, line)) != line:
            table.refused.append(RefusedRow(line, "uri", f"is that of line {before}, too"))
        elif len(table.rows) == MAX_ROWS:
            raise NoTable(f"{line}: is more than {MAX_ROWS} users")
        else:
            table.rows.append(row)
    if read.fault is not None:
        line, rule = read.fault
        table.refused.append(RefusedRow(line, "", rule))
    return table


def _columns(line: int, header: Sequence[str]) -> list[str]:
    if len(header) > MAX_COLUMNS:
        raise NoTable(f"{line}: has more than {MAX_COLUMNS} columns")
    names = [cell.strip().lower().replace(" ", "_") for cell in header]
    names = [ALIASES.get(name, name) for name in names]
    for name in names:
        if name not in COLUMNS:
            near = nearest(name, COLUMNS)
            raise NoTable(f"{line}: has a column {name[:80]!r}, which is no field of a user{near}")
        if names.count(name) > 1:
            raise NoTable(f"{line}: has two columns {name}")
    if "uri" not in names:
        raise NoTable(f"{line}: has no column uri")
    return names


def _row(line: int, cells: Sequence[str], columns: Sequence[str], table: Table) -> Row | None:
    if len(cells) != len(columns):
        rule = f"has {len(cells)} cells, and the first line {len(columns)}"
        table.refused.append(RefusedRow(line, "", rule))
        return None
    values: dict[str, object] = {}
    wrong: list[RefusedRow] = []
    for name, cell in zip(columns, cells, strict=True):
        text = cell if name == "password" else cell.strip()
        if len(text) > MAX_CELL:
            wrong.append(RefusedRow(line, name, f"has more than {MAX_CELL} characters"))
        elif text:
            values[name] = FLAG_WORDS.get(text.lower(), text) if name in FLAGS else text
    if "uri" not in values:
        wrong.append(RefusedRow(line, "uri", "is missing"))
    elif user_uri(str(values["uri"])) is None:
        wrong.append(RefusedRow(line, "uri", "must be a SIP URI: sip:user@domain"))
    try:
        check({name: value for name, value in values.items() if name != "uri"})
    except PeerFault as fault:
        wrong += [RefusedRow(line, one.name, one.reason) for one in fault.parameters]
    table.refused += wrong
    return None if wrong else Row(line, values)
