"""Which of its forms a discovery answer takes, by the request's Accept (RFC 9110 §12.5.1)."""

from enum import Enum

RANGES = 32
"""Media ranges of an Accept header that are looked at; browsers send about eight."""


class Form(Enum):
    """The representations of discovery answers and the Content-Type each is sent with."""

    HAL = "application/json"
    """`_links` by relation (UCWA "Root URL")."""
    BOTH = "application/json; charset=utf-8"
    """The classic shape and `_links` in one object: what a client without wishes gets.  Browsers of
    administrators expect the one, deployed UCWA bots that send no Accept the other."""
    CLASSIC = "application/vnd.microsoft.rtc.autodiscover+json; charset=utf-8; v=1"
    """`AccessLocation` and `Links` of tokens ([MS-OCDISCWS] 2.2.4)."""
    XML = "application/vnd.microsoft.rtc.autodiscover+xml; charset=utf-8; v=1"
    """`AutodiscoverResponse` ([MS-OCDISCWS] 2.2.4)."""
    RESOURCE = "application/xml; charset=utf-8"
    """`resource` with `link` elements (UCWA rels `root`, `user` and `redirect`)."""


_FORMS = {
    "application/json": Form.HAL,
    "application/vnd.microsoft.com.ucwa+json": Form.HAL,
    "application/xml": Form.RESOURCE,
    "application/vnd.microsoft.com.ucwa+xml": Form.RESOURCE,
    "application/vnd.microsoft.rtc.autodiscover+json": Form.CLASSIC,
    "application/vnd.microsoft.rtc.autodiscover+xml": Form.XML,
    "application/*": Form.BOTH,
    "text/html": Form.BOTH,
    "*/*": Form.BOTH,
}


def negotiate(accept: str) -> Form:
    """The form for an Accept header ("" when there is none).

    The range with the highest `q` counts, the first of equals; a header that names none of our
    types gets both shapes, which is better than a 406 for a client that has to start
    somewhere.
    """
    best, best_q = Form.BOTH, 0.0
    for media_range in accept.split(",", RANGES)[:RANGES]:
        name, *parameters = media_range.split(";")
        form = _FORMS.get(name.strip().lower())
        q = _quality(parameters)
        if form is not None and q > best_q:
            best, best_q = form, q
    return best


def _quality(parameters: list[str]) -> float:
    """The `q` of a media range; 1.0 when there is none or it cannot be read."""
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name.strip().lower() == "q":
            try:
                q = float(value)
            except ValueError:
                return 1.0
            return q if 0.0 <= q <= 1.0 else 1.0
    return 1.0
