"""`[history]` of the configuration file as a frozen record."""

import attrs

from mobility.toml_table import between, one_of


@attrs.frozen(slots=True)
class HistoryConfig:
    """`[history]`: what users keep of past conversations, and for how long."""

    conversation_history: str = one_of("Enabled", "Disabled")
    """UCWA conversationHistory of an application until its client sets it (our choice: users find
    what they wrote)."""
    days: int = between(180, 1, 3_650)
    """After how many days a past conversation is forgotten (our choice)."""
    per_user: int = between(1_000, 10, 100_000)
    """Past conversations of a user; the oldest go first (our choice)."""
