"""LDAP messages, with ldaptor's own codec as the other side."""

from hypothesis import given
from hypothesis import strategies as st
from ldaptor.ldapfilter import parseFilter
from ldaptor.protocols import pureber, pureldap
from ldaptor.protocols.ldap.ldapclient import LDAPClient
from twisted.trial.unittest import SynchronousTestCase

from mobility.directory.ber import Malformed
from mobility.directory.messages import (
    BIND_RESPONSE,
    PAGED_RESULTS,
    SEARCH_DONE,
    Entry,
    PassedOver,
    Result,
    Search,
    bind_request,
    check_filter,
    read_answer,
    search_request,
)
from tests.directory.doubles import bind_result, done, found, wire

SEARCH = Search("dc=example", "(&(a=b)(n>=5))", ("cn", "mail"), 10, page_size=7)


class RequestTests(SynchronousTestCase):
    """What is asked."""

    def parse(self, data: bytes) -> pureldap.LDAPMessage:
        message, size = pureber.berDecodeObject(LDAPClient.berdecoder, data)
        self.assertEqual(size, len(data))
        return message

    def test_bind(self) -> None:
        """A simple bind of version 3, in UTF-8."""
        message = self.parse(bind_request(4, "cn=영희", "пароль"))
        self.assertEqual((message.id, message.value.version), (4, 3))
        self.assertEqual(message.value.dn.decode(), "cn=영희")
        self.assertEqual(message.value.auth.decode(), "пароль")

    def test_search(self) -> None:
        """A search asks for a page, and insists on it (RFC 2696)."""
        message = self.parse(search_request(5, SEARCH, b"more", 9))
        request = message.value
        self.assertEqual((request.baseObject, request.scope), (b"dc=example", 2))
        self.assertEqual((request.timeLimit, request.attributes), (9, [b"cn", b"mail"]))
        self.assertEqual(request.filter.toWire(), parseFilter(SEARCH.filter).toWire())
        ((oid, critical, value),) = message.controls
        self.assertEqual((oid, bool(critical)), (PAGED_RESULTS, True))
        page, _ = pureber.berDecodeObject(pureber.BERDecoderContext(), value)
        self.assertEqual((page[0].value, page[1].value), (7, b"more"))


class FilterTests(SynchronousTestCase):
    """Filters that operators write."""

    def test_wrong(self) -> None:
        """What is no filter has a reason, in a line that is not too long."""
        for text in ("", "x", "(a=b", "(&(a=b)", "(" * 3000):
            self.assertTrue(0 < len(check_filter(text)) <= 200, text)
        self.assertEqual(check_filter("(&(objectClass=user)(!(cn=a*)))"), "")


class AnswerTests(SynchronousTestCase):
    """What a server says."""

    def test_entry(self) -> None:
        """An entry has its name and its values, by names in lower case."""
        attributes = {"displayName": ["김 민준"], "jpegPhoto;binary": [b"\xff\xd8"], "mail": []}
        self.assertEqual(
            read_answer(found(3, "cn=김", attributes)),
            (
                3,
                Entry(
                    "cn=김",
                    {
                        "displayname": ("김 민준".encode(),),
                        "jpegphoto;binary": (b"\xff\xd8",),
                        "mail": (),
                    },
                ),
            ),
        )

    def test_results(self) -> None:
        """Results have a code, and the end of a page the cookie of the next."""
        self.assertEqual(read_answer(bind_result(2, 49)), (2, Result(BIND_RESPONSE, 49)))
        self.assertEqual(
            read_answer(done(9, 4, b"next")), (9, Result(SEARCH_DONE, 4, cookie=b"next"))
        )

    def test_words(self) -> None:
        """The server's words are one line of a bounded length."""
        said = "data 52e,\r\n v2580\0" + "x" * 1000
        _, result = read_answer(wire(1, pureldap.LDAPBindResponse(49, errorMessage=said)))
        assert isinstance(result, Result)
        self.assertTrue(result.message.startswith("data 52e, v2580"))
        self.assertLessEqual(len(result.message), 200)

    def test_referral(self) -> None:
        """A referral is passed over: nobody is sent with a password to a server it names."""
        reference = pureldap.LDAPSearchResultReference([pureber.BEROctetString(b"ldap://evil")])
        data = b"\x30\x12\x02\x01\x05\x73\x0d\x04\x0bldap://evil"
        self.assertEqual(read_answer(data), (5, PassedOver(reference.tag | 0x20)))

    def test_malformed(self) -> None:
        """Messages of other kinds and with wrong parts are refused."""
        request = bind_request(1, "cn=a", "b")
        for data in (
            b"",
            b"\x30\x00",
            b"\x30\x03\x02\x01\x01",
            b"\x30\x05\x04\x01\x01\x61\x00",
            b"\x30\x05\x02\x01\x01\x61\x00",
            request,
            found(1, b"\xff\xfe", {}),
        ):
            self.assertRaises(Malformed, read_answer, data)

    @given(st.data())
    def test_damaged(self, data: st.DataObject) -> None:
        """A good message with octets changed is read or refused, and nothing else happens."""
        message = bytearray(found(3, "cn=a", {"mail": ["a@b", "c@d"]}) + done(3, 0, b"cookie"))
        for _ in range(data.draw(st.integers(1, 4))):
            message[data.draw(st.integers(0, len(message) - 1))] = data.draw(st.integers(0, 255))
        try:
            read_answer(bytes(message))
        except Malformed:
            pass
