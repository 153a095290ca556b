"""Tests of users in CSV files, from PowerShell and saved again in Excel."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mobility.skype.exported_csv import is_xml, read_users
from mobility.skype.objects import migrate
from mobility.transfer.csv_text import NoTable

EXPORTED = (
    "#TYPE Microsoft.Rtc.Management.ADConnect.Schema.OCSADUser\r\n"
    '"Identity","SipAddress","DisplayName","Enabled","LineURI","VoicePolicy","ProxyAddresses",'
    '"ExUmEnabled","RegistrarPool"\r\n'
    '"CN=Zoë","sip:zoe@example.test","Wahr, Zoë","True","tel:+493012345","Tag:Boss",'
    '"System.Collections.Generic.List`1[System.String]","False","pool.example.test"\r\n'
)
SAVED_BY_EXCEL = (
    "SipAddress;DisplayName;Enabled;LineURI;ExUmEnabled\r\n"
    "sip:zoe@example.test;Wahr, Zoë;WAHR;tel:+493012345;FALSCH\r\n"
)


class ReadingTests(SynchronousTestCase):
    """Reading, and what becomes of it."""

    def taken(self, data: bytes, encoding: str = "") -> dict[str, Any]:
        made = migrate(read_users(data, encoding), ["example.test"])
        self.assertEqual(([], {}), (made.left_out, made.no_equal))
        return made.sections

    def test_exported(self) -> None:
        """What Export-Csv writes of Get-CsUser is read in any of its encodings; a list whose type's
        name is all that is left says nothing."""
        user = {
            "uri": "sip:zoe@example.test",
            "name": "Wahr, Zoë",
            "enabled": True,
            "work_phone": "+493012345",
        }
        grant = {"user": "sip:zoe@example.test", "voice_policy": "Tag:Boss"}
        for encoding in ("utf-8", "utf-8-sig", "utf-16"):
            sections = self.taken(EXPORTED.encode(encoding))
            self.assertEqual({"users": [user], "voice_grants": [grant]}, sections)

    def test_excel(self) -> None:
        """A German Excel saves semicolons, its own words for flags, and windows-1252."""
        data = SAVED_BY_EXCEL.encode("cp1252")
        (user,) = self.taken(data, "cp1252")["users"]
        self.assertEqual(("Wahr, Zoë", True), (user["name"], user["enabled"]))
        problem = self.assertRaises(NoTable, read_users, data)
        self.assertIn("give the --encoding", str(problem))

    def test_no_users(self) -> None:
        """Other objects, whose lists are lost, archives and broken rows are refused."""
        for data, reason in (
            (b'"Identity","PstnUsages"\n"Global","x"\n', "1: has no column SipAddress"),
            (b"", "1: has no column SipAddress"),
            (b"PK\x03\x04" + bytes(20), "is a ZIP archive"),
            (b"SipAddress,DisplayName\nsip:a@example.test\n", "2: has 1 cells"),
            (b"SipAddress,Title\nsip:a@example.test," + b"x" * 5000, "2: has a cell"),
            (b"SipAddress,sipaddress\n", "two of one name"),
            (b'SipAddress\n"sip:a@example.test\n', "2: is no CSV"),
        ):
            self.assertIn(reason, str(self.assertRaises(NoTable, read_users, data)))

    def test_kind(self) -> None:
        """CLIXML is told from CSV by how it begins."""
        for encoding in ("utf-8", "utf-8-sig", "utf-16", "utf-16-le"):
            self.assertTrue(is_xml("<Objs".encode(encoding)))
            self.assertFalse(is_xml("SipAddress".encode(encoding)))

    @given(st.binary(max_size=300))
    def test_anything(self, data: bytes) -> None:
        """Whatever the bytes, there are users or a reason."""
        try:
            migrate(read_users(b"SipAddress,DisplayName,Enabled\n" + data), ["example.test"])
        except NoTable as problem:
            self.assertRegex(str(problem), r"\A[0-9]+: ")
