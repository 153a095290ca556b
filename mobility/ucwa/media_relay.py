"""UCWA: the media relays, and the credentials for them."""

from mobility.config.media import MediaRelayConfig
from mobility.errors import Refusal
from mobility.http.message import Document, Instant, Response
from mobility.media.relay import Relays, relay_credentials
from mobility.ucwa import documents
from mobility.ucwa.declaration import Call, Operation, Resource
from mobility.ucwa.hrefs import Hrefs
from mobility.ucwa.service import Ucwa


def get_access_token(ucwa: Ucwa, call: Call) -> Response:
    """New credentials each time, so that a client that asks again has time."""
    relays = _relays(ucwa)
    settings = relays.settings
    uri = call.endpoint.user_uri
    credentials = relay_credentials(relays.secret, uri, call.now, settings.lifetime_s)
    return Response(
        document={
            "rel": "mediaRelayAccessToken",
            "duration": settings.lifetime_s // 60,
            "uri": uri,
            "userName": credentials.user_name,
            "password": credentials.password,
            "validUntil": Instant(credentials.valid_until),
            "_links": documents.links(self=call.hrefs.of("mediaRelayAccessToken")),
            "_embedded": {
                "mediaRelay": [
                    _relay(call.hrefs, number, one) for number, one in enumerate(settings.relays)
                ]
            },
        }
    )


def get_relay(ucwa: Ucwa, call: Call) -> Response:
    """One relay; the first one on the reference page's path."""
    relays = _relays(ucwa).settings.relays
    number = call.request.path_parameters.get("relay", "0")
    if not (number.isascii() and number.isdigit() and int(number[:9]) < len(relays)):
        raise Refusal("NotFound", "ResourceNotFound", "There is no such relay.")
    return Response(document=_relay(call.hrefs, int(number), relays[int(number)]))


def _relay(hrefs: Hrefs, number: int, relay: MediaRelayConfig) -> Document:
    return {
        "rel": "mediaRelay",
        "host": relay.host,
        **documents.present(ipv4=relay.ipv4, ipv6=relay.ipv6),
        "location": relay.location,
        **({"tcpPort": relay.tcp_port} if relay.tcp_port else {}),
        **({"udpPort": relay.udp_port} if relay.udp_port else {}),
        "_links": documents.links(self=hrefs.of(f"communication/mediaRelay/{number}")),
    }


def _relays(ucwa: Ucwa) -> Relays:
    if not ucwa.relays:
        raise Refusal("NotFound", "ResourceNotFound", "There is no media relay.")
    return ucwa.relays


RESOURCES = (
    Resource(
        "mediaRelayAccessToken", "mediaRelayAccessToken", (Operation("GET", get_access_token),)
    ),
    Resource(
        "mediaRelay",
        "communication/mediaRelay/{relay}",
        (Operation("GET", get_relay),),
        aliases=("communication/mediaRelay",),
    ),
)
