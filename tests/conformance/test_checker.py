"""The checker finds what is wrong: good documents pass, and each way to spoil one is noticed."""

from typing import Any

import attrs
from hypothesis import assume, given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from tests.conformance.catalogue import DATA_LINK, Page
from tests.conformance.checker import PUT_TOKEN, Checker
from tests.conformance.exchange import Exchange
from tests.conformance.good import CATALOGUE, PAGES, Document, body, documents
from tests.conformance.shown import Form, Told, read_events, read_resource

FORMS = st.sampled_from(list(Form))
CHECKER = Checker(CATALOGUE)

ENUMERATED = [
    page
    for page in PAGES
    if any(fact.values and not fact.array for fact in page.properties.values())
]
LISTED = [page for page in PAGES if any(page.links.values())]
TYPED = [
    page
    for page in PAGES
    if any(fact.json_type in ("number", "boolean", "date") for fact in page.properties.values())
]


def complaints(document: Document, form: Form) -> list[str]:
    return list(CHECKER.resource(read_resource(body(document, form), form)))


def exchange(
    status: int,
    document: Document | None = None,
    *,
    rel: str = "me",
    method: str = "GET",
    form: Form = Form.JSON,
    **headers: str,
) -> Exchange:
    """An answer with the headers that belong to it, and more."""
    content = b"" if document is None else body(document, form)
    lines = {"x-ms-ucwaversion": "1"}
    if content:
        lines["content-type"] = f"{form.plain}; charset=utf-8"
    if document is not None and "etag" in document:
        lines["etag"] = f'"{document["etag"]}"'
    lines |= {name.replace("_", "-"): text for name, text in headers.items()}
    return Exchange(form, method, rel, status, lines, content)


def judged(*arguments: Any, **keywords: Any) -> list[str]:
    return list(CHECKER.answer(exchange(*arguments, **keywords)))


ME: Document = {"rel": "me", "name": "Alice", "_links": {"self": {"href": "/me"}}}
GROUP: Document = {"rel": "group", "etag": "7", "_links": {"self": {"href": "/group"}}}


