"""Service accounts: signing in with a secret, what their scopes open, and changing the secret."""

import json
from collections.abc import Awaitable, Callable

from tests.conformance.clocks import Stopped
from tests.conformance.person import Person
from tests.conformance.scenarios.conversations import invited
from tests.conformance.signin import Account
from tests.conformance.stage import Scenario, Stage

BOT = "conformance-bot@example.test"
SCOPES = ("Conversations.Receive", "User.ReadWrite")
FORBIDDEN = {
    "communication": ("joinOnlineMeeting", "startOnlineMeeting"),
    "people": ("search", "myGroups"),
    "onlineMeetings": ("myOnlineMeetings",),
}
"""Links that other scopes would open."""


async def added(stage: Stage) -> Account:
    """A bot that may receive conversations, and speak of itself; its secret."""
    scopes = [word for scope in SCOPES for word in ("--scope", scope)]
    told = await stage.operate("service-account", "add", BOT, "--name", "Bot", *scopes, "--json")
    return Account(BOT, str(json.loads(told)["secret"]))


def with_bot(
    play: Callable[[Stage, Account], Awaitable[None]],
) -> Callable[[Stage], Awaitable[None]]:
    """A script with a bot that is added before and removed after it; then nobody signs in."""

    async def played(stage: Stage) -> None:
        account = await added(stage)
        try:
            await play(stage, account)
        finally:
            await stage.operate("service-account", "remove", BOT)
        await _may_not(stage, account)

    return played


async def _limited(stage: Stage, account: Account) -> None:
    """A service account has what its scopes open, and takes a message; the rest is absent, and
    refused."""
    bot = await stage.other(account)
    await bot.register()
    await bot.make_available("Messaging")
    for rel, names in FORBIDDEN.items():
        for part in bot.application.embedded.get(rel, ()):
            if found := [name for name in names if name in part.links]:
                raise Stopped(f"{rel} of the account has {', '.join(found)}")
    alice = await stage.person(0)
    _, ringing = await invited(alice, bot, "to a bot")
    await bot.post(ringing, "accept")
    await bot.hears("completed", "messagingInvitation")
    href = alice.part("people").links["myGroups"][0].href
    own = href.replace(alice.application.href, bot.application.href)
    refused = await bot.send("GET", own, "myGroups")
    if (refused.status, bot.reason(refused).code) != (403, "Forbidden"):
        raise Stopped(f"myGroups without its scope answers {refused.status}")
    await bot.leave()


async def _rotate(stage: Stage, before: Account) -> None:
    """Two secrets are good while they overlap; without overlap the old one and its token end."""
    await stage.other(before)
    after = await _rotated(stage, "2")
    bots = [await stage.other(account) for account in (before, after)]
    last = await _rotated(stage, "0")
    for bot in bots:
        await _is_out(bot)
    for account in (before, after):
        await _may_not(stage, account)
    await stage.other(last)


async def _rotated(stage: Stage, hours: str) -> Account:
    told = await stage.operate("service-account", "rotate", BOT, "--overlap-hours", hours, "--json")
    return Account(BOT, str(json.loads(told)["secret"]))


async def _is_out(bot: Person) -> None:
    """Its token is worth nothing any more."""
    answer = await bot.send("GET", bot.application.href, bot.application.rel)
    if answer.status not in (401, 403):
        raise Stopped(f"a token that has ended answers {answer.status}")


async def _may_not(stage: Stage, account: Account) -> None:
    try:
        await stage.other(account)
    except Stopped as stopped:
        if "answered 400" in str(stopped):
            return
        raise
    raise Stopped("a secret that has ended still signs in")


SCENARIOS = (
    Scenario("service account: scopes", with_bot(_limited), ours_only=True),
    Scenario("service account: rotated", with_bot(_rotate), ours_only=True),
)
