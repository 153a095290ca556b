"""Access tokens of OAuth 2.0: fetched once, shared, renewed before they end."""

from collections.abc import Awaitable, Callable

import attrs
import msgspec
from twisted.internet.defer import Deferred

from mobility.clearing_house.endpoints import EndpointRefused
from mobility.clearing_house.outcome import CREDENTIAL, Outcome, retry
from mobility.clearing_house.web import Unreachable, WebAnswer
from mobility.push.answers import retry_after

EARLY_S = 300.0
"""A token is renewed so long before its end."""

LEAST_LIFE_S = 60.0
"""An answer that promises less is believed to promise this."""


class NoToken(Exception):
    """No access token is to be had: `outcome` says why, for whoever needs it."""

    def __init__(self, outcome: Outcome) -> None:
        super().__init__(outcome.status)
        self.outcome = outcome


@attrs.frozen(slots=True)
class _Token:
    value: str = attrs.field(repr=False)
    until: float


class AccessTokens:
    """`fetch` asks the token endpoint; `epoch` is the time of day."""

    def __init__(
        self, fetch: Callable[[], Awaitable[WebAnswer]], epoch: Callable[[], float]
    ) -> None:
        self._fetch = fetch
        self._epoch = epoch
        self._token: _Token | None = None
        self._waiters: list[Deferred[str]] | None = None

    async def current(self, *, anew: bool = False) -> str:
        """A token that lives; `anew` has one fetched whether there is one or not, and leaves that
        if none is to be had.  Raises NoToken."""
        if not anew and self._token is not None and self._epoch() < self._token.until:
            return self._token.value
        waiter: Deferred[str] = Deferred()
        if self._waiters is not None:
            self._waiters.append(waiter)
            return await waiter
        waiters: list[Deferred[str]] = []
        self._waiters = waiters
        try:
            value = await self._renew()
        except BaseException as error:  # whatever it is, nobody may wait for ever
            self._waiters = None
            outcome = retry("token endpoint: internal error")
            if isinstance(error, NoToken):
                outcome = error.outcome
            for one in waiters:
                one.errback(NoToken(outcome))
            raise
        self._waiters = None
        for one in waiters:
            one.callback(value)
        return value

    def forget(self, value: str) -> None:
        """The provider does not take `value` any more."""
        if self._token is not None and self._token.value == value:
            self._token = None

    async def _renew(self) -> str:
        try:
            answer = await self._fetch()
        except Unreachable as error:
            raise NoToken(retry(f"token endpoint: {error}", unseen=error.unsent)) from error
        except EndpointRefused as error:
            raise NoToken(retry(f"token endpoint: {error}", CREDENTIAL)) from error
        if answer.status != 200:
            after = retry_after(answer.retry_after, self._epoch())
            said = f"token endpoint: {answer.status} {_error(answer.body)}".strip()
            if answer.status == 429 or answer.status >= 500:
                raise NoToken(retry(said, retry_after_s=after))
            raise NoToken(retry(said, CREDENTIAL, after))
        try:
            found = msgspec.json.decode(answer.body, type=dict[str, object])
        except msgspec.DecodeError as error:
            raise NoToken(retry("token endpoint: no JSON")) from error
        value, life = found.get("access_token"), found.get("expires_in")
        if not isinstance(value, str) or not value.isascii() or not value.isprintable():
            raise NoToken(retry("token endpoint: no access_token"))
        seconds = float(life) if isinstance(life, int | float | str) and _is_number(life) else 0.0
        until = self._epoch() + max(seconds - EARLY_S, LEAST_LIFE_S)
        self._token = _Token(value, until)
        return value


def _is_number(life: int | float | str) -> bool:
    return not isinstance(life, str) or (life.isascii() and life.isdigit())


def _error(body: bytes) -> str:
    """`error` of RFC 6749 section 5.2, which names no secret."""
    try:
        found = msgspec.json.decode(body, type=dict[str, object])
    except msgspec.DecodeError:
        return ""
    said = found.get("error")
    return said[:64] if isinstance(said, str) and said.isascii() else ""
