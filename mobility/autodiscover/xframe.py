"""The page of the cross-domain frame: `xframe.js` with the allow list embedded as data.

The server refuses foreign origins as well; the frame knows the list so that it sends nothing for
them.
"""

import hashlib
from base64 import b64encode
from collections.abc import Mapping, Sequence
from importlib.resources import files
from urllib.parse import urlsplit

import attrs
import msgspec

from mobility.http.errors import CrossDomainRefused

ANY = "*"
"""The entry of CrossDomainAuthorizationList that allows every origin."""

_DEFAULT_PORTS = {"http": 80, "https": 443}


@attrs.frozen(slots=True)
class Page:
    """The document and the Content-Security-Policy it is served with."""

    body: bytes
    policy: str


def page(origins: Sequence[str], server_fqdn: str) -> Page:
    """The frame for these allowed origins.

    The policy runs this script and no other, lets it reach this server only, and lets any web page
    embed it: it shows nothing, and a page that is not allowed must be able to read the documented
    refusal.
    """
    script = files("mobility.autodiscover").joinpath("xframe.js").read_text("utf-8")
    settings = {
        "origins": [as_browsers_write(origin) for origin in origins],
        "diagnostics": CrossDomainRefused(server_fqdn).diagnostics,
    }
    body = (
        '<!DOCTYPE html>\n<html><head><meta charset="utf-8"><title>XFrame</title></head><body>\n'
        f'<script type="application/json" id="settings">{_inert(settings)}</script>\n'
        f"<script>{script}</script>\n</body></html>\n"
    )
    script_hash = b64encode(hashlib.sha256(script.encode()).digest()).decode()
    policy = (
        f"default-src 'none'; script-src 'sha256-{script_hash}'; connect-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors http: https:"
    )
    return Page(body.encode(), policy)


def as_browsers_write(origin: str) -> str:
    """An origin as `MessageEvent.origin` has it (RFC 6454 §6.2): lower case, no default port."""
    if origin == ANY:
        return ANY
    parts = urlsplit(origin.lower())
    host = parts.hostname or ""
    if ":" in host:
        host = f"[{host}]"
    if parts.port is None or parts.port == _DEFAULT_PORTS.get(parts.scheme):
        return f"{parts.scheme}://{host}"
    return f"{parts.scheme}://{host}:{parts.port}"


def _inert(settings: Mapping[str, object]) -> str:
    """`settings` as JSON that cannot end the script element it stands in (HTML §4.12.1.3)."""
    text = msgspec.json.encode(settings).decode()
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")
