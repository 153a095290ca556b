"""Tests of `mobility.http.body`: reading input and naming what is wrong with it."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mobility.errors import Answerable, PeerFault
from mobility.http.body import Fields, fields
from mobility.http.limits import JSON_DEPTH
from mobility.http.message import Media, Request, Site
from mobility.http.target import query_fields


def request(
    body: bytes = b"", content_type: str | None = None, query: str = "", method: str = "POST"
) -> Request:
    headers = {} if content_type is None else {"content-type": content_type}
    return Request(
        id="r",
        site=Site("external", secure=True),
        method=method,
        path="/",
        query=query_fields(query),
        raw_query=query,
        headers=headers,
        body=body,
        client_address="192.0.2.1",
        now=0.0,
        media=Media("application/json"),
    )


def given_values(**values: Any) -> Fields:
    return Fields(values)


class ReadingTests(SynchronousTestCase):
    """From bytes to values."""

    def fault(self, *arguments: Any, **named: Any) -> tuple[str, str | None]:
        with self.assertRaises(PeerFault) as caught:
            fields(request(*arguments, **named))
        return caught.exception.code, caught.exception.subcode

    def test_json_types(self) -> None:
        """JSON is read under each of its media types, and when none or an empty one is given."""
        for content_type in (
            None,
            "",
            "application/json",
            "Application/JSON; charset=UTF-8",
            'application/json;charset="utf-8"',
            "text/json",
            "application/vnd.microsoft.com.ucwa+json",
            "application/vnd.microsoft.ucwa+json",
        ):
            self.assertEqual(fields(request(b'{"A":"b"}', content_type)).text("a"), "b")

    def test_other_types(self) -> None:
        """Any other media type or charset is 415, but not without a body."""
        for content_type in ("text/plain", "application/json; charset=utf-7", "image/png"):
            self.assertEqual(self.fault(b"{}", content_type), ("UnsupportedMediaType", None))
            self.assertEqual(fields(request(b"", content_type)).text("a"), "")

    def test_charsets(self) -> None:
        """JSON in a charset that a library declared is read; what is not in it is 400."""
        for charset, codec in (
            ("us-ascii", "ascii"),
            ("ISO-8859-1", "latin-1"),
            ("windows-1252", "cp1252"),
            ("utf-16", "utf-16"),
        ):
            text = "Groesse" if codec == "ascii" else "Größe"
            body = f'{{"a": "{text}"}}'.encode(codec)
            read = fields(request(body, f"application/json; charset={charset}"))
            self.assertEqual(read.text("a"), text)
        for charset, body in (
            ("us-ascii", b'{"a":"\xe4"}'),
            ("windows-1252", b'{"a":"\x81"}'),
            ("utf-16", b'{"a":1}x'),
            ("utf-16le", b"\0\xd8"),
            ("iso-8859-1", b"{"),
        ):
            fault = self.fault(body, f"application/json; charset={charset}")
            self.assertEqual(fault, ("BadRequest", "DeserializationFailure"))

    def test_broken_json(self) -> None:
        """What is no JSON object is 400 DeserializationFailure."""
        for body in (
            b"{",
            b"[]",
            b'"a"',
            b"null",
            b"{'a':1}",
            b'{"a":"\\ud800"}',
            b'{"a":"\xff"}',
            b'{"a":NaN}',
            b'{"a":1e999}',
            b'{"a":' + b"9" * 5000 + b"}",
            b"[" * 100_000,
            b'{"a":' * 5000 + b"1" + b"}" * 5000,
            b'{"a":"' + b'\\"' * 30_000,
        ):
            self.assertEqual(self.fault(body), ("BadRequest", "DeserializationFailure"), body[:20])

    def test_depth(self) -> None:
        """JSON of the deepest allowed nesting is read, one level more is refused."""
        inner = JSON_DEPTH - 1
        deep = b'{"a":' + b"[" * inner + b"]" * inner + b"}"
        self.assertIn("a", fields(request(deep)))
        deeper = b'{"a":' + b"[" * JSON_DEPTH + b"]" * JSON_DEPTH + b"}"
        self.assertEqual(self.fault(deeper), ("BadRequest", "DeserializationFailure"))

    def test_tolerated_json(self) -> None:
        """A byte order mark, blanks only, doubled names and trailing commas are taken."""
        self.assertEqual(fields(request(b'\xef\xbb\xbf{"a":"b"}')).text("a"), "b")
        self.assertEqual(fields(request(b" \r\n")).text("a"), "")
        self.assertEqual(fields(request(b'{"a":"b","a":"c"}')).text("a"), "c")
        read = fields(request(b'{"a":"x,}\\",]","b":["c",] , }'))
        self.assertEqual(read.text("a"), 'x,}",]')
        self.assertEqual(read.list_of_text("b"), ("c",))

    def test_query(self) -> None:
        """POST values come from the body or the query, GET values from the query only."""
        both = fields(request(b'{"a":"body"}', query="A=query&b=x+y%20z"))
        self.assertEqual((both.text("a"), both.text("B")), ("body", "x y z"))
        self.assertEqual(fields(request(b'{"a":"b"}', query="c=d", method="GET")).text("a"), "")

    def test_xml(self) -> None:
        """An XML input gives the same values as JSON, under any of its media types."""
        body = (
            b'<input xmlns="http://schemas.microsoft.com/rtc/2012/03/ucwa">'
            b'<property name="subject">A &amp; <![CDATA[B]]></property>'
            b'<propertyList name="uris"><item>a</item><item>b</item></propertyList>'
            b'<link rel="message" href="data:text/plain,hi"/></input>'
        )
        for content_type in ("application/xml", "application/vnd.microsoft.com.ucwa+xml"):
            read = fields(request(body, content_type))
            self.assertEqual(read.text("Subject"), "A & B")
            self.assertEqual(read.list_of_text("uris"), ("a", "b"))
            link = read.data_link("message")
            self.assertEqual(link and link.text, "hi")

    def test_xml_sent_back(self) -> None:
        """A resource that a client got can be sent back whole; what it embeds is passed over."""
        body = (
            b'<resource rel="a" href="/a"><link rel="b" href="/b"/><property name="x">1</property>'
            b'<resource rel="b" href="/b"><property name="x">2</property>'
            b'<resource rel="c"><propertyList name="y"><item>3</item></propertyList></resource>'
            b'</resource><property name="z">4</property></resource>'
        )
        read = fields(request(body, "application/xml"))
        self.assertEqual((read.text("x"), read.text("z")), ("1", "4"))
        self.assertEqual(read.list_of_text("y"), ())

    def test_xml_refused(self) -> None:
        """A document type, an entity, deep nesting or broken XML is 400 at once."""
        bomb = b'<!DOCTYPE x [<!ENTITY a "aaaa">]><input>&a;</input>'
        for body in (
            bomb,
            b'<!DOCTYPE x SYSTEM "file:///etc/passwd"><input/>',
            b"<input>",
            b"<input>&unknown;</input>",
            b"<a>" * 100 + b"</a>" * 100,
            b"<a>" * 100_000,
            b'<?xml version="1.0" encoding="nonsense"?><input/>',
            b"\xff\xfe",
        ):
            self.assertEqual(
                self.fault(body, "application/xml"), ("BadRequest", "DeserializationFailure")
            )

    @given(
        st.one_of(st.binary(max_size=60), st.text('{}[]",:\\ab1 \n', max_size=40).map(str.encode)),
        st.sampled_from(["", "application/xml"]),
    )
    def test_any_body(self, body: bytes, content_type: str) -> None:
        """Any body is read or refused as the peer's fault."""
        try:
            fields(request(body, content_type))
        except Answerable as fault:
            self.assertEqual(fault.status, 400)


