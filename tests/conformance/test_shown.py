"""Reading answers: both forms give the same, and nothing but a ShapeError comes of a broken one."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mobility.http.xml_input import parse_xml_input
from tests.conformance.body import written
from tests.conformance.catalogue import Page
from tests.conformance.good import Document, body, documents
from tests.conformance.parts import BOUNDARY, Part, answers, batch_body
from tests.conformance.shown import (
    Form,
    ShapeError,
    read_events,
    read_reason,
    read_resource,
)

READERS = (read_resource, read_reason, read_events)


class ReadTests(SynchronousTestCase):
    """`read_resource`, `read_reason` and `read_events`."""

    @given(documents())
    def test_same_in_both_forms(self, drawn: tuple[Page, Document]) -> None:
        """Rel, href, links and the names of properties are those that were written."""
        document = drawn[1]
        links = {
            rel: link if isinstance(link, list) else [link]
            for rel, link in document["_links"].items()
        }
        for form in Form:
            shown = read_resource(body(document, form), form)
            self.assertEqual((shown.rel, shown.href), (document["rel"], "/self"))
            self.assertEqual(set(shown.properties), set(document) - {"rel", "_links"})
            for rel, hrefs in links.items():
                found = [link.href for link in shown.links.get(rel, ())]
                self.assertEqual(found, [link["href"] for link in hrefs])

    @given(st.binary(max_size=200), st.sampled_from(READERS), st.sampled_from(list(Form)))
    def test_any_bytes(self, content: bytes, read: Any, form: Form) -> None:
        """Bytes are a document or a ShapeError."""
        try:
            read(content, form)
        except ShapeError:
            pass

    def test_wrong_shapes(self) -> None:
        """Documents that are JSON or XML but not UCWA's."""
        for content in (
            b"[]",
            b'{"rel": 1}',
            b'{"_links": []}',
            b'{"_links": {"self": "/me"}}',
            b'{"_links": {"self": {"href": 1}}}',
            b'{"_embedded": {"me": 1}}',
        ):
            self.assertRaises(ShapeError, read_resource, content, Form.JSON)
        namespace = "http://schemas.microsoft.com/rtc/2012/03/ucwa"
        for inner in (
            '<link rel="self" href="/me" />',
            "<property>x</property>",
            '<property name="x">1</property><property name="x">2</property>',
            '<teapot name="x" />',
            '<x:property xmlns:x="urn:x" name="x" />',
        ):
            content = f'<resource rel="me" xmlns="{namespace}">{inner}</resource>'.encode()
            self.assertRaises(ShapeError, read_resource, content, Form.XML)
        bomb = b'<!DOCTYPE x [<!ENTITY a "a">]><resource>&a;</resource>'
        for content in (b"<resource />", b'<events xmlns="x" />', bomb):
            self.assertRaises(ShapeError, read_resource, content, Form.XML)

    def test_errors(self) -> None:
        """An error has its code, and the names of the wrong parameters."""
        document = {
            "code": "BadRequest",
            "subcode": "ParameterValidationFailure",
            "parameters": [{"name": "to", "reason": "is required"}],
        }
        for form in Form:
            reason = read_reason(body(document, form), form)
            self.assertEqual(reason.code, "BadRequest")
            self.assertEqual(reason.subcode, "ParameterValidationFailure")
            self.assertEqual(reason.parameters, ("to",))


class WriteTests(SynchronousTestCase):
    """`written` and `batch_body`."""

    def test_input(self) -> None:
        """An XML input says the same as the JSON one."""
        values = {"to": "sip:a&b@example.test", "uris": ["x", "<y>"], "flag": True}
        read = parse_xml_input(written(values, {"message": "data:,x"}, Form.XML))
        self.assertEqual(read.pop("_links"), {"message": {"href": "data:,x"}})
        self.assertEqual(read, {**values, "flag": "true"})

    def test_batch(self) -> None:
        """A batch has a part for each request; its answer is read part by part."""
        content_type, content = batch_body([Part("GET", "/me", "application/json")] * 2)
        self.assertIn(BOUNDARY, content_type)
        self.assertEqual(content.count(b"GET /me HTTP/1.1\r\n"), 2)
        part = (
            b"--x\r\nContent-Type: application/http; msgtype=response\r\n\r\n"
            b"HTTP/1.1 200 OK\r\nETag: 1\r\n\r\n{}\r\n"
        )
        (first, second) = answers('multipart/batching; boundary="x"', part + part + b"--x--\r\n")
        self.assertEqual((first.status, first.headers, first.body), (200, {"etag": "1"}, b"{}"))
        self.assertEqual(first, second)

    def test_broken_batch(self) -> None:
        """An answer to a batch that cannot be read is a ShapeError."""
        response = b"--x\r\nContent-Type: application/http; msgtype=response\r\n\r\n"
        for content_type, content in (
            ("multipart/mixed; boundary=x", b"--x--"),
            ("multipart/batching", b"--x--"),
            ("multipart/batching; boundary=x", response + b"HTTP/1.1 200 OK\r\n\r\n{}"),
            ("multipart/batching; boundary=x", response + b"200 OK\r\n\r\n\r\n--x--"),
            ("multipart/batching; boundary=x", b"--x\r\n\r\nHTTP/1.1 200 OK\r\n\r\n\r\n--x--"),
        ):
            with self.assertRaises(ShapeError):
                list(answers(content_type, content))
