"""The scripts, in the order they are played."""

from tests.conformance.scenarios import (
    application,
    batch,
    call_forwarding,
    calls,
    channel,
    contacts,
    discovery,
    groups,
    inputs,
    me,
    meetings,
    messaging,
    paths,
    people,
    phone_audio,
    presence,
    privacy,
    rules,
)
from tests.conformance.stage import Scenario

SCENARIOS: tuple[Scenario, ...] = (
    *discovery.SCENARIOS,
    *application.SCENARIOS,
    *channel.SCENARIOS,
    *me.SCENARIOS,
    *call_forwarding.SCENARIOS,
    *contacts.SCENARIOS,
    *groups.SCENARIOS,
    *people.SCENARIOS,
    *presence.SCENARIOS,
    *privacy.SCENARIOS,
    *messaging.SCENARIOS,
    *calls.SCENARIOS,
    *phone_audio.SCENARIOS,
    *meetings.SCENARIOS,
    *batch.SCENARIOS,
    *inputs.SCENARIOS,
    *rules.SCENARIOS,
    *paths.SCENARIOS,
)
