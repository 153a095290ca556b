"""The page that a join URL shows to people: plain HTML that needs nothing but itself.

It works without scripts, on a phone, with a screen reader, in light and dark.  All that comes from
people is escaped, and the policy lets the page load and reach nothing.
"""

import hashlib
from base64 import b64encode
from html import escape
from importlib.resources import files

from mobility.meet.documents import Door, Number

STYLE = files("mobility.meet").joinpath("page.css").read_text("utf-8")

POLICY = (
    "default-src 'none'; "
    f"style-src 'sha256-{b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()}'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
"""Content-Security-Policy: its own style and nothing else."""

HEADERS = (
    ("Content-Security-Policy", POLICY),
    ("Referrer-Policy", "no-referrer"),
    ("X-Robots-Tag", "noindex, nofollow"),
    ("Cache-Control", "no-store"),
    ("Vary", "Accept, Authorization"),
)
"""What every answer of a join URL carries: its address is a key, which must go nowhere."""

HTML_TYPE = "text/html; charset=utf-8"


def meeting_page(door: Door) -> bytes:
    """The page of a meeting."""
    name = door.subject or "Online meeting"
    organizer = (
        f'<p class="soft">Organized by <bdi>{escape(door.organizer)}</bdi></p>'
        if door.organizer
        else ""
    )
    guest = (
        f'<a class="button second" href="{escape(door.client_href)}">Join as a guest</a>'
        '<p class="soft">Without an account: your client asks for your name. '
        "You may have to wait until somebody admits you.</p>"
        if door.guests
        else '<p class="soft">This meeting is for people with an account only.</p>'
    )
    return _page(
        name,
        f'<h1 dir="auto">{escape(name)}</h1>{organizer}'
        f'<a class="button" href="{escape(door.account_href)}">Join with your account</a>'
        '<p class="soft">Opens the client on this device that you are signed in with.</p>'
        f'{guest}<p class="soft">If nothing happens, there is no client on this device that opens '
        "meetings.</p>"
        f"{_phones(door.conference_id, door.numbers)}{_coordinates(door)}",
    )


def gone_page() -> bytes:
    """The page where there is no meeting."""
    return _page(
        "No such meeting",
        "<h1>There is no such meeting</h1>"
        "<p>It may be over, or the address may be incomplete. "
        "Ask whoever invited you for a new one.</p>",
    )


def busy_page() -> bytes:
    """The page for who tried too many addresses."""
    return _page(
        "Try again later",
        "<h1>Try again later</h1><p>Too many addresses of meetings that do not exist were "
        "opened from where you are.</p>",
    )


def _phones(conference_id: str, numbers: tuple[Number, ...]) -> str:
    if not numbers:
        return ""
    calls = "".join(
        f'<dt><bdi>{escape(one.region)}</bdi></dt><dd><a href="tel:{escape(one.number)}">'
        f"{escape(one.number)}</a></dd>"
        for one in numbers
    )
    return (
        f"<h2>Join by phone</h2><dl>{calls}"
        f"<dt>Conference ID</dt><dd>{escape(conference_id)}</dd></dl>"
    )


def _coordinates(door: Door) -> str:
    return (
        "<details><summary>For other clients</summary><dl>"
        f"<dt>Meeting address</dt><dd>{escape(door.uri)}</dd>"
        f"<dt>Where the service is found (Autodiscover)</dt><dd>{escape(door.root_url)}</dd>"
        "</dl></details>"
    )


def _page(title: str, content: str) -> bytes:
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>{STYLE}</style></head>\n"
        f'<body><main><div class="card">{content}</div></main></body></html>\n'
    ).encode()
