"""Keys that are pressed in a call and told beside the media, as phones do by SIP INFO.

Most phones send tones with the media (RFC 4733), from end to end; nothing here is about those.
"""

from collections.abc import Callable

import attrs

SIGNALS = "0123456789*#ABCD"
"""The keys there are."""


@attrs.frozen(slots=True)
class Tone:
    """One key of `SIGNALS`, and for how long it is heard.

    Keys may be somebody's PIN: they are in no line of a log.
    """

    signal: str = attrs.field(repr=False)
    duration_ms: int


Told = Callable[[bool], None]
"""Is told, once, whether the other end has taken a tone."""

Take = Callable[[Tone, Told], None]
"""Takes a tone to one end of a call."""
