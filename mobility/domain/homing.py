"""Users who are homed on another pool are not served here."""

from collections.abc import Callable

from mobility.domain.applications import Applications
from mobility.domain.records import User
from mobility.domain.topology import Topology
from mobility.errors import Refusal


class Homing:
    """Whose applications are served here, by the topology."""

    def __init__(
        self, topology: Topology, serves: Callable[[User], bool], applications: Applications
    ) -> None:
        """`serves` says whether discovery leads a user here."""
        self._topology = topology
        self._serves = serves
        self._applications = applications

    def must_be_here(self, user: User) -> None:
        """403 for a user of another pool: clients look for the user's pool again then (UCWA "Root
        URL": a 403 ends what discovery found)."""
        if not self._serves(user):
            here = (
                "This is a Director, which serves discovery alone"
                if self._topology.director
                else ("This user is not homed on this pool")
            )
            raise Refusal("Forbidden", None, f"{here}: discovery tells where to go.")

    async def followed(self, before: User, after: User, now: float) -> None:
        """A `Follower` of users: who has moved away is signed out here."""
        if before.home != after.home and not self._serves(after):
            await self._applications.end_all_of(after, now)