class ResourceTests(SynchronousTestCase):
    """Resources."""

    @given(documents(), FORMS)
    def test_good(self, drawn: tuple[Page, Document], form: Form) -> None:
        """What the catalogue describes has nothing to complain of."""
        self.assertEqual(complaints(drawn[1], form), [])

    @given(documents(), FORMS)
    def test_unknown_names(self, drawn: tuple[Page, Document], form: Form) -> None:
        """A property, a link or an embedded resource that is not on the page is noticed."""
        document = drawn[1]
        links = document["_links"] | {"elsewhere": {"href": "/elsewhere"}}
        for spoiled in (
            {**document, "colour": "red"},
            {**document, "_links": links},
            {**document, "_embedded": {"elsewhere": ME}},
        ):
            self.assertNotEqual(complaints(spoiled, form), [])

    def test_extension(self) -> None:
        """A link in a namespace is the server's own, and no mistake."""
        links = ME["_links"] | {"example:more": {"href": "/more"}}
        self.assertEqual(complaints(ME | {"_links": links}, Form.JSON), [])

    @given(documents(), FORMS)
    def test_no_self(self, drawn: tuple[Page, Document], form: Form) -> None:
        """A resource without `self` is noticed."""
        _, document = drawn
        links = {rel: link for rel, link in document["_links"].items() if rel != "self"}
        bare = {**document, "_links": links}
        self.assertNotEqual(complaints(bare, form), [])

    @given(documents(), FORMS)
    def test_unknown_rel(self, drawn: tuple[Page, Document], form: Form) -> None:
        """A rel that no page describes is noticed."""
        self.assertNotEqual(complaints({**drawn[1], "rel": "teapot"}, form), [])

    @given(documents(TYPED), FORMS, st.data())
    def test_wrong_type(
        self, drawn: tuple[Page, Document], form: Form, data: st.DataObject
    ) -> None:
        """A number, a boolean or a date that is something else is noticed."""
        page, document = drawn
        typed = [
            fact.name
            for fact in page.properties.values()
            if fact.json_type in ("number", "boolean", "date")
        ]
        name = data.draw(st.sampled_from(typed))
        self.assertNotEqual(complaints({**document, name: "soon"}, form), [])
        self.assertNotEqual(complaints({**document, name: ["soon"]}, form), [])

    @given(documents())
    def test_wrong_json_type(self, drawn: tuple[Page, Document]) -> None:
        """In JSON a property of another type is noticed, also a number for a text."""
        page, document = drawn
        for name in document.keys() & page.properties.keys():
            if not (page.properties[name].json_type or page.properties[name].values):
                continue
            self.assertNotEqual(complaints({**document, name: {"x": 1}}, Form.JSON), [])
            if page.properties[name].json_type == "string":
                self.assertNotEqual(complaints({**document, name: 1}, Form.JSON), [])

    @given(documents(ENUMERATED), FORMS)
    def test_wrong_value(self, drawn: tuple[Page, Document], form: Form) -> None:
        """A value that an enumeration does not have is noticed."""
        page, document = drawn
        for fact in page.properties.values():
            if fact.values:
                wrong: Any = ["Purple"] if fact.array else "Purple"
                self.assertNotEqual(complaints({**document, fact.name: wrong}, form), [])

    @given(documents(LISTED))
    def test_one_for_many(self, drawn: tuple[Page, Document]) -> None:
        """In JSON what may be there many times is an array, and what may not is none."""
        page, document = drawn
        for rel, many in page.links.items():
            link = {"href": "/x"}
            spoiled = document["_links"] | {rel: link if many else [link]}
            found = complaints({**document, "_links": spoiled}, Form.JSON)
            if page.properties.get(rel) is None:
                self.assertNotEqual(found, [], (page.rel, rel))

    def test_data_links(self) -> None:
        """A text that is no data link, and a data link for something else, is noticed."""
        (page,) = (page for page in PAGES if page.rel == "message")
        self.assertEqual(page.properties["plainMessage"].json_type, DATA_LINK)
        good = {"rel": "message", "_links": {"self": {"href": "/message"}}}
        for rel, href in (
            ("plainMessage", "/text"),
            ("plainMessage", "data:no comma"),
            ("messaging", "data:text/plain,x"),
            ("messaging", ""),
        ):
            links = {**good["_links"], rel: {"href": href}}
            for form in Form:
                self.assertNotEqual(complaints({**good, "_links": links}, form), [], (rel, href))
        self.assertNotEqual(complaints({**good, "plainMessage": "hi"}, Form.JSON), [])

    def test_put_token(self) -> None:
        """The token of a PUT has a GUID for its name and stands where there is a PUT."""
        guid = "56de7bbf-1081-43e6-bbf2-1cabf3224c83"
        self.assertEqual(complaints({**GROUP, guid: PUT_TOKEN}, Form.JSON), [])
        self.assertNotEqual(complaints({**GROUP, "token": PUT_TOKEN}, Form.JSON), [])
        self.assertNotEqual(complaints({**ME, guid: PUT_TOKEN}, Form.JSON), [])

    def test_embedded(self) -> None:
        """What is embedded is held against its own page, and must be what its name says."""
        application = {"rel": "application", "_links": {"self": {"href": "/a"}}}
        for inner in (GROUP, {**ME, "colour": "red"}, {"rel": "me"}):
            spoiled = {**application, "_embedded": {"me": inner}}
            for form in Form:
                self.assertNotEqual(complaints(spoiled, form), [], inner)
        self.assertEqual(complaints({**application, "_embedded": {"me": ME}}, Form.XML), [])


