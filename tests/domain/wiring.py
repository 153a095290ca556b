"""Parts of the domain that not every world has, wired up on one."""

from mobility.domain.conference_calls import ConferenceCalls
from mobility.domain.correspondence import Correspondence
from mobility.domain.mixer import Mixer
from tests.domain.doubles import World


def conference_calls(world: World, mixer: Mixer) -> ConferenceCalls:
    """The calls of conferences, whose media `mixer` mixes."""
    return ConferenceCalls(
        world.agenda,
        world.conversations,
        world.conferences,
        world.meetings,
        world.calls.policies,
        mixer,
    )


def correspondence(world: World, idle_s: float = 600.0) -> Correspondence:
    """The messages of those who have no application; threads end after `idle_s`."""
    return Correspondence(
        world.agenda,
        world.applications,
        world.conversations,
        world.messaging,
        world.dispositions,
        idle_s,
        world.ledger.snapshot().carriages,
    )
