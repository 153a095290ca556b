"""Administration of voice routing: what `mobility voice ...` asks for.

    GET    /operate/v1/voice/{kind}                    all objects of a kind
    POST   /operate/v1/voice/{kind}                    add one: {"name": ..., ...}
    GET    /operate/v1/voice/{kind}/{name}             one, with its version
    PATCH  /operate/v1/voice/{kind}/{name}             change the fields given: {"version": N, ...}
    DELETE /operate/v1/voice/{kind}/{name}?version=N   forget it; a global one is reset
    GET    /operate/v1/voice-grants/{uri}              what is granted to a user
    PATCH  /operate/v1/voice-grants/{uri}              {"version": N, "voice_policy": ..., ...}
    POST   /operate/v1/voice-test                      {"from": URI, "number": ..., "meeting": ...}

Kinds and fields are those of `mobility.domain.voice_objects`.  A change says which version it was
made from and is refused (409) when that is no longer the one stored.
"""

from collections.abc import Callable
from functools import partial

import attrs

from mobility.domain.records import User, VoiceGrant
from mobility.domain.users import Users
from mobility.domain.voice import Voice
from mobility.domain.voice_objects import MAX_DIALLED, VoicePolicy, VoiceRoute
from mobility.domain.voice_routing import FAILURES, Attempt, Itinerary, dialled_in, showing
from mobility.errors import Parameter, validation_failure
from mobility.events import Catalogue, EventLog
from mobility.http.message import Request, Response
from mobility.http.route import Route
from mobility.operate import paths
from mobility.operate.access import OperatorAccess
from mobility.operate.health import json_response
from mobility.operate.settings import CHANGED, Area, json_object, setting_routes

EVENTS: Catalogue = {
    "voice.changed": CHANGED,
    "voice.granted": {
        "user": "pseudonym of the user",
        "policy": 'the voice policy that was granted, "" for none',
        "dial_plan": 'the dial plan that was granted, "" for none',
    },
}

PATH = paths.VOICE
GRANTS_PATH = paths.VOICE_GRANTS
TEST_PATH = paths.VOICE_TEST

REASONS = {
    **FAILURES,
    "NoConferenceServer": "without meetings.mixer nobody is called into a meeting",
    "NumberOfUser": "meetings call telephones outside, and ask people here in without one",
}
"""Why what is tested leads nowhere."""


@attrs.frozen(slots=True)
class MeetingCalls:
    """How meetings call telephones: `mixer` is the conference server's URI, "" for none, and
    `shown` the number that the telephones are shown, "" for the user's own."""

    mixer: str = ""
    shown: str = attrs.field(repr=False, default="")


def routes(
    voice: Voice,
    users: Users,
    access: OperatorAccess,
    log: EventLog,
    pseudonym: Callable[[str], str],
    meetings: MeetingCalls,
) -> list[Route]:
    """The operator API of voice routing."""

    def granted(holder: User, grant: VoiceGrant) -> dict[str, object]:
        return {
            "user": holder.uri,
            "version": grant.version,
            "voice_policy": grant.voice_policy,
            "dial_plan": grant.dial_plan,
            "enterprise_voice": holder.enterprise_voice,
            "effective_voice_policy": voice.policy_of(holder).name,
            "effective_dial_plan": voice.dial_plan_of(holder).name,
        }

    def told(kind: str, name: str, change: str, version: int) -> None:
        log.emit("voice.changed", kind=kind, name=name, change=change, version=version)

    def told_granted(holder: User, grant: VoiceGrant) -> None:
        log.emit(
            "voice.granted",
            user=pseudonym(holder.uri),
            policy=grant.voice_policy,
            dial_plan=grant.dial_plan,
        )

    area = Area("voice", PATH, told, granted, told_granted)
    return [
        *setting_routes(voice, users, access, area),
        access.route(
            "operate.voice_test", "POST", TEST_PATH, partial(_test, voice, users, meetings)
        ),
    ]


def _test(voice: Voice, users: Users, meetings: MeetingCalls, request: Request) -> Response:
    values = json_object(request)
    for key in values.keys() - {"from", "number", "meeting"}:
        raise validation_failure(Parameter(key, "is not a field of a test"))
    meeting = values.get("meeting", False)
    if not isinstance(meeting, bool):
        raise validation_failure(Parameter("meeting", "must be true or false"))
    uri = values.get("from")
    if not isinstance(uri, str):
        raise validation_failure(Parameter("from", "must be the SIP URI of a user"))
    caller = users.named(uri)
    number = values.get("number", caller.mobile_phone or None if meeting else None)
    if meeting and number is None:
        raise validation_failure(Parameter("number", "is missing, and the user has no mobile one"))
    if not isinstance(number, str) or not 0 < len(number) <= MAX_DIALLED:
        rule = f"must be a string of at most {MAX_DIALLED} characters"
        raise validation_failure(Parameter("number", rule))
    made = _joining(voice, caller, number, meetings) if meeting else voice.route(caller, number)
    content = _explained(made, caller, voice.policy_of(caller))
    content |= {"meeting": meeting, "conference_server": meetings.mixer if meeting else ""}
    return json_response(200, content)


def _joining(voice: Voice, user: User, number: str, meetings: MeetingCalls) -> Itinerary:
    """By which way a meeting rings the user's telephone."""
    made = voice.joining(user, dialled_in(number))
    if meetings.shown:
        made = showing(made, meetings.shown, foreign=False)
    if not meetings.mixer:
        return attrs.evolve(made, failure="NoConferenceServer")
    return attrs.evolve(made, failure="NumberOfUser") if made.user_uri else made


def _route(route: VoiceRoute) -> dict[str, object]:
    return {
        "route": route.name,
        "priority": route.priority,
        "number_pattern": route.number_pattern,
        "gateways": list(route.gateways),
    }


def _attempt(attempt: Attempt) -> dict[str, object]:
    return {
        "gateway": attempt.gateway.name,
        "port": attempt.gateway.port,
        "transport": attempt.gateway.transport,
        "route": attempt.route,
        "usage": attempt.usage,
        "caller_id": attempt.caller_id,
    }


def _explained(made: Itinerary, caller: User, policy: VoicePolicy) -> dict[str, object]:
    """Each step of what was decided."""
    rule = made.normalised
    return {
        "from": caller.uri,
        "site": caller.site,
        "enterprise_voice": caller.enterprise_voice,
        "dialled": made.dialled,
        "emergency": made.emergency,
        "dial_plan": made.dial_plan,
        "rule": rule.rule if rule else "",
        "pattern": rule.pattern if rule else "",
        "translation": rule.translation if rule else "",
        "number": made.number,
        "user": made.user_uri,
        "voice_policy": made.policy,
        "policy_usages": list(policy.usages),
        "usages": [
            {
                "usage": step.usage,
                "routes": [_route(one) for one in step.routes],
                "routes_that_do_not_match": step.others,
            }
            for step in made.usages
        ],
        "attempts": [_attempt(one) for one in made.attempts],
        "failure": made.failure,
        "reason": REASONS.get(made.failure, ""),
    }
