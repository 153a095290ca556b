"""What the door of a meeting tells, independent of HTTP, and its forms for programs.

The XML form is what the vendor's clients ask a join URL for, as its servers send it; the JSON form
is ours (client guide, "Join URLs").
"""

from urllib.parse import quote

import attrs
import msgspec

from mobility.http.xml_document import xml_text

XML_TYPE = "application/vnd.microsoft.lync.meeting+xml"
"""What the vendor's clients accept when they open a join URL."""

NAMESPACE = "http://schemas.microsoft.com/rtc/2009/05/simplejoinconfdoc"


@attrs.frozen(slots=True)
class Number:
    """A number to call, in E.164 form, and the region it is for."""

    region: str
    number: str


@attrs.frozen(slots=True)
class Door:
    """A meeting as whoever has its join URL may see it.

    `subject` and `organizer` are "" for who may not know them.  `guests` says whether people
    without an account may knock.  `conference_id` and `numbers` are for callers.
    """

    uri: str
    key: str = attrs.field(repr=False)
    join_url: str = attrs.field(repr=False)
    root_url: str
    """The Autodiscover root for the organizer's domain."""
    applications_url: str
    internal_applications_url: str
    guests: bool
    subject: str = attrs.field(repr=False, default="")
    organizer: str = ""
    conference_id: str = attrs.field(repr=False, default="")
    numbers: tuple[Number, ...] = ()

    @property
    def account_href(self) -> str:
        """Opens the client that is signed in (the `conf` scheme of the vendor's clients)."""
        return f"conf:{self.uri}"

    @property
    def client_href(self) -> str:
        """Lets a client open the join URL itself, signed in or not."""
        return f"lync15:confjoin?url={quote(self.join_url, safe='')}"


def xml(door: Door) -> bytes:
    """`conf-info`: where the conference is, its key, and where UCWA is."""
    elements = {
        "conf-uri": door.uri,
        "original-incoming-url": door.join_url,
        "conf-key": door.key,
        "fallback-url": door.join_url,
        "ucwa-url": door.applications_url,
        "ucwa-ext-url": door.applications_url,
        "ucwa-int-url": door.internal_applications_url,
    }
    content = "".join(f"<{name}>{xml_text(text)}</{name}>" for name, text in elements.items())
    return (
        '<?xml version="1.0" encoding="utf-8"?>'
        f'<conf-info xmlns="{NAMESPACE}">{content}</conf-info>'
    ).encode()


def json(door: Door) -> bytes:
    """The same, and what a person is shown."""
    document: dict[str, object] = {
        "rel": "mobility:meeting",
        "onlineMeetingUri": door.uri,
        "conferenceKey": door.key,
        "joinUrl": door.join_url,
        "guests": "Enabled" if door.guests else "Disabled",
    }
    if door.subject:
        document["subject"] = door.subject
    if door.organizer:
        document["organizerName"] = door.organizer
    if door.numbers:
        document["conferenceId"] = door.conference_id
        document["phoneNumbers"] = [
            {"region": one.region, "number": f"tel:{one.number}"} for one in door.numbers
        ]
    document["_links"] = {
        "self": {"href": door.join_url},
        "root": {"href": door.root_url},
    }
    return msgspec.json.encode(document)
