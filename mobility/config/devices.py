"""`[devices]` of the configuration file as a frozen record."""

import attrs

from mobility.config.services import DAY_S
from mobility.toml_table import between


@attrs.frozen(slots=True)
class DevicesConfig:
    """`[devices]`: push subscriptions of the devices of users."""

    subscription_lifetime_s: int = between(90 * DAY_S, 3_600, 3_650 * DAY_S)
    """After how long a device that did not come back is forgotten (our choice: what clients take
    a device for that is used no more)."""
    subscriptions_per_user: int = between(16, 1, 1_000)
    """With one more the one that would end first goes (our choice: as many as applications)."""
