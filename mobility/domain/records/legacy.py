"""Clients of what is no longer here."""

from typing import ClassVar

import attrs


@attrs.frozen(slots=True)
class LegacyClient:
    """A kind of client that still asks for the Mobility Service (Mcx), by its User-Agent.

    `requests` counts what it has asked since `first_seen_at`.
    """

    KEY: ClassVar = ("user_agent",)
    user_agent: str
    requests: int
    first_seen_at: float
    last_seen_at: float