class FieldsTests(SynchronousTestCase):
    """Typed getters."""

    def wrong(self, read: Fields) -> dict[str, str]:
        with self.assertRaises(PeerFault) as caught:
            read.check()
        fault = caught.exception
        self.assertEqual((fault.code, fault.subcode), ("BadRequest", "ParameterValidationFailure"))
        return {parameter.name: parameter.reason for parameter in fault.parameters}

    def test_every_fault_is_listed(self) -> None:
        """`check` names each wrong parameter once all were read."""
        read = given_values(a=[], b="x", c=11, d="maybe")
        read.text("a")
        read.choice("b", ("One", "Two"))
        read.integer("c", 1, 10)
        read.boolean("d")
        read.text("e", required=True)
        self.assertEqual(
            self.wrong(read),
            {
                "a": "must be a text",
                "b": "must be one of One, Two",
                "c": "must be from 1 to 10",
                "d": "must be true or false",
                "e": "is required",
            },
        )

    def test_text(self) -> None:
        """Text has a largest length and no NUL; numbers and booleans count as their text."""
        self.assertEqual(given_values(a="x" * 5).text("a", max_length=5), "xxxxx")
        self.assertEqual(given_values(a=5).text("a"), "5")
        self.assertEqual(given_values(a=True).text("a"), "true")
        for bad in ("x" * 6, "a\0", {}, [1]):
            read = given_values(a=bad)
            self.assertEqual(read.text("a", max_length=5), "")
            self.wrong(read)

    def test_null_is_absent(self) -> None:
        """A JSON null counts as absent, for every getter."""
        read = given_values(a=None)
        self.assertNotIn("a", read)
        self.assertEqual(read.text("a"), "")
        self.assertIsNone(read.choice("a", ("b",)))
        self.assertEqual(read.choices("a", ("b",)), ())
        self.assertIsNone(read.integer("a", 0, 1))
        self.assertIsNone(read.boolean("a"))
        self.assertEqual(read.list_of_text("a"), ())
        self.assertIsNone(read.data_link("a"))
        read.check()

    def test_required(self) -> None:
        """What is required and absent or empty is named, for every getter."""
        for getter in (
            lambda read: read.text("a", required=True),
            lambda read: read.choice("a", ("b",), required=True),
            lambda read: read.choices("a", ("b",), required=True),
            lambda read: read.integer("a", 0, 1, required=True),
            lambda read: read.list_of_text("a", required=True),
        ):
            for values in ({}, {"a": None}, {"a": ""}):
                read = Fields(values)
                getter(read)
                self.assertEqual(self.wrong(read), {"a": "is required"})

    def test_choices(self) -> None:
        """Choices match without case and come back in the declared spelling, each once."""
        allowed = ("Messaging", "PhoneAudio")
        self.assertEqual(given_values(a="MESSAGING").choice("A", allowed), "Messaging")
        read = given_values(a=["phoneaudio", "Messaging", "PHONEAUDIO"])
        self.assertEqual(read.choices("a", allowed), ("PhoneAudio", "Messaging"))
        read = given_values(a=["phoneaudio", "Other"])
        self.assertEqual(read.choices("a", allowed), ())
        self.assertEqual(self.wrong(read), {"a": "must hold only Messaging, PhoneAudio"})

    def test_integer(self) -> None:
        """Whole numbers are taken at their limits, also as text or as a whole float."""
        for value in (1, 10, "1", "10", 10.0):
            self.assertEqual(given_values(a=value).integer("a", 1, 10), int(value))
        for bad in (0, 11, "0", "x", "1.5", 1.5, True, [], "1" * 30, "²"):
            read = given_values(a=bad)
            self.assertIsNone(read.integer("a", 1, 10))
            self.assertEqual(list(self.wrong(read)), ["a"])

    def test_boolean(self) -> None:
        """Booleans are taken as such and as text in any case."""
        self.assertIs(given_values(a=False).boolean("a"), False)
        self.assertIs(given_values(a="TRUE").boolean("a"), True)
        read = given_values(a=1)
        self.assertIsNone(read.boolean("a"))
        self.wrong(read)

    def test_list_of_text(self) -> None:
        """A list is taken up to its limits; a single text is a list of one."""
        self.assertEqual(given_values(a="x").list_of_text("a"), ("x",))
        read = given_values(a=["x", "yy"])
        self.assertEqual(read.list_of_text("a", max_items=2, max_length=2), ("x", "yy"))
        for bad in (["x", "y", "z"], ["xyz"], [1], [""], ["\0"], {}, 5):
            read = given_values(a=bad)
            self.assertEqual(read.list_of_text("a", max_items=2, max_length=2), ())
            self.wrong(read)

    def test_own_rule(self) -> None:
        """A caller's own rule is listed with the others."""
        read = given_values()
        read.fail("x", "is odd")
        self.assertEqual(self.wrong(read), {"x": "is odd"})


