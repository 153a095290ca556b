"""`mobility push enable|disable|inherit|show|status|trace|send-test`."""

import time
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote

import click

from mobility.commands.calls import Call, Conversation, content_of
from mobility.commands.operator import ask, held, reach
from mobility.commands.options import Problem, config_option, json_option, show
from mobility.config import Config
from mobility.domain.push_rules import SWITCHES
from mobility.operate.paths import PUSH as PATH

PLATFORM = click.Choice(sorted(SWITCHES))

HINT = "mobility check push looks at each hop, and says what to do"

NOBODY_RUNS = "no front end runs with this configuration, and only one that runs sends"

POLL_S = 0.25
"""How often it is asked what became of a test."""

ENDINGS = {
    "fetched by an application": "one of the user's applications fetched it within the grace time",
    "read": "the user has read it",
    "answered": "the user has answered",
    "expired": "nobody took it before it expired",
    "device gone": "the subscription ended",
    "replaced": "a later notification took its place",
    "old": "it was shown for as long as it was worth",
    "sent": "a provider took it",
    "app_not_allowed": "the clearing house does not let this organisation push to the app: its "
    "operator adds the app id to the organisation's apps",
    "platform_not_served": "the clearing house has no credential for the app: its operator adds "
    "one",
    "mpns_shut_down": "Microsoft has shut this service down",
    "endpoint_not_allowed": "the clearing house does not send there: its operator adds the host to "
    "allowed_endpoints",
    "dead_token": "the provider does not know this token of the device; the app subscribes anew",
    "already_expired": "it had expired when it came to the clearing house",
    "malformed": "the clearing house cannot read it",
    "provider": "the provider refuses it, and its documentation says what these words mean",
    "credential": "the provider does not take the clearing house's credential",
    "payload_too_large": "the provider takes nothing so large",
    "queue_full": "too much waits at the clearing house",
}
"""Why a notification is over, in words."""

PLACES = {
    "queued": "the clearing house has it in its queue",
    "sending": "the clearing house has asked the provider and waits",
    "later": "the clearing house asks the provider again",
    "told": "the clearing house has one, and it is on its way here",
    "unknown": "the clearing house does not know it, and may have lost its queue",
}
"""Where a notification is that no provider has (`mobility.push.wire`), in words."""

RECEIPTS = {
    "delivered": "an application of the user has the message",
    "read": "the user has read the message",
}

HOUSE_STATES = {
    "closed": "is in use",
    "open": "is left alone for a while, because it failed too often",
    "probing": "is being tried again",
    "alone": "is asked by no front end that runs",
}

BAD_PROVIDERS = {
    "refused": "refusing the credential",
    "failing": "failing",
    "probing": "being tried again after",
}


@click.group(no_args_is_help=False)
def push() -> None:
    """Wake sleeping devices: switches, tests, and what became of a notification."""


def _turn(config: Config, platform: str, site: str, as_json: bool, *, on: bool) -> None:
    ask(config, Call("PUT", f"{PATH}/switches/{platform}", {"enabled": on, "site": site}))
    scope = f"site:{site}" if site else "global"
    done = {"switch": SWITCHES[platform], "scope": scope, "enabled": on}
    show(done, f"{SWITCHES[platform]} is {'on' if on else 'off'} ({scope})", as_json=as_json)


@push.command()
@click.argument("platform", type=PLATFORM)
@click.option("--site", default="", metavar="SITE", help="For the users of a site alone.")
@config_option
@json_option
def enable(config: Config, platform: str, site: str, as_json: bool) -> None:
    """Let devices of PLATFORM be woken."""
    _turn(config, platform, site, as_json, on=True)


@push.command()
@click.argument("platform", type=PLATFORM)
@click.option("--site", default="", metavar="SITE", help="For the users of a site alone.")
@config_option
@json_option
def disable(config: Config, platform: str, site: str, as_json: bool) -> None:
    """Let devices of PLATFORM sleep."""
    _turn(config, platform, site, as_json, on=False)


@push.command()
@click.argument("platform", type=PLATFORM)
@click.argument("site")
@config_option
@json_option
def inherit(config: Config, platform: str, site: str, as_json: bool) -> None:
    """Let SITE have no switch of its own for PLATFORM any more."""
    ask(config, Call("DELETE", f"{PATH}/switches/{platform}/{quote(site, safe='')}"))
    done = {"switch": SWITCHES[platform], "site": site}
    show(done, f"site {site} has {SWITCHES[platform]} as everybody", as_json=as_json)