class AnswerTests(SynchronousTestCase):
    """Status, headers and errors."""

    def test_good(self) -> None:
        """Answers as the pages have them."""
        for form in Form:
            self.assertEqual(judged(200, ME, form=form), [])
            self.assertEqual(judged(200, GROUP, rel="group", form=form), [])
            self.assertEqual(judged(204, rel="note", method="POST", form=form), [])
            self.assertEqual(judged(304, rel="group", form=form, etag='"7"'), [])
            self.assertEqual(judged(404, {"code": "NotFound"}, form=form), [])
            invited = {"rel": "startMessaging", "method": "POST", "location": "/i"}
            self.assertEqual(judged(201, form=form, **invited), [])
            options = {"method": "OPTIONS", "allow": "GET, HEAD, OPTIONS", "form": form}
            self.assertEqual(judged(204, **options), [])
            self.assertEqual(judged(200, method="HEAD", form=form), [])
            self.assertEqual(judged(204, rel="example:own", method="PUT", form=form), [])

    def test_wrong_success(self) -> None:
        """A status that is not the operation's, a body where none belongs, a missing header."""
        for found in (
            judged(201, ME),
            judged(200, ME, x_ms_ucwaversion=""),
            judged(200, ME, content_type="application/xml"),
            judged(200, ME, content_type="text/html"),
            judged(200, GROUP),
            judged(200, {**GROUP, "etag": "8"}, rel="group", etag='"7"'),
            judged(200, {"rel": "group", "_links": GROUP["_links"]}, rel="group"),
            judged(200, rel="note", method="POST"),
            judged(204, ME, rel="note", method="POST"),
            judged(204, rel="note", method="POST", content_type="application/json"),
            judged(201, rel="startMessaging", method="POST"),
            judged(304, rel="group"),
            judged(304, GROUP, rel="group"),
            judged(200, ME, rel="teapot"),
            judged(200, ME, method="HEAD"),
            judged(204, method="OPTIONS"),
            judged(204, ME, rel="example:own", method="PUT"),
            judged(200, {"rel": "phones", "_links": ME["_links"]}, rel="phones"),
        ):
            self.assertNotEqual(found, [])

    def test_wrong_errors(self) -> None:
        """Errors with an unknown code, another status, or not of this operation."""
        for found in (
            judged(404),
            judged(404, ME),
            judged(404, {"code": "Lost"}),
            judged(404, {"code": "BadRequest"}),
            judged(404, {"code": "NotFound", "subcode": "Lost"}),
            judged(409, {"code": "Conflict", "subcode": "TooManyGroups"}, rel="note"),
            judged(403, {"code": "Forbidden"}, rel="policies"),
            judged(400, {"code": "BadRequest", "subcode": "ParameterValidationFailure"}),
            judged(404, {"code": "NotFound", "parameters": [{"name": "x", "reason": ""}]}),
            judged(404, {"code": "NotFound"}, content_type="text/html"),
            judged(405, {"code": "MethodNotAllowed"}),
            judged(401, {"code": "Unauthorized"}),
        ):
            self.assertNotEqual(found, [])

    @given(st.binary(max_size=60), FORMS)
    def test_any_bytes(self, content: bytes, form: Form) -> None:
        """What is no document at all is a complaint and never a failure."""
        assume(content)
        for rel in ("me", "events"):
            for status in (200, 404):
                answer = attrs.evolve(exchange(status, ME, rel=rel, form=form), body=content)
                self.assertNotEqual(list(CHECKER.answer(answer)), [])


def told(**changes: Any) -> Told:
    """An event that is as it should be, but for the changes."""
    shown = read_resource(body(ME, Form.JSON), Form.JSON)
    good = Told("me", "/me", "updated", "me", "/me", "", "", None, {"me": shown})
    return attrs.evolve(good, **changes)


class EventTests(SynchronousTestCase):
    """Events and answers of the channel."""

    def test_good(self) -> None:
        """A documented event, in JSON and in XML."""
        self.assertEqual(list(CHECKER.told(told())), [])
        link = {"rel": "contact", "href": "/c"}
        place = {"rel": "subscribedContacts", "href": "/s"}
        event = {"link": link, "in": place, "type": "added"}
        batch = {
            "_links": {"self": {"href": "/e?ack=1"}, "next": {"href": "/e?ack=2"}},
            "sender": [{"rel": "people", "href": "/people", "events": [event]}],
        }
        for form in Form:
            read = read_events(body(batch, form), form)
            self.assertEqual(list(CHECKER.batch(read)), [])
            self.assertEqual(
                [fact.page for fact in CHECKER.facts(read.events[0])], ["subscribedContacts"]
            )

    def test_wrong(self) -> None:
        """Another sender, type or place, and an embedded resource that is not its own."""
        shown = read_resource(body(GROUP, Form.JSON), Form.JSON)
        for event in (
            told(sender="people"),
            told(type="started"),
            told(type="changed"),
            told(rel="policies"),
            told(href=""),
            told(sender_href=""),
            told(shown={"note": told().shown["me"]}),
            told(shown={"me": shown}),
            told(sender="people", rel="contactPresence", within="group", shown={}),
            told(sender="conversation", rel="message", type="completed", shown={}),
            told(
                sender="conversation", rel="message", type="completed", status="Failure", shown={}
            ),
        ):
            self.assertNotEqual(list(CHECKER.told(event)), [], event)

    def test_links(self) -> None:
        """An answer of the channel says where the next one is, and nothing unknown."""
        for links in ({"self": "/e"}, {"self": "/e", "next": "/n", "previous": "/p"}):
            document = {"_links": {rel: {"href": href} for rel, href in links.items()}}
            read = read_events(body(document, Form.JSON), Form.JSON)
            self.assertNotEqual(list(CHECKER.batch(read)), [])
