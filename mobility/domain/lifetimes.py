"""How long applications live, and how many a user may have."""

import attrs


@attrs.frozen(slots=True)
class Lifetimes:
    """How long an idle application lives (seconds), and how many a user and a browser may have."""

    with_events_s: int
    without_events_s: int
    per_user: int
    instances: int
    with_push_s: int = 0
    """Where its device can be woken, if that is longer."""
