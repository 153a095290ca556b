"""What the doubles are told while they run: `apns 429`, `wns down`, `webpush up`."""

from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred

from mobility.push_doubles.apns import Reply
from mobility.push_doubles.fcm import fault
from mobility.push_doubles.pages import Page
from mobility.push_doubles.providers import Providers

NAMES = {"apns": "apns", "fcm": "fcm", "webpush": "web_push", "wns": "wns"}
"""What the doubles are called, and what they are called in `Providers`."""

LONG_AGO_MS = 946_684_800_000
"""The beginning of 2000: before any token was given."""

APNS_REASONS = {
    400: "BadTopic",
    403: "InvalidProviderToken",
    410: "Unregistered",
    413: "PayloadTooLarge",
    429: "TooManyRequests",
    500: "InternalServerError",
    503: "ServiceUnavailable",
}
FCM_CODES = {
    400: "INVALID_ARGUMENT",
    401: "THIRD_PARTY_AUTH_ERROR",
    403: "SENDER_ID_MISMATCH",
    404: "UNREGISTERED",
    429: "QUOTA_EXCEEDED",
    500: "INTERNAL",
    503: "UNAVAILABLE",
}


class NotUnderstood(ValueError):
    """A command that is none."""


class Commands:
    """Makes a provider so: `up`, `down`, `slow` (it takes requests and answers none), `tls` (every
    handshake fails) or a status that it answers everything with.

    A 410 of APNs is about a token of long ago, so that a device that has registered since is kept.
    """

    def __init__(self, providers: Providers) -> None:
        self._providers = providers
        self._down: set[str] = set()

    async def obey(self, line: str) -> None:
        """Raises NotUnderstood."""
        name, _, mode = line.strip().partition(" ")
        if name not in NAMES or not (mode in ("up", "down", "slow", "tls") or _is_status(mode)):
            raise NotUnderstood(
                "PROVIDER MODE: apns, fcm, webpush or wns; up, down, slow, tls, 429"
            )
        known = NAMES[name]
        double: Any = getattr(self._providers, known)
        if known in self._down:
            self._down.remove(known)
            await self._providers.start_one(known)
        self._providers.tls[known].broken = mode == "tls"
        double.decide = _decision(known, mode)
        if mode == "down":
            self._down.add(known)
            await self._providers.stop_one(known)
        double.drop()  # who is connected finds it as it is now, and asks again what it owes


def _is_status(mode: str) -> bool:
    return mode.isascii() and mode.isdigit() and 400 <= int(mode) <= 599


def _decision(name: str, mode: str) -> Callable[[object], Any]:
    if mode == "slow":
        silence = Reply(0) if name == "apns" else Page(0)
        return lambda _: silence
    if not mode.isdigit():
        return lambda _: None
    status = int(mode)
    if name == "apns":
        since = LONG_AGO_MS if status == 410 else 0
        reply = Reply(status, APNS_REASONS.get(status, ""), since)
        return lambda _: reply
    page = fault(status, FCM_CODES.get(status, "INTERNAL")) if name == "fcm" else Page(status)
    return lambda _: page


def obedient(commands: Commands, say: Callable[[object], None]) -> Callable[[bytes], None]:
    """Takes lines one after another, and says of each that it is done or was not understood."""
    last: list[Deferred[None]] = []

    async def obey(line: str, before: Deferred[None] | None) -> None:
        if before is not None:
            await before
        try:
            await commands.obey(line)
        except NotUnderstood as error:
            say({"error": str(error)})
        else:
            say({"done": line.strip()})

    def take(line: bytes) -> None:
        before = last.pop() if last else None
        last.append(Deferred.fromCoroutine(obey(line.decode("utf-8", "replace"), before)))

    return take
