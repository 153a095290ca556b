"""Documents as the catalogue describes them, for the tests of the checker."""

from typing import Any

from hypothesis import strategies as st

from mobility.http.message import Instant, Media
from mobility.http.render import encode
from tests.conformance import differences
from tests.conformance.catalogue import DATA_LINK, Catalogue, Page, Property
from tests.conformance.shown import Form

Document = dict[str, Any]

CATALOGUE = Catalogue.load()

PAGES = [
    page
    for page in CATALOGUE.pages.values()
    if page.operations and page.rel not in differences.OPAQUE | differences.REL_UNSAID
]
"""Rels that show a document of their own."""

WORDS = st.text("abcxyz -é한", min_size=1, max_size=12)


def body(document: Document, form: Form) -> bytes:
    """The bytes of a document, as our own renderer writes them."""
    return encode(document, Media(form.value, form is Form.XML))


def value(fact: Property) -> st.SearchStrategy[Any]:
    """What a property may be."""
    one: st.SearchStrategy[Any] = WORDS
    if fact.values:
        one = st.sampled_from(sorted(fact.values))
    elif fact.json_type == "number":
        one = st.integers(-(2**31), 2**31)
    elif fact.json_type == "boolean":
        one = st.booleans()
    elif fact.json_type == "date":
        one = st.integers(0, 2**31).map(Instant)
    return st.lists(one, max_size=3) if fact.array else one


@st.composite
def documents(draw: st.DrawFn, pages: list[Page] = PAGES) -> tuple[Page, Document]:
    """A page and a document of that rel, with any of its properties and links."""
    page = draw(st.sampled_from(pages))
    document: Document = {"rel": page.rel}
    links: dict[str, Any] = {"self": {"href": "/self"}}
    for name, fact in page.properties.items():
        if draw(st.booleans()):
            if fact.json_type == DATA_LINK:
                links[name] = {"href": "data:text/plain;charset=utf-8,Hello"}
            else:
                document[name] = draw(value(fact))
    for rel, many in page.links.items():
        if rel != "self" and rel not in links and draw(st.booleans()):
            link = {"href": f"/{rel}"}
            links[rel] = [link] * draw(st.integers(0, 2)) if many else link
    return page, {**document, "_links": links}
