"""The scripts, in the order they are played."""

from tests.conformance.scenarios import (
    application,
    batch,
    contacts,
    discovery,
    me,
    messaging,
    presence,
    rules,
)
from tests.conformance.stage import Scenario

SCENARIOS: tuple[Scenario, ...] = (
    *discovery.SCENARIOS,
    *application.SCENARIOS,
    *me.SCENARIOS,
    *contacts.SCENARIOS,
    *presence.SCENARIOS,
    *messaging.SCENARIOS,
    *batch.SCENARIOS,
    *rules.SCENARIOS,
)
