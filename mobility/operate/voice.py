"""Administration of voice routing: what `mobility voice ...` asks for.

    GET    /operate/v1/voice/{kind}                    all objects of a kind
    POST   /operate/v1/voice/{kind}                    add one: {"name": ..., ...}
    GET    /operate/v1/voice/{kind}/{name}             one, with its version
    PATCH  /operate/v1/voice/{kind}/{name}             change the fields given: {"version": N, ...}
    DELETE /operate/v1/voice/{kind}/{name}?version=N   forget it; a global one is reset
    GET    /operate/v1/voice-grants/{uri}              what is granted to a user
    PATCH  /operate/v1/voice-grants/{uri}              {"version": N, "voice_policy": ..., ...}
    POST   /operate/v1/voice-test                      {"from": URI, "number": ...}

Kinds and fields are those of `mobility.domain.voice_objects`.  A change says which version it was
made from and is refused (409) when that is no longer the one stored.
"""

from collections.abc import Callable
from typing import Any, cast

import attrs
import msgspec

from mobility.domain.records import User, VoiceGrant
from mobility.domain.users import Users
from mobility.domain.voice import Stored, Voice
from mobility.domain.voice_objects import KINDS, MAX_DIALLED, VoicePolicy, VoiceRoute, nearest
from mobility.domain.voice_routing import FAILURES, Attempt, Itinerary
from mobility.errors import Parameter, PeerFault, Refusal, validation_failure
from mobility.events import Catalogue, EventLog
from mobility.http.message import Request, Response
from mobility.http.route import Route
from mobility.operate.access import OperatorAccess
from mobility.operate.health import json_response

EVENTS: Catalogue = {
    "voice.changed": {
        "kind": "the kind of object",
        "name": "its identity",
        "change": "added, changed or removed",
        "version": "its version now, 0 when it was removed",
    },
    "voice.granted": {
        "user": "pseudonym of the user",
        "policy": 'the voice policy that was granted, "" for none',
        "dial_plan": 'the dial plan that was granted, "" for none',
    },
}

PATH = "/operate/v1/voice"
GRANTS_PATH = "/operate/v1/voice-grants"
TEST_PATH = "/operate/v1/voice-test"

BODY_BYTES = 256 * 1024
"""A dial plan with all the rules it may have is smaller (our choice)."""


def routes(
    voice: Voice,
    users: Users,
    access: OperatorAccess,
    log: EventLog,
    pseudonym: Callable[[str], str],
) -> list[Route]:
    """The operator API of voice routing."""

    def changed(kind: str, stored: Stored, change: str) -> None:
        name = cast(Any, stored.thing).name
        log.emit("voice.changed", kind=kind, name=name, change=change, version=stored.version)

    def list_all(request: Request) -> Response:
        kind = _kind(request)
        return json_response(200, {kind: [_shown(one) for one in voice.all(kind)]})

    def show(request: Request) -> Response:
        return json_response(
            200, _shown(voice.find(_kind(request), request.path_parameters["name"]))
        )

    async def add(request: Request) -> Response:
        kind, values = _kind(request), _object(request)
        stored = await voice.add(kind, values.pop("name", None), values)
        changed(kind, stored, "added")
        return json_response(201, _shown(stored))

    async def change(request: Request) -> Response:
        kind, values = _kind(request), _object(request)
        version = _version(values.pop("version", None))
        stored = await voice.change(kind, request.path_parameters["name"], values, version)
        changed(kind, stored, "changed")
        return json_response(200, _shown(stored))

    async def remove(request: Request) -> Response:
        kind, name = _kind(request), request.path_parameters["name"]
        asked = request.query.get("version", "")
        digits = asked.isascii() and asked.isdigit() and len(asked) < 10
        version = _version(int(asked) if digits else None)
        before = voice.find(kind, name)
        await voice.remove(kind, name, version)
        changed(kind, attrs.evolve(before, version=0), "removed")
        return Response(204)

    def user(uri: object) -> User:
        found = users.find(uri) if isinstance(uri, str) else None
        if found is None:
            raise Refusal("NotFound", None, "There is no user with this SIP URI.")
        return found

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

    def show_grant(request: Request) -> Response:
        holder = user(request.path_parameters["uri"])
        return json_response(200, granted(holder, voice.grant_of(holder.uri)))

    async def grant(request: Request) -> Response:
        holder, values = user(request.path_parameters["uri"]), _object(request)
        version = _version(values.pop("version", None))
        given = await voice.grant(holder.uri, values, version)
        log.emit(
            "voice.granted",
            user=pseudonym(holder.uri),
            policy=given.voice_policy,
            dial_plan=given.dial_plan,
        )
        return json_response(200, granted(holder, given))

    def test(request: Request) -> Response:
        values = _object(request)
        for key in values.keys() - {"from", "number"}:
            raise validation_failure(Parameter(key, "is not a field of a test"))
        number = values.get("number")
        if not isinstance(number, str) or not 0 < len(number) <= MAX_DIALLED:
            rule = f"must be a string of at most {MAX_DIALLED} characters"
            raise validation_failure(Parameter("number", rule))
        caller = user(values.get("from"))
        itinerary = voice.route(caller, number)
        return json_response(200, _explained(itinerary, caller, voice.policy_of(caller)))

    kind, one, grants = f"{PATH}/{{kind}}", f"{PATH}/{{kind}}/{{name}}", f"{GRANTS_PATH}/{{uri}}"
    return [
        access.route("operate.voice", "GET", kind, list_all),
        access.route("operate.voice", "POST", kind, add, BODY_BYTES),
        access.route("operate.voice_one", "GET", one, show),
        access.route("operate.voice_one", "PATCH", one, change, BODY_BYTES),
        access.route("operate.voice_one", "DELETE", one, remove),
        access.route("operate.voice_grant", "GET", grants, show_grant),
        access.route("operate.voice_grant", "PATCH", grants, grant),
        access.route("operate.voice_test", "POST", TEST_PATH, test),
    ]


def _kind(request: Request) -> str:
    kind = request.path_parameters["kind"]
    if kind not in KINDS:
        hint = nearest(kind, KINDS)
        raise Refusal("NotFound", None, f"There are no voice {kind[:40]!r} here{hint}.")
    return kind


def _version(version: object) -> int:
    if not isinstance(version, int) or isinstance(version, bool) or version < 0:
        rule = "must be the version that the change was made from"
        raise validation_failure(Parameter("version", rule))
    return version


def _shown(stored: Stored) -> dict[str, object]:
    return {**attrs.asdict(cast(Any, stored.thing)), "version": stored.version}


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
        "reason": FAILURES.get(made.failure, ""),
    }


def _object(request: Request) -> dict[str, Any]:
    """The JSON object of a body."""
    try:
        values = msgspec.json.decode(request.body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        values = None
    if not isinstance(values, dict):
        raise PeerFault("BadRequest", "DeserializationFailure", "The body must be a JSON object.")
    return values
