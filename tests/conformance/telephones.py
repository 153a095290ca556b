"""Telephones for a front end of our own: a network in memory, and the settings that lead to it.

There is a mixer of conferences in its memory beside them.

    python -m tests.conformance.telephones CONFIG

sets up voice routing on a front end that does not run: every user may call every number.
"""

import sys
from pathlib import Path
from typing import Any

from mobility.commands.calls import Call, Conversation, content_of
from mobility.commands.operator import hold
from mobility.config import load
from mobility.media.offers import read_description
from mobility.operate.voice import PATH
from tests.descriptions import sdp

ANSWERS = "+14255550900"
OUTSIDE = "+4930123450"
BUSY = "+4930123452"
RINGS = "+14255550904"
HANGS_UP = "+4930123456"
OFFERS = "+14255550901"
"""Numbers, and what becomes of calls to them (`mobility.testing.by_last_digit`); the last one has
media to offer, as whoever is put through to a mixer must."""


def provide() -> None:
    """Let the front end that twistd builds in this process reach what is in memory."""
    from twisted.internet import reactor

    from mobility import tap
    from mobility.testing import MemoryTelephones, by_last_digit
    from mobility.testing_mixer import MemoryMixer

    telephones = MemoryTelephones(
        by_last_digit,
        reactor.callLater,
        lambda number: read_description(sdp("audio")) if number == OFFERS else None,
    )
    mixer = MemoryMixer(later=reactor.callLater)
    built = tap.FrontEnd

    def front_end(*arguments: Any, **others: Any) -> tap.FrontEnd:
        return built(*arguments, **{**others, "telephones": telephones, "mixer": mixer})

    tap.FrontEnd = front_end  # type: ignore[assignment,misc]


def settings() -> Conversation[None]:
    """Usage, gateway, route and policy."""
    route = {"number_pattern": r"^\+", "usages": ["All"], "gateways": ["gw.example.test"]}
    for kind, body in (
        ("usages", {"name": "All"}),
        ("gateways", {"name": "gw.example.test"}),
        ("routes", {"name": "Everywhere", **route}),
    ):
        content_of((yield Call("POST", f"{PATH}/{kind}", body)))
    changes: dict[str, Any] = {"version": 0, "usages": ["All"]}
    content_of((yield Call("PATCH", f"{PATH}/policies/global", changes)))


if __name__ == "__main__":
    hold(load(Path(sys.argv[1])), settings())
