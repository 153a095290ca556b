"""Where applications are, for emergency calls: what they say themselves, and of their networks."""

import attrs

from mobility.domain.applications import Endpoint
from mobility.domain.lines import Device
from mobility.domain.telephone import Location

NETWORK = ("ip", "mac", "subnetID", "wapBSSID", "rssi", "chassisID", "portID")
"""What is told of a network beside its type (UCWA rel `reportMyNetwork`)."""


class Locations:
    """The networks that applications have reported; they are forgotten with the applications."""

    def __init__(self) -> None:
        self._networks: dict[str, tuple[tuple[str, str], ...]] = {}

    def report(self, endpoint: Endpoint, network: dict[str, str]) -> None:
        """UCWA reportMyNetwork: the newest report counts."""
        self._networks[endpoint.id] = tuple(item for item in network.items() if item[1])

    def of(self, device: Device, said: Location | None = None) -> Location:
        """What is known of where an application is, with what is `said` in a call.

        Of a phone nothing else is known.
        """
        if not isinstance(device, Endpoint):
            return said or Location()
        return attrs.evolve(
            said or Location(),
            lis_location=device.record.lis_location,
            network=self._networks.get(device.id, ()),
        )

    async def leave(self, endpoint: Endpoint, now: float) -> None:  # noqa: ARG002  # a Departure
        self._networks.pop(endpoint.id, None)
