"""Tests of reading CLIXML."""

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mobility.skype.clixml import NoClixml, PSObject, listed, plain, read_clixml, unescaped

HEAD = '<Objs Version="1.1.0.1" xmlns="http://schemas.microsoft.com/powershell/2004/04">'


def read(inner: str, encoding: str = "utf-8") -> list[object]:
    return read_clixml(f"{HEAD}{inner}</Objs>".encode(encoding))


class ValueTests(SynchronousTestCase):
    """Values and objects."""

    def test_primitives(self) -> None:
        """Each primitive has its value; what is none of them is text."""
        (found,) = read(
            '<Obj RefId="0"><LST><S>a &amp; b</S><B>true</B><B>false</B><I32>-5</I32><U64>7</U64>'
            "<C>97</C><Nil /><DT>2018-02-17T00:00:00</DT><G>12345678</G><Db>1.5</Db></LST></Obj>"
        )
        self.assertEqual(
            ["a & b", True, False, -5, 7, "a", None, "2018-02-17T00:00:00", "12345678", "1.5"],
            listed(found),
        )

    def test_object(self) -> None:
        """An object has type names, its text, and properties of both sets."""
        (found,) = read(
            '<Obj RefId="0"><TN RefId="0"><T>Deserialized.Microsoft.Rtc.Route#Decorated</T>'
            '<T>System.Object</T></TN><ToString>Tag:X</ToString><Props><S N="A">1</S>'
            '<Nil N="B" /></Props><MS><S N="C">2</S></MS></Obj>'
        )
        self.assertIsInstance(found, PSObject)
        assert isinstance(found, PSObject)
        self.assertEqual(("Microsoft.Rtc.Route", "Tag:X"), (found.type_name, plain(found)))
        self.assertEqual({"A": "1", "B": None, "C": "2"}, found.properties)

    def test_references(self) -> None:
        """Type names and objects that were written before are meant by their numbers."""
        first, second, third = read(
            '<Obj RefId="0"><TN RefId="0"><T>One</T></TN><Props><Obj N="P" RefId="1">'
            "<ToString>inner</ToString></Obj></Props></Obj>"
            '<Obj RefId="2"><TNRef RefId="0" /><Props><Ref N="P" RefId="1" /></Props></Obj>'
            '<Ref RefId="0" />'
        )
        assert isinstance(first, PSObject)
        assert isinstance(second, PSObject)
        self.assertEqual("One", second.type_name)
        self.assertIs(first.properties["P"], second.properties["P"])
        self.assertIs(first, third)

    def test_to_itself(self) -> None:
        """An object may refer to itself."""
        (found,) = read('<Obj RefId="0"><Props><Ref N="Self" RefId="0" /></Props></Obj>')
        assert isinstance(found, PSObject)
        self.assertIs(found, found.properties["Self"])

    def test_collections(self) -> None:
        """Lists, queues, stacks and enumerations are lists; dictionaries have their keys."""
        for tag in ("LST", "IE", "QUE", "STK"):
            (found,) = read(f'<Obj RefId="0"><{tag}><S>a</S><S>b</S></{tag}></Obj>')
            self.assertEqual(["a", "b"], listed(found))
        (found,) = read(
            '<Obj RefId="0"><DCT><En><S N="Key">k</S><I32 N="Value">1</I32></En></DCT></Obj>'
        )
        assert isinstance(found, PSObject)
        self.assertEqual({"k": 1}, found.value)

    def test_enumeration(self) -> None:
        """A member of an enumeration shows its name and holds its number."""
        (found,) = read('<Obj RefId="0"><ToString>InternalOnly</ToString><I32>1</I32></Obj>')
        self.assertEqual("InternalOnly", plain(found))

    def test_escapes(self) -> None:
        """`_xHHHH_` is a code unit of UTF-16, in values and names."""
        (found,) = read(
            '<Obj RefId="0"><Props><S N="A_x0020_B">1_x000D__x000A_2_x005F_x0041_</S></Props></Obj>'
        )
        assert isinstance(found, PSObject)
        self.assertEqual({"A B": "1\r\n2_x0041_"}, found.properties)
        self.assertEqual("\U0001f600", unescaped("_xD83D__xDE00_"))
        self.assertEqual("a\ufffdb", unescaped("a_xD83D_b"))
        self.assertEqual("_x12_ _xZZZZ_", unescaped("_x12_ _xZZZZ_"))

    def test_encodings(self) -> None:
        """UTF-16 of Windows PowerShell with and without its mark, UTF-8 with and without one, with
        and without a declaration."""
        text = f"{HEAD}<S>Zoë</S></Objs>"
        for data in (
            text.encode("utf-16"),
            text.encode("utf-16-le"),
            text.encode("utf-8-sig"),
            text.encode(),
            ('<?xml version="1.0" encoding="utf-16"?>\r\n' + text).encode("utf-16"),
        ):
            self.assertEqual(["Zoë"], read_clixml(data))


class HostileTests(SynchronousTestCase):
    """Files that are wrong or malicious."""

    def refused(self, data: bytes) -> str:
        return str(self.assertRaises(NoClixml, read_clixml, data))

    def test_entities(self) -> None:
        """Document types and entities are refused before anything is expanded or fetched."""
        bomb = '<!DOCTYPE a [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;">]>'
        outside = '<!DOCTYPE a SYSTEM "file:///etc/passwd">'
        for start in (bomb, outside):
            self.assertIn("document type", self.refused(f"{start}{HEAD}</Objs>".encode()))

    def test_wrong(self) -> None:
        """What is no CLIXML is told with its line."""
        for inner, reason in (
            ("<S>", "is no XML"),
            ('<Ref RefId="9" />', "has not been written"),
            ("<I32>x</I32>", "is no number"),
            ("<C>99999</C>", "is no character"),
            ('<Obj RefId="0"><DCT><En><S N="Value">x</S></En></DCT></Obj>', "no entry"),
            ("<Obj>" * 80 + "</Obj>" * 80, "nested deeper"),
        ):
            with self.subTest(reason=reason):
                told = self.refused(f"{HEAD}\n{inner}</Objs>".encode())
                self.assertRegex(told, r"\A[0-9]+: ")
                self.assertIn(reason, told)
        self.assertIn("not Objs", self.refused(b"<html/>"))
        self.assertIn("text", self.refused(b"\xff\xfe\x00"))
        self.assertIn("is no XML", self.refused(b""))

    @given(st.binary(max_size=200))
    def test_anything(self, data: bytes) -> None:
        """Whatever the bytes, there are values or a reason."""
        try:
            read_clixml(HEAD.encode() + data)
        except NoClixml as problem:
            self.assertRegex(str(problem), r"\A[0-9]+: ")

    @given(st.text(st.characters(blacklist_categories=("Cs",)), max_size=40))
    def test_escaped_round_trip(self, text: str) -> None:
        """Any text that is escaped unit by unit is read as it was."""
        units = text.encode("utf-16-le")
        escaped = "".join(
            f"_x{int.from_bytes(units[at : at + 2], 'little'):04X}_"
            for at in range(0, len(units), 2)
        )
        self.assertEqual(text, unescaped(escaped))
