"""From which of this machine's addresses requests go out where it has several.

With a collocated Mediation Server each service has an address of its own: what goes to gateways
leaves from that of mediation, everything else from the front end's.
"""

from collections.abc import Sequence
from ipaddress import ip_address

import attrs

MAX_GATEWAYS = 10_000
"""Addresses of gateways that are remembered (our choice: as many as there may be gateways)."""


@attrs.define(slots=True)
class Sources:
    """Without `mediation` the system chooses; with it `own` are the front end's addresses."""

    own: tuple[str, ...] = ()
    mediation: str = ""
    _gateways: dict[str, None] = attrs.Factory(dict)

    @classmethod
    def of(cls, interfaces: Sequence[str], mediation: str) -> "Sources":
        """Of the interfaces of this machine, one of which is for mediation or "" none."""
        if not mediation:
            return cls()
        return cls(tuple(one for one in interfaces if one != mediation), mediation)

    def met(self, address: str) -> None:
        """There is a gateway at this address: it is one also where only the address is named."""
        if self.mediation and address not in self._gateways:
            if len(self._gateways) >= MAX_GATEWAYS:
                del self._gateways[next(iter(self._gateways))]
            self._gateways[address] = None

    def towards(self, address: str) -> str:
        """Where connections to an address leave from; "" is for the system to choose.

        Raises LookupError for a gateway that the address of mediation cannot reach.
        """
        away = ip_address(address)
        mediated = address in self._gateways
        for one in (self.mediation,) if mediated else self.own:
            here = ip_address(one)
            if here.version == away.version:
                return one if here.is_loopback or not away.is_loopback else ""
        if mediated:
            raise LookupError(f"the address of mediation is not of IPv{away.version}")
        return ""

    def may_leave(self, bound: str, address: str) -> bool:
        """Whether datagrams to an address may leave by the socket that is bound to `bound`."""
        if not self.mediation:
            return True
        return (bound == self.mediation) is (address in self._gateways)
