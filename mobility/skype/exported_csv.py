"""CSV: users as PowerShell's `Export-Csv` writes them, or as Excel saves them again.

A line is an object whose properties are text.  Lists are lost in it, of which the name of their
type is written; so nothing but users can be taken over from one.
"""

from mobility.skype.clixml import PSObject
from mobility.transfer.csv_text import NoTable, Records

MAX_COLUMNS = 512
"""Get-CsUser has some 90 (our choice)."""

MAX_USERS = 100_000
MAX_CELL = 4_096

ADDRESS = "sipaddress"
USER = "CsUser"
_LOST = ("System.", "Microsoft.Rtc.Management.")
"""How the text of a property begins whose value was an object or a list."""


def is_xml(data: bytes) -> bool:
    """Whether a file, in whatever Unicode, begins as XML does."""
    return data[:8].lstrip(b"\xef\xbb\xbf\xff\xfe\0 \t\r\n")[:1] == b"<"


def read_users(data: bytes, encoding: str = "") -> list[PSObject]:
    """The users of a file.  Raises NoTable."""
    records = Records(data, encoding)
    lines = iter(records)
    first, header = next(lines, (1, [""]))
    names = [cell.strip() for cell in header]
    folded = [name.lower() for name in names]
    if ADDRESS not in folded:
        raise NoTable(
            f"{first}: has no column SipAddress: of CSV files only users are read, since lists are "
            "lost in them; write other objects with Export-Clixml"
        )
    if len(names) > MAX_COLUMNS or len(set(folded)) < len(folded):
        raise NoTable(f"{first}: has more than {MAX_COLUMNS} columns, or two of one name")
    users: list[PSObject] = []
    for line, cells in lines:
        if len(cells) != len(names):
            raise NoTable(f"{line}: has {len(cells)} cells, and the first line {len(names)}")
        if len(users) == MAX_USERS:
            raise NoTable(f"{line}: is more than {MAX_USERS} users")
        if any(len(cell) > MAX_CELL for cell in cells):
            raise NoTable(f"{line}: has a cell of more than {MAX_CELL} characters")
        said = {
            name: None if cell.startswith(_LOST) else cell
            for name, cell in zip(names, cells, strict=True)
        }
        users.append(PSObject((USER,), "", None, said))
    if records.fault is not None:
        raise NoTable("{}: {}".format(*records.fault))
    return users