class InstantTests(SynchronousTestCase):
    """Points in time, as clients write them."""

    def test_spellings(self) -> None:
        """The date of JSON and ISO 8601, with or without an offset, are the same moment."""
        for text in (
            "/Date(1360199838000)/",
            "/Date(1360199838000+0100)/",
            "2013-02-07T01:17:18Z",
            "2013-02-07T01:17:18.000Z",
            "2013-02-07T01:17:18.0000000Z",
            "2013-02-07T03:17:18+02:00",
            "2013-02-07T01:17:18",
        ):
            read = Fields({"when": text})
            self.assertEqual(read.instant("When"), 1_360_199_838.0, text)
            read.check()

    def test_none(self) -> None:
        """What is absent, null or empty is no point in time, and no fault."""
        for values in ({}, {"when": None}, {"when": ""}):
            read = Fields(values)
            self.assertIs(read.instant("when"), None)
            read.check()

    @given(st.text(max_size=80) | st.integers() | st.lists(st.none()))
    def test_any_value(self, value: object) -> None:
        """Whatever else is sent is refused by name, or is a time a clock can show."""
        read = Fields({"when": value})
        moment = read.instant("when")
        if moment is None and value != "":
            self.assertRaises(PeerFault, read.check)

    def test_beyond_the_calendar(self) -> None:
        """Days that do not exist are refused, not guessed."""
        for text in ("2013-02-30T00:00:00Z", "9999-99-99", "/Date(x)/", "now", "1" * 65):
            read = Fields({"when": text})
            self.assertIs(read.instant("when"), None)
            self.assertRaises(PeerFault, read.check)


