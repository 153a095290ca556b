"""From entries to users, for Active Directory and for inetOrgPerson."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mobility.directory.mapping import E164_DIGITS, MAX_TEXT, Mapping, e164
from mobility.directory.messages import Entry
from mobility.directory.schema import ACTIVE_DIRECTORY, INETORGPERSON, SCHEMAS
from mobility.domain.directory_names import folded_dn
from mobility.domain.records import User
from mobility.operate.profile import RULES
from tests.directory.doubles import settings

DN = "CN=김 민준,OU=People,DC=example,DC=test"
GUID = bytes(range(16))


def entry(**attributes: "str | bytes | list[str]") -> Entry:
    values = {
        name.lower(): tuple(
            value.encode() if isinstance(value, str) else value
            for value in (given if isinstance(given, list) else [given])
        )
        for name, given in attributes.items()
    }
    return Entry(DN, values)


class MappingTestCase(SynchronousTestCase):
    schema = "inetorgperson"

    def mapping(self, **changes: Any) -> Mapping:
        schema = SCHEMAS[self.schema]
        attributes = {**schema.attributes, **changes.pop("attributes", {})}
        return Mapping(
            settings(schema=self.schema, attributes=attributes, **changes),
            ("example.test", "other.test"),
        )

    def user(self, **attributes: "str | bytes | list[str]") -> User:
        user = self.mapping().user(entry(**attributes))
        assert user is not None
        return user


class InetOrgPersonTests(MappingTestCase):
    """OpenLDAP and its kind."""

    def test_fields(self) -> None:
        """Everything that is known of somebody is taken over."""
        user = self.user(
            mail="Min@Example.Test",
            displayName="김 민준",
            title="사장",
            departmentNumber="7",
            o="Example",
            physicalDeliveryOfficeName="Seoul",
            telephoneNumber="+82 2 555 1000",
            mobile="+82 10 555 1000",
            homePhone="+82-2-555-1001",
            manager="uid=boss,dc=example",
            entryUUID="a-b-c",
            pwdChangedTime="20260101120000Z",
        )
        self.assertEqual(
            user,
            User(
                "sip:min@example.test",
                "김 민준",
                email="Min@Example.Test",
                title="사장",
                department="7",
                company="Example",
                office="Seoul",
                work_phone="+8225551000",
                mobile_phone="+82105551000",
                home_phone="+8225551001",
                manager="uid=boss,dc=example",
                source="ldap",
                source_id="a-b-c",
                source_name=DN,
                source_password="20260101120000Z",
            ),
        )

    def test_name(self) -> None:
        """Without a display name the common name counts, without both the address."""
        self.assertEqual(self.user(mail="a@example.test", cn="Ann").name, "Ann")
        self.assertEqual(self.user(mail="a@example.test", displayName=" ", cn="Ann").name, "Ann")
        self.assertEqual(self.user(mail="a@example.test").name, "a")

    def test_locked(self) -> None:
        """An account that an administrator locked is disabled; one locked for a while is not."""
        locked = self.user(mail="a@example.test", pwdAccountLockedTime="000001010000Z")
        self.assertFalse(locked.enabled)
        for_a_while = self.user(mail="a@example.test", pwdAccountLockedTime="20260101120000Z")
        self.assertTrue(for_a_while.enabled)

    def test_address(self) -> None:
        """The first value that is an address of a domain served here counts."""
        user = self.user(mail=["ann@mail.test", "ann@other.test", "ann@example.test"])
        self.assertEqual(user.uri, "sip:ann@other.test")
        for mail in (
            "",
            "ann@mail.test",
            "@example.test",
            "a b@example.test",
            "SMTP:a@example.test",
        ):
            self.assertIsNone(self.mapping().user(entry(mail=mail, cn="Ann")), mail)

    def test_name_without_domain(self) -> None:
        """An attribute without a domain gets the one of the settings."""
        mapping = self.mapping(attributes={"uri": "uid"}, uri_domain="other.test")
        user = mapping.user(entry(uid="Ann", mail="x@example.test"))
        self.assertEqual(user and user.uri, "sip:ann@other.test")

    def test_marks(self) -> None:
        """Changes are told by time, whatever fraction a server writes."""
        mapping = self.mapping()
        mark = mapping.mark(entry(modifyTimestamp="20260102030405.678Z"))
        self.assertEqual(
            mapping.changed_since(mark, "(a=b)"), "(&(a=b)(modifyTimestamp>=20260102030405Z))"
        )
        for wrong in ("", "now", "\u0662\u0660\u0662\u0666"):
            self.assertEqual(mapping.mark(entry(modifyTimestamp=wrong)), 0)

    def test_bad_values(self) -> None:
        """Values that are no text are passed over; control characters and long texts are cut."""
        user = self.user(
            mail="a@example.test", displayName=b"\xff\xfe", cn="A\0n\nn", title="x" * 1000
        )
        self.assertEqual((user.name, len(user.title)), ("Ann", MAX_TEXT))
        self.assertEqual(self.user(mail=["a@example.test"], entryUUID=b"\xff").source_id, "\ufffd")

    def test_attributes(self) -> None:
        """All attributes that are needed are asked for once, and photos are not."""
        asked = self.mapping().attributes
        self.assertEqual(len(asked), len(set(asked)))
        self.assertLessEqual({"mail", "entryuuid", "modifytimestamp", "pwdchangedtime"}, set(asked))
        self.assertNotIn("jpegphoto", asked)
        self.assertEqual(self.mapping().photo_attributes, ("jpegphoto",))

    @given(
        st.dictionaries(
            st.sampled_from(sorted({name.lower() for name in INETORGPERSON.attributes.values()})),
            st.lists(st.one_of(st.binary(max_size=40), st.text(max_size=40).map(str.encode))),
        )
    )
    def test_anything(self, attributes: dict[str, list[bytes]]) -> None:
        """Whatever a directory holds, a user keeps the rules of one that is set by hand; only the
        manager is named as the directory does."""
        values = {name: tuple(value) for name, value in attributes.items()}
        values.setdefault("mail", (b"a@example.test",))
        user = self.mapping(phone_country_code="49").user(Entry(DN, values))
        if user is not None:
            for name, rule in RULES.items():
                if name not in ("home", "manager", "sip_digest", "password"):
                    self.assertEqual(rule(getattr(user, name)), "", name)


class ActiveDirectoryTests(MappingTestCase):
    """Active Directory."""

    schema = "active-directory"

    def test_fields(self) -> None:
        """It has its own names, and a binary id."""
        user = self.user(
            **{
                "msRTCSIP-PrimaryUserAddress": "sip:Ann@example.test",
                "objectGUID": GUID,
                "pwdLastSet": "132456",
                "userAccountControl": "512",
                "company": "Example",
                "otherTelephone": "+1 425 555 0100 x77",
            }
        )
        self.assertEqual(user.uri, "sip:ann@example.test")
        self.assertEqual(user.source_id, "03020100-0504-0706-0809-0a0b0c0d0e0f")
        self.assertEqual((user.source_password, user.company), ("132456", "Example"))
        self.assertEqual(user.other_phone, "+14255550100;ext=77")

    def test_proxy_addresses(self) -> None:
        """Without a SIP address of its own the `sip:` proxy address counts, then the mail."""
        proxies = ["SMTP:ann@example.test", "X500:/o=x", "SIP:anna@example.test"]
        self.assertEqual(self.user(proxyAddresses=proxies).uri, "sip:anna@example.test")
        user = self.user(proxyAddresses=proxies[:2], mail="m@example.test")
        self.assertEqual(user.uri, "sip:m@example.test")

    def test_disabled(self) -> None:
        """ACCOUNTDISABLE of userAccountControl disables; what is no number does not."""
        for control, enabled in (("512", True), ("514", False), ("66050", False), ("x", True)):
            user = self.user(mail="a@example.test", userAccountControl=control)
            self.assertEqual(user.enabled, enabled, control)

    def test_marks(self) -> None:
        """Changes are told by update sequence numbers."""
        mapping = self.mapping()
        mark = mapping.mark(entry(uSNChanged="1234567"))
        self.assertEqual(mapping.changed_since(mark, "(a=b)"), "(&(a=b)(uSNChanged>=1234567))")

    def test_without_id(self) -> None:
        """Without an id an entry is known by its name."""
        mapping = self.mapping()
        self.assertEqual(mapping.id_of(entry()), folded_dn(DN))
        self.assertEqual(mapping.id_of(entry(objectGUID=b"short")), "short")

    def test_schemas_map_the_same_fields(self) -> None:
        """Both families say something of every field."""
        self.assertEqual(set(ACTIVE_DIRECTORY.attributes), set(INETORGPERSON.attributes))


class NumberTests(SynchronousTestCase):
    """Telephone numbers."""

    def test_forms(self) -> None:
        """Numbers with a country code are taken however they are written."""
        for text in ("+1 (425) 555-0100", "tel:+14255550100", "001 425.555.0100", "+1/425/5550100"):
            self.assertEqual(e164(text, ""), "+14255550100", text)
        self.assertEqual(e164("+49 (0) 201 123456", ""), "+49201123456")

    def test_extensions(self) -> None:
        """Extensions are kept."""
        for text in ("+14255550100;ext=77", "+1 425 555 0100 x77", "+1 425 555 0100 ext. 77"):
            self.assertEqual(e164(text, ""), "+14255550100;ext=77", text)

    def test_national(self) -> None:
        """A national number needs the country's code, else it is none."""
        self.assertEqual(e164("0201 123456", "49"), "+49201123456")
        self.assertEqual(e164("(425) 555-0100", "1"), "+14255550100")
        self.assertEqual(e164("0201 123456", ""), "")

    def test_none(self) -> None:
        """What is no number becomes none."""
        for text in ("", "none", "+", "+1", "+1234567890123456", "x77", "+" * 100, "ask me"):
            self.assertEqual(e164(text, "49" if text != "ask me" else ""), "", text)

    @given(st.text(max_size=80), st.sampled_from(("", "1", "49")))
    def test_anything(self, text: str, code: str) -> None:
        """Whatever is written, the number is in E.164's form or empty."""
        number = e164(text, code)
        self.assertEqual(RULES["work_phone"](number), "")
        if number:
            self.assertIn(len(number.partition(";")[0]) - 1, E164_DIGITS)


class NameTests(SynchronousTestCase):
    """Distinguished names."""

    def test_folded(self) -> None:
        """Letter case and spaces after commas make no difference."""
        self.assertEqual(folded_dn("CN=Ann, OU=x,DC=y"), folded_dn("cn=ann,ou=X, dc=Y"))
        self.assertNotEqual(folded_dn("cn=ann,dc=y"), folded_dn("cn=anna,dc=y"))
