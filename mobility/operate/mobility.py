"""Administration of mobility policy: what `mobility policy ...` asks for.

    /operate/v1/mobility/policies...         mobility policies (`mobility.operate.settings`)
    /operate/v1/mobility-grants/{uri}        {"version": N, "mobility_policy": ...}

Parameters of a policy have the names of CsMobilityPolicy (`mobility.domain.mobility_policy`).
"""

from collections.abc import Callable

from mobility.domain.mobility_policy import MobilityPolicies
from mobility.domain.records import MobilityGrant, User
from mobility.domain.users import Users
from mobility.events import Catalogue, EventLog
from mobility.http.route import Route
from mobility.operate import paths
from mobility.operate.access import OperatorAccess
from mobility.operate.settings import CHANGED, Area, setting_routes

EVENTS: Catalogue = {
    "mobility.changed": CHANGED,
    "mobility.granted": {
        "user": "pseudonym of the user",
        "policy": 'the mobility policy that was granted, "" for none',
    },
}

PATH = paths.MOBILITY
GRANTS_PATH = paths.MOBILITY_GRANTS


def routes(
    policies: MobilityPolicies,
    users: Users,
    access: OperatorAccess,
    log: EventLog,
    pseudonym: Callable[[str], str],
) -> list[Route]:
    """The operator API of mobility policy."""

    def granted(holder: User, grant: MobilityGrant) -> dict[str, object]:
        return {
            "user": holder.uri,
            "site": policies.site_of(holder),
            "version": grant.version,
            "mobility_policy": grant.mobility_policy,
            "effective_mobility_policy": policies.policy_of(holder).name,
        }

    def told(kind: str, name: str, change: str, version: int) -> None:
        log.emit("mobility.changed", kind=kind, name=name, change=change, version=version)

    def told_granted(holder: User, grant: MobilityGrant) -> None:
        log.emit("mobility.granted", user=pseudonym(holder.uri), policy=grant.mobility_policy)

    area = Area("mobility", PATH, told, granted, told_granted)
    return setting_routes(policies, users, access, area)