class DataLinkTests(SynchronousTestCase):
    """Text in `data:` URIs."""

    def read(self, uri: object, max_bytes: int = 100) -> tuple[str, str] | None:
        read = Fields({"_links": {"Message": {"href": uri}}})
        link = read.data_link("message", max_bytes=max_bytes)
        read.check()
        return None if link is None else (link.content_type, link.text)

    def test_forms(self) -> None:
        """URL-encoded and base64 payloads are read, with and without a charset."""
        for uri, text in (
            ("data:text/plain,hello+w%C3%B6rld", "hello wörld"),
            ("data:Text/Plain;charset=UTF-8,a%2Bb", "a+b"),
            ('data:text/plain;charset="utf-8",a,b', "a,b"),
            ("data:text/plain;base64,aGk+", "hi>"),
            ("DATA:text/plain;charset=utf-8;base64,aGk%2B", "hi>"),
            ("data:text/plain;base64,", ""),
            ("data:text/plain,", ""),
        ):
            self.assertEqual(self.read(uri), ("text/plain", text))

    def test_places(self) -> None:
        """The URI stands in `_links`, as an object or bare, or in a property of that name."""
        uri = "data:text/html,x"
        self.assertEqual(Fields({"_links": {"m": uri}}).data_link("M"), self._link())
        self.assertEqual(Fields({"m": uri}).data_link("m"), self._link())
        self.assertIsNone(Fields({"_links": {}}).data_link("m"))
        self.assertIsNone(Fields({"_links": 5}).data_link("m"))

    def _link(self) -> object:
        return Fields({"x": "data:text/html,x"}).data_link("x")

    def test_size(self) -> None:
        """Content of the limit is read, one byte more is refused, however it is written."""
        for uri in ("data:text/plain,%41%41%41", "data:text/plain;base64,QUFB"):
            self.assertEqual(self.read(uri, 3), ("text/plain", "AAA"))
            with self.assertRaises(PeerFault):
                self.read(uri, 2)

    def test_refused(self) -> None:
        """Whatever cannot be decoded is named as wrong."""
        for uri in (
            5,
            "",
            "http://a/",
            "data:",
            "data:text/plain",
            "data:,x",
            "data:text,x",
            "data:text/plain;charset=utf-16,x",
            "data:text/plain;charset=utf-7,x",
            "data:text/plain,%",
            "data:text/plain,%zz",
            "data:text/plain,%ff",
            "data:text/plain,%00",
            "data:text/plain;base64,a",
            "data:text/plain;base64,a%",
            "data:text/plain;base64,!!!!",
            "data:text/plain," + "a" * 1000,
        ):
            with self.assertRaises(PeerFault) as caught:
                self.read(uri)
            self.assertEqual(caught.exception.parameters[0].name, "message", uri)

    def test_required(self) -> None:
        """A required data link that is absent is named."""
        read = Fields({})
        self.assertIsNone(read.data_link("message", required=True))
        with self.assertRaises(PeerFault):
            read.check()

    @given(st.text(max_size=60), st.sampled_from(["", "data:text/plain,", "data:a/b;base64,"]))
    def test_any_uri(self, rest: str, start: str) -> None:
        """Any text is read or refused as the peer's fault."""
        try:
            self.read(start + rest)
        except PeerFault as fault:
            self.assertEqual(fault.status, 400)
