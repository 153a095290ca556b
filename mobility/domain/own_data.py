"""What a user's own applications are told when the data of the user change."""

from mobility.domain.applications import Applications
from mobility.domain.facts import MeChanged, PoliciesChanged
from mobility.domain.ledger import Unit
from mobility.domain.records import User


def tell_own(applications: Applications, before: User, after: User, unit: Unit) -> None:
    """A user's own data changed: its applications are told."""
    if before != after and after.enabled:
        for endpoint in applications.of_user(after.uri):
            unit.append(endpoint.id, MeChanged())
            if before.enterprise_voice != after.enterprise_voice:
                unit.append(endpoint.id, PoliciesChanged())
