"""From a document to bytes, in JSON or XML."""

from typing import Any

import msgspec

from mobility.http.message import Document, Instant, Media
from mobility.http.xml_document import xml_document, xml_text


def _plain(value: Any) -> Any:
    if isinstance(value, Instant):
        # The escaped slashes are what the vendor's own clients know a date by.
        return msgspec.Raw(b'"\\/Date(%d)\\/"' % round(value.epoch_s * 1000))
    raise TypeError(f"a document cannot hold {type(value).__name__}")


_encoder = msgspec.json.Encoder(enc_hook=_plain)


def encode(document: Document, media: Media) -> bytes:
    """The document in the client's media type, UTF-8.

    Raises TypeError or ValueError for values that are not text, number, boolean, None, `Instant`,
    list or dict, or for text that is not Unicode (lone surrogates).
    """
    return xml_document(document) if media.xml else _encoder.encode(document)


def encode_text(text: str, media: Media) -> bytes:
    """A text as it stands within what `encode` makes, where a string or an attribute is."""
    return xml_text(text).encode() if media.xml else _encoder.encode(text)[1:-1]