@push.command(name="show")
@config_option
@json_option
def show_switches(config: Config, as_json: bool) -> None:
    """Show the switches."""
    found: Mapping[str, Any] = ask(config, Call("GET", f"{PATH}/switches"))
    lines = [
        f"{'on' if one['enabled'] else 'off':4}{one['platform']:12}{one['scope']:20}{one['switch']}"
        for one in found["switches"]
    ]
    show(found, "\n".join(lines), as_json=as_json)


@push.command()
@config_option
@json_option
def status(config: Config, as_json: bool) -> int:
    """Show how long the oldest notification waits, and why (exit 1 when it is stuck)."""
    found: Mapping[str, Any] = ask(config, Call("GET", PATH))
    if _nobody_runs(config):
        house = {**found["house"], "url": config.push.clearing_house, "state": "alone"}
        problem = NOBODY_RUNS if found["waiting"] or found["unanswered"] else ""
        found = {**found, "problem": problem, "house": house}
    show(found, "\n".join(_standing(found)), as_json=as_json)
    return 1 if found["problem"] else 0


def _nobody_runs(config: Config) -> bool:
    """Whether the answers are those of a front end that this command has put together."""
    running = reach(config)
    if running is None:
        return True
    with running:
        return False


def _standing(found: Mapping[str, Any]) -> Iterator[str]:
    here, there = found["oldest_s"], found["unanswered_s"]
    if here is None and there is None:
        yield "nothing waits"
    elif (here or 0.0) >= (there or 0.0):
        yield f"the oldest waits for {here or 0.0:.1f} s, to be taken by the clearing house"
    else:
        yield f"the oldest waits for {there:.1f} s, at the clearing house for its provider"
    if found["problem"]:
        yield f"problem: {found['problem']}"
    house = found["house"]
    state = HOUSE_STATES.get(house["state"], house["state"])
    yield f"clearing house: {house['url'] or 'none (push.clearing_house)'} {state}".strip()
    if house["last_failure"]:
        yield f"last failure, at {_time(house['last_failure_at'])}: {house['last_failure']}"
    if found["problem"]:
        yield HINT
    yield f"{found['waiting']:>8} wait here, {found['unanswered']} at the clearing house"
    yield f"{found['shown']:>8} may be on screens"
    yield f"{found['handed']:>8} taken by the clearing house, {found['sent']} by providers"
    yield f"{found['devices']:>8} devices"
    for title in ("rejected", "skipped"):
        for reason, count in sorted(found[title].items()):
            yield f"{count:>8} {title}: {reason}"


@push.command()
@click.argument("id")
@config_option
@json_option
def trace(config: Config, id: str, as_json: bool) -> None:  # noqa: A002  # the argument's name
    """Tell what became of a notification, or of all about a conversation, by its ID."""
    found: Mapping[str, Any] = ask(config, _traced(quote(id, safe="")))
    if _nobody_runs(config):
        waits = {"obstacle": NOBODY_RUNS}
        notices = [one | waits if one["state"] == "waiting" else one for one in found["notices"]]
        found = {**found, "notices": notices}
    silence = found["whereabouts_failure"]
    lines = [line for one in found["notices"] for line in (*_hops(one, silence), "")]
    show(found, "\n".join(lines).rstrip(), as_json=as_json)


def _traced(notice_id: str) -> Call:
    """Ask what became of a notification, the clearing house too."""
    return Call("GET", f"{PATH}/notices/{notice_id}?whereabouts=true")


def _hops(notice: Mapping[str, Any], silence: str = "") -> Iterator[str]:
    """One line a hop; `silence` is why the clearing house does not say where it has it."""
    about = f"{notice['kind']} about {notice['about']}"
    if notice["number"]:
        numbers = {notice["first"], notice["number"]}
        about += " message " + "-".join(map(str, sorted(numbers)))
    yield f"{notice['id']}  {notice['user']}  device {notice['device']}"
    began = notice["created_at"]
    yield f"  {_time(began)}  fact: {about}"
    yield f"  {_time(began)}  rule: {notice['rule']}"
    due = "due" if notice["due_at"] <= time.time() else "not due before this"
    yield f"  {_time(notice['due_at'])}  queue: {due}, {notice['attempts']} attempts in vain"
    if notice["handed_at"]:
        after = notice["handed_at"] - began
        yield f"  {_time(notice['handed_at'])}  clearing house: taken after {after:.2f} s"
    changed, state = _time(notice["changed_at"]), notice["state"]
    answered, said = _time(notice["answered_at"]), notice["answer"]
    if notice["taken"]:
        yield f"  {answered}  provider: taken" + (f" ({said})" if said else "")
    elif notice["answered_at"]:
        yield f"  {answered}  provider: not taken" + (f": {said}" if said else "")
    if state == "waiting":
        why = f": {notice['obstacle']}" if notice["obstacle"] else ""
        yield f"  {'':12}  clearing house: not yet{why}"
    elif state == "accepted":
        yield f"  {'':12}  provider: no answer yet{_whereabouts(notice, silence)}"
    if receipt := RECEIPTS.get(notice["receipt"], ""):
        yield f"  {'':12}  receipt: {receipt}"
    if state == "ended":
        reason = notice["reason"]
        meaning = ENDINGS.get(reason.partition(":")[0], "")
        yield f"  {changed}  over: {reason}" + (f" ({meaning})" if meaning else "")


