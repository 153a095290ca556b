"""What a phone can do (OPTIONS, RFC 3261 section 11): a GRUU's own phone is asked."""

from collections.abc import Awaitable
from typing import Final

from mobility.domain.reach import Reach
from mobility.sip.carrier import SipCarrier, status_back
from mobility.sip.client import Client
from mobility.sip.core import Handler, Incoming
from mobility.sip.gruu import GR, NamedPhone
from mobility.sip.message import Response
from mobility.sip.parties import Parties, address
from mobility.sip.refusal import SipRefusal
from mobility.sip.uri import parse_uri

DEFAULT_FORWARDS: Final = 70

TOLD_ON = (
    "Accept",
    "Accept-Encoding",
    "Accept-Language",
    "Allow",
    "Allow-Events",
    "Content-Type",
    "Supported",
    "User-Agent",
)
"""Header fields of a phone's answer that say what it can do."""


_MARK: Final = f";{GR}"
"""What each GRUU has."""


class Capabilities:
    """Serves OPTIONS to GRUUs: for users, trusted peers and gateways, as other requests to them."""

    def __init__(
        self,
        client: Client,
        carrier: SipCarrier,
        parties: Parties,
        reach: Reach,
        domain: str,
    ) -> None:
        """`domain` is that of the URIs by which numbers are named."""
        self._client = client
        self._carrier = carrier
        self._parties = parties
        self._reach = reach
        self._domain = domain

    def before(self, handler: Handler) -> Handler:
        """A handler of OPTIONS that leaves what is to no GRUU to `handler`."""

        def options(incoming: Incoming) -> Awaitable[None] | None:
            request = incoming.request
            if _MARK not in request.uri.lower():  # most are to no GRUU, and nothing has to be read
                return handler(incoming)
            uri = parse_uri(request.uri)
            if not self._parties.is_gruu(uri):
                return handler(incoming)
            sender = self._parties.caller(incoming)
            phone = self._parties.phone(uri)
            if phone is None or self._reach.obstacle(phone.user_uri, sender.uri) is not None:
                raise SipRefusal(480)
            return self._ask(incoming, phone, sender.uri, sender.name)

        return options

    async def _ask(self, incoming: Incoming, phone: NamedPhone, uri: str, name: str) -> None:
        left = int(incoming.request.first("Max-Forwards") or DEFAULT_FORWARDS) - 1
        if left < 0:
            raise SipRefusal(483)
        from_ = address(uri, name, self._domain)
        to = address(phone.user_uri, "", self._domain)
        asked = self._client.request("OPTIONS", phone.user_uri, from_, to)
        asked.set("Max-Forwards", str(left))
        for accepted in incoming.request.fields.get("Accept", ()):
            asked.add("Accept", accepted)
        _answer(incoming, await self._carrier.to_phone(asked, phone))


def _answer(incoming: Incoming, response: Response) -> None:
    """Pass an answer back."""
    fields = [(name, one) for name in TOLD_ON for one in response.fields.get(name, ())]
    incoming.respond(status_back(response.status), fields, response.body)
