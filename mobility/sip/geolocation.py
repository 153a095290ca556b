"""Where the caller of an emergency call is, as SIP carries it (RFC 6442).

A PIDF-LO document (RFC 4119, civic addresses as in RFC 5139, within a device as RFC 5491 has it)
is a part of the INVITE's body beside the session description, and Geolocation names it.
"""

import re
from datetime import UTC, datetime, timedelta

from mobility.domain.telephone import Location
from mobility.sip.grammar import Malformed
from mobility.sip.pidf import CONTENT_TYPE, DATA_MODEL, PIDF
from mobility.sip.xml_elements import Element, document, element, parse_xml, words

GEOPRIV = "urn:ietf:params:xml:ns:pidf:geopriv10"
POLICY = "urn:ietf:params:xml:ns:pidf:geopriv10:basicPolicy"
CIVIC = "urn:ietf:params:xml:ns:pidf:geopriv10:civicAddr"
GML = "http://www.opengis.net/gml"
WGS84 = "urn:ogc:def:crs:EPSG::4326"

KIND = CONTENT_TYPE

RETENTION = timedelta(hours=24)
"""How long a recipient may keep it (RFC 4119 section 2.2.2 proposes so)."""

MAX_WORDS = 200
"""Characters of one element of an address (our choice)."""

CIVIC_ELEMENTS = frozenset(
    [
        "country",
        "A1",
        "A2",
        "A3",
        "A4",
        "A5",
        "A6",
        "PRM",
        "PRD",
        "RD",
        "STS",
        "POD",
        "POM",
        "RDSEC",
        "RDBR",
        "RDSUBBR",
        "HNO",
        "HNS",
        "LMK",
        "LOC",
        "NAM",
        "PC",
        "BLD",
        "UNIT",
        "FLR",
        "ROOM",
        "PLC",
        "PCN",
        "POBOX",
        "ADDCODE",
        "SEAT",
    ]
)
"""Those of RFC 5139 section 4.1."""

_POSITION = re.compile(r"-?[0-9]{1,3}(?:\.[0-9]{1,12})? -?[0-9]{1,3}(?:\.[0-9]{1,12})?")


def pidf_lo(location: Location, entity: str, device: str, now: float) -> bytes:
    """The document, b"" where nothing is known; `device` is a URN, `now` epoch seconds.

    What the caller says goes before what a location information service has told its client, which
    may be a PIDF-LO document, a civic address in XML, or plain text.
    """
    said = _said(location)
    method = "Manual" if said else ""
    if not said and location.lis_location:
        said, method = _told(location.lis_location), "DHCP"
    if not said:
        return b""
    moment = datetime.fromtimestamp(now, UTC)
    rules = element(
        "gp:usage-rules",
        {},
        words("gbp:retransmission-allowed", "true"),
        words("gbp:retention-expiry", (moment + RETENTION).strftime("%Y-%m-%dT%H:%M:%SZ")),
    )
    geopriv = element(
        "gp:geopriv", {}, element("gp:location-info", {}, said), rules, words("gp:method", method)
    )
    shown = element(
        "dm:device",
        {"id": "caller"},
        geopriv,
        words("dm:deviceID", device),
        words("dm:timestamp", moment.strftime("%Y-%m-%dT%H:%M:%SZ")),
    )
    spaces = {
        "xmlns": PIDF,
        "xmlns:dm": DATA_MODEL,
        "xmlns:gp": GEOPRIV,
        "xmlns:gbp": POLICY,
        "xmlns:ca": CIVIC,
        "xmlns:gml": GML,
        "entity": entity,
    }
    return document(element("presence", spaces, shown))


def _said(location: Location) -> str:
    """The address that the caller gives, "" for none.

    A country that is no code of ISO 3166 goes with what else is said of the place.
    """
    code = location.country if re.fullmatch("[A-Za-z]{2}", location.country) else ""
    return _civic(
        {
            "country": code.upper(),
            "A1": location.state,
            "A3": location.city,
            "RD": location.address,
            "LOC": "" if code else location.country,
            "PC": location.zip,
            "BLD": location.building,
        }
    )


def _told(text: str) -> str:
    """What a location information service has told: an address or a position, "" for neither."""
    if not text.lstrip().startswith("<"):
        return _civic({"LOC": text})
    try:
        root = parse_xml(text.encode("utf-8", "replace"))
    except Malformed:
        return ""
    civic = _find(root, "civicAddress")
    if civic is not None:
        return _civic({one.name: one.text for one in civic.children})
    position = _find(root, "pos")
    if position is not None and _POSITION.fullmatch(position.text):
        return element("gml:Point", {"srsName": WGS84}, words("gml:pos", position.text))
    return ""


def _find(root: Element, name: str) -> Element | None:
    """The first element of this name, whatever its namespace."""
    waiting = [root]
    while waiting:
        one = waiting.pop()
        if one.name == name:
            return one
        waiting.extend(reversed(one.children))
    return None


def _civic(address: dict[str, str]) -> str:
    parts = [
        words(f"ca:{name}", " ".join(text.split())[:MAX_WORDS])
        for name, text in address.items()
        if name in CIVIC_ELEMENTS and text.strip()
    ]
    return element("ca:civicAddress", {}, *parts) if parts else ""