def _whereabouts(notice: Mapping[str, Any], silence: str) -> str:
    """Why there is no answer of the provider yet, as the clearing house says it."""
    found = notice["whereabouts"]
    if found is None:
        return f" (the clearing house does not say where it is: {silence})" if silence else ""
    tries, said, place = found["tries"], found["status"], found["place"]
    wait = f" in {max(1, round(found['wait_s']))} s" if found["wait_s"] else ""
    if wait and place == "queued":
        wait = f" and asks the provider{wait}"
    tried = f", after {tries} {'try' if tries == 1 else 'tries'} in vain" if tries else ""
    last = f" (the last: {said})" if said else ""
    return f": {PLACES.get(place, place)}{wait}{tried}{last}"


@push.command(name="send-test")
@click.argument("user")
@click.option(
    "--wait", default=30, show_default=True, type=click.IntRange(0, 600), help="Seconds to wait."
)
@config_option
@json_option
def send_test(config: Config, user: str, wait: int, as_json: bool) -> int:
    """Notify the devices of USER by the road that messages take (exit 1 if one got nothing)."""

    def conversation() -> Conversation[
        tuple[Mapping[str, Any], list[Mapping[str, Any]], list[Mapping[str, Any]], str]
    ]:
        path = f"{PATH}/users/{quote(user, safe='')}/test"
        queued: Mapping[str, Any] = content_of((yield Call("POST", path)))
        deadline = time.monotonic() + wait
        while True:
            traced = []
            for notice_id in queued["ids"]:
                answer = content_of((yield Call("GET", f"{PATH}/notices/{notice_id}")))
                traced += answer["notices"]
            if all(_is_told(one) for one in traced):
                return queued, traced, [], ""
            if time.monotonic() >= deadline:
                break
            time.sleep(POLL_S)
        traced, silence = [], ""
        for notice_id in queued["ids"]:
            answer = content_of((yield _traced(notice_id)))
            traced += answer["notices"]
            silence = silence or answer["whereabouts_failure"]
        health = yield Call("GET", f"{PATH}/house")
        return queued, traced, [] if health.failure else health.content["providers"], silence

    if (running := reach(config)) is None:
        raise Problem(NOBODY_RUNS)
    with running:
        queued, traced, providers, silence = held(running.ask, conversation())
    lines = [
        f"device {one['id']} ({one['platform']}, {one['app_id']}) is not woken: {one['obstacle']}"
        for one in queued["devices"]
        if one["obstacle"]
    ]
    lines += [line for one in traced for line in _hops(one, silence)]
    if not queued["devices"]:
        lines.append(f"{user} has no device that registered for push notifications")
    kept = {(one["platform"], one["app_id"]) for one in queued["devices"]}
    lines += [
        f"provider: {one['platform']} for {one['app_id']} is {BAD_PROVIDERS[one['state']]}: "
        f"{one['reason']}"
        for one in providers
        if one["state"] in BAD_PROVIDERS and (one["platform"], one["app_id"]) in kept
    ]
    good = bool(traced) and all(_is_sent(one) for one in traced)
    if traced and not good:
        lines.append(HINT)
    show({"devices": queued["devices"], "notices": traced}, "\n".join(lines), as_json=as_json)
    return 0 if good else 1


def _is_told(notice: Mapping[str, Any]) -> bool:
    """Whether a provider has said something."""
    return notice["state"] in ("sent", "ended")


def _is_sent(notice: Mapping[str, Any]) -> bool:
    return notice["state"] == "sent" or (notice["state"], notice["reason"]) == ("ended", "sent")


def _time(at: float) -> str:
    return time.strftime("%H:%M:%S", time.localtime(at)) + f".{int(at * 1000) % 1000:03d}"
