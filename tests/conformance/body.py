"""Request bodies in both forms (UCWA "Key programming concepts")."""

import json
from collections.abc import Mapping, Sequence
from xml.sax.saxutils import escape, quoteattr

from tests.conformance.shown import NAMESPACE, Form

Values = Mapping[str, object]
"""Properties by name: text, numbers, booleans or lists of text."""


def written(values: Values, links: Mapping[str, str], form: Form) -> bytes:
    """An input document with these properties and links."""
    if form is Form.XML:
        return _xml(values, links).encode("utf-8")
    document = dict(values)
    if links:
        document["_links"] = {rel: {"href": href} for rel, href in links.items()}
    return json.dumps(document).encode("utf-8")


def _xml(values: Values, links: Mapping[str, str]) -> str:
    content = [
        f"<link rel={quoteattr(rel)} href={quoteattr(href)} />" for rel, href in links.items()
    ]
    content += (_property(name, value) for name, value in values.items())
    return (
        '<?xml version="1.0" encoding="utf-8"?>'
        f'<input xmlns="{NAMESPACE}">{"".join(content)}</input>'
    )


def _property(name: str, value: object) -> str:
    if isinstance(value, Sequence) and not isinstance(value, str):
        items = "".join(f"<item>{_text(one)}</item>" for one in value)
        return f"<propertyList name={quoteattr(name)}>{items}</propertyList>"
    return f"<property name={quoteattr(name)}>{_text(value)}</property>"


def _text(value: object) -> str:
    return escape(str(value).lower() if isinstance(value, bool) else str(value))
