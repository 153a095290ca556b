"""Tests of tables of users, as spreadsheets and enemies write them."""

import csv
import io

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mobility.transfer.csv_text import MAX_FILE_BYTES, NoTable
from mobility.transfer.user_table import Table, read_table

CELL = st.text(st.characters(blacklist_categories=("Cs", "Cc")), max_size=20)


def read(text: str, encoding: str = "utf-8") -> Table:
    return read_table(text.encode(encoding))


class TableTests(SynchronousTestCase):
    """Reading."""

    def test_forms(self) -> None:
        """Comma, semicolon and tab, UTF-8 with and without its mark, UTF-16, CRLF and LF are all
        read."""
        for text, encoding in (
            ("uri,name\nx@example.test,Zoë\n", "utf-8"),
            ("uri,name\r\nx@example.test,Zoë\r\n", "utf-8-sig"),
            ("URI;Name\r\nx@example.test;Zoë", "utf-8"),
            ("uri\tname\r\nx@example.test\tZoë\r\n\r\n", "utf-16"),
            ('uri,name\n"x@example.test","Zoë"\n', "utf-8"),
        ):
            table = read(text, encoding)
            self.assertEqual([], table.refused)
            (row,) = table.rows
            self.assertEqual({"uri": "x@example.test", "name": "Zoë"}, row.values)

    def test_another_encoding(self) -> None:
        """Another encoding is read when it is named, else refused with its line."""
        data = "uri,name\nx@example.test,Zoë\n".encode("cp1252")
        self.assertEqual("Zoë", read_table(data, "cp1252").rows[0].values["name"])
        problem = self.assertRaises(NoTable, read_table, data)
        self.assertIn("2: is no UTF-8 text; give the --encoding", str(problem))
        self.assertIn("no encoding", str(self.assertRaises(NoTable, read_table, data, "klingon")))

    def test_lines(self) -> None:
        """A row is named by the line on which it begins, also after cells with line ends."""
        table = read('uri,title\na@example.test,"x"\n\nb@example.test,"1\n2"\nc,x\n')
        self.assertEqual([2], [row.line for row in table.rows])
        self.assertEqual([(4, "title"), (6, "uri")], [(r.line, r.column) for r in table.refused])

    def test_twice(self) -> None:
        """A user who is there twice is told with both lines."""
        table = read("uri\nsip:A@example.test\na@example.test\n")
        (one,) = table.refused
        self.assertEqual((3, "is that of line 2, too"), (one.line, one.rule))

    def test_broken_quotes(self) -> None:
        """From a broken quote on nothing is trusted; what came before is."""
        for tail in ('"b@example.test,x\nc@example.test,y\n', '"b"x,y\n'):
            table = read(f"uri,name\na@example.test,A\n{tail}")
            self.assertEqual(1, len(table.rows))
            self.assertEqual([3], [one.line for one in table.refused])

    def test_values(self) -> None:
        """Flags are words, formulas are text like any, and a password keeps its spaces."""
        table = read("uri,enabled,title,password\na@example.test,No,=1+1, x \n")
        self.assertEqual(
            {"uri": "a@example.test", "enabled": False, "title": "=1+1", "password": " x "},
            table.rows[0].values,
        )
        self.assertNotIn(" x ", repr(table))
        (one,) = read("uri,enabled\na@example.test,maybe\n").refused
        self.assertEqual("enabled", one.column)
        self.assertIn("must be true or false", one.rule)

    def test_excel(self) -> None:
        """What Excel and PowerShell put before the first line is no row, and counts as a line;
        flags are words of the language in which Excel is run."""
        for before in (
            "sep=;\r\n",
            "#TYPE Selected.Microsoft.AD.User\r\n",
            '"#TYPE System.Object";;\r\nsep=;\r\n',
        ):
            table = read(f"{before}uri;enabled\r\na@example.test;FALSCH\r\nb;x\r\n")
            self.assertEqual([False], [row.values["enabled"] for row in table.rows])
            self.assertEqual({before.count("\n") + 3}, {one.line for one in table.refused})
        problem = self.assertRaises(NoTable, read_table, b"PK\x03\x04\x14\0")
        self.assertIn("is a ZIP archive or a workbook", str(problem))

    def test_bounds(self) -> None:
        """Files, cells and columns are bounded."""
        self.assertRaises(NoTable, read_table, b"u" * (MAX_FILE_BYTES + 1))
        self.assertRaises(NoTable, read, "uri," + ",".join(f"c{n}" for n in range(99)))
        (one,) = read(f"uri,title\na@example.test,{'x' * 5000}\n").refused
        self.assertEqual("has more than 4096 characters", one.rule)
        self.assertEqual(1, len(read(f"uri,title\na@example.test,{'x' * 200_000}\n").refused))

    @given(st.binary(max_size=300))
    def test_anything(self, data: bytes) -> None:
        """Whatever the bytes, there is a table or a reason."""
        try:
            read_table(b"uri,name,enabled\n" + data)
        except NoTable as problem:
            self.assertRegex(str(problem), r"\A[0-9]+: ")

    @given(st.lists(CELL.filter(str.strip), max_size=5))
    def test_round_trip(self, names: list[str]) -> None:
        """What a CSV writer writes is read as it was meant."""
        stream = io.StringIO()
        writer = csv.writer(stream)
        writer.writerow(["uri", "title"])
        writer.writerows((f"u{n}@example.test", name) for n, name in enumerate(names))
        table = read(stream.getvalue())
        self.assertEqual([n.strip() for n in names], [row.values["title"] for row in table.rows])
