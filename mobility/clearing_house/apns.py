"""Apple Push Notification service: one long HTTP/2 connection for each app id.

Written from Apple's "Sending notification requests to APNs" and "Handling notification responses
from APNs" (User Notifications).
"""

import time
from collections.abc import Callable
from typing import Any, cast

import attrs
import h2.exceptions
import msgspec
from twisted.internet import defer
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import (
    IDelayedCall,
    IHandshakeListener,
    IReactorTime,
    IStreamClientEndpoint,
)
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.python.failure import Failure
from zope.interface import implementer

from mobility.clearing_house import payloads
from mobility.clearing_house.http2 import Answer, Hear, Http2Client, Unanswered
from mobility.clearing_house.outcome import (
    CREDENTIAL,
    DEAD,
    DELIVERED,
    DESTINATION,
    PUSH,
    Job,
    Outcome,
    failed,
    retry,
)
from mobility.clearing_house.reasons import reason_of
from mobility.clearing_house.signing import ApnsTokens
from mobility.events import Catalogue, EventLog
from mobility.push.answers import retry_after

EVENTS: Catalogue = {
    "clearing.apns_connected": {"app": "the app id", "server": "host and port"},
    "clearing.apns_closed": {
        "app": "the app id",
        "reason": "what the server said in GOAWAY, or why the connection is lost",
        "under_way": "requests that had no answer yet",
    },
}

CONNECT_S = 30.0
"""To a usable connection: TCP, TLS and the server's settings (our choice)."""

ANSWER_S = 30.0
"""For one answer; then the request is given up and tried again (our choice)."""

PING_S = 600.0
"""An idle connection is asked for a sign of life after so much silence; without one it is cut."""

SILENCE_S = 5.0
"""While requests are under way it is asked after this, and has as long to give a sign: a connection
that a firewall or a network has dropped without a word must not cost a call (our choice)."""

PROBE_TOKEN = "0" * 64
"""A device that does not exist: 400 BadDeviceToken for it shows that the credential is taken."""

DEAD_TOKENS = frozenset({"BadDeviceToken", "DeviceTokenNotForTopic"})
"""The reasons of a 400 that mean the token and not the request."""


@implementer(IHandshakeListener)
class ApnsConnection(Protocol):
    """The Twisted side of `Http2Client`: bytes, time and the end."""

    def __init__(self, authority: str, clock: IReactorTime, changed: Callable[[], None]) -> None:
        self.client = Http2Client(authority)
        self.ready: Deferred[None] = Deferred()
        self.lost = ""
        self.gone: Deferred[None] = Deferred()
        self.retiring = False
        """Whether it is to end once nothing is under way."""
        self._clock = clock
        self._changed = changed
        self._silence: IDelayedCall | None = None
        self._pinged = False
        self._flushing = False

    def connectionMade(self) -> None:
        self._flush()

    def handshakeCompleted(self) -> None:
        if getattr(self.transport, "negotiatedProtocol", None) != b"h2":
            self.end("the server does not speak HTTP/2")

    def dataReceived(self, data: bytes) -> None:
        client = self.client
        try:
            client.receive(data)
        except h2.exceptions.ProtocolError as error:
            self._flush()
            self.end(f"protocol error: {type(error).__name__}")
            return
        self._flush()
        self._listen()
        if client.ready and not self.ready.called:
            self.ready.callback(None)
        self._end_if_done()
        self._changed()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self._stop_listening()
        self.lost = self.lost or self.client.goaway or reason_of(reason.value)
        if not self.ready.called:
            self.ready.errback(reason)
        self.client.close(self.lost)
        self._changed()
        self.gone.callback(None)

    def request(self, path: str, headers: list[tuple[str, str]], body: bytes, hear: Hear) -> None:
        stream: list[int] = []

        def heard(fate: Answer | Unanswered) -> None:
            if late.active():
                late.cancel()
            hear(fate)

        def too_late() -> None:
            self.client.cancel(stream[0], f"no answer in {ANSWER_S:g} s")
            self._flush()
            self._end_if_done()

        late = self._clock.callLater(ANSWER_S, too_late)
        stream.append(self.client.request(path, headers, body, heard))
        self._listen_for(SILENCE_S)
        self._flush_soon()

    def retire(self) -> None:
        """Close the connection once nothing is under way."""
        self.retiring = True
        self._end_if_done()

    def _end_if_done(self) -> None:
        """Close it if it is to be closed and nothing is under way."""
        if not self.client.under_way:
            if self.client.goaway is not None:
                self.end(self.client.goaway)
            elif self.retiring:
                self.end("the clearing house closes it")

    def end(self, reason: str) -> None:
        """Close the connection, now; a server that does not take leave is cut off."""
        self.lost = self.lost or reason
        if self.transport is not None:
            self.client.farewell()
            self._flush()
            self.transport.loseConnection()
            self._stop_listening()
            self._silence = self._clock.callLater(SILENCE_S, self._silent)

    def _flush_soon(self) -> None:
        """What one turn of the reactor asks goes out in one write."""
        if not self._flushing:
            self._flushing = True
            self._clock.callLater(0, self._flush)

    def _flush(self) -> None:
        self._flushing = False
        data = self.client.unsent_bytes()
        if data and self.transport is not None:
            self.transport.write(data)

    def _listen(self) -> None:
        """There was a sign of life."""
        if self.lost:
            return
        self._pinged = False
        wait_s = SILENCE_S if self.client.under_way else PING_S
        if self._silence is None:
            self._silence = self._clock.callLater(wait_s, self._silent)
        else:
            self._silence.reset(wait_s)

    def _listen_for(self, wait_s: float) -> None:
        """Ask for a sign of life in `wait_s` if none comes before, unless it is asked for."""
        silence = self._silence
        if self._pinged or silence is None:
            return
        if silence.getTime() > self._clock.seconds() + wait_s:
            silence.cancel()
            self._silence = self._clock.callLater(wait_s, self._silent)

    def _silent(self) -> None:
        self._silence = None
        if self.lost or self._pinged:
            self.lost = self.lost or "the server is silent"
            cast(Any, self.transport).abortConnection()
            return
        self._pinged = True
        self.client.ping()
        self._flush()
        wait_s = SILENCE_S if self.client.under_way else ANSWER_S
        self._silence = self._clock.callLater(wait_s, self._silent)

    def _stop_listening(self) -> None:
        if self._silence is not None and self._silence.active():
            self._silence.cancel()
        self._silence = None


class Apns:
    """A provider (`outcome.Provider`) for one app id.

    `endpoint` leads to the server with TLS and ALPN h2; `on_room` is called when there may be more
    room than before.
    """

    def __init__(
        self,
        app_id: str,
        authority: str,
        tokens: ApnsTokens,
        endpoint: Callable[[], IStreamClientEndpoint],
        clock: IReactorTime,
        log: EventLog,
        *,
        epoch: Callable[[], float] = time.time,
    ) -> None:
        self.on_room: Callable[[], None] = lambda: None
        self.tokens = tokens
        self._app_id = app_id
        self._authority = authority
        self._endpoint = endpoint
        self._clock = clock
        self._log = log
        self._epoch = epoch
        self._connection: ApnsConnection | None = None
        self._connecting: Deferred[ApnsConnection] | None = None
        self._waiters: list[Deferred[ApnsConnection]] = []
        self._turns: list[Deferred[None]] = []
        """Whoever waits for a free stream."""
        self._closed = False

    @property
    def room(self) -> int:
        """As many as the server allows; one, that connects, while there is no connection."""
        if self._closed or self._connecting is not None:
            return 0
        connection = self._usable()
        return 1 if connection is None else connection.client.room

    async def deliver(self, job: Job) -> Outcome:
        notification = job.notification
        identifier = payloads.apns_id(job.organisation, notification.id)
        payload = payloads.apns(notification, self._app_id, identifier)
        if payload is None:
            return failed("no token for this kind", "malformed")
        token = getattr(notification.device, payload.token_field)
        fate = await self._ask(token, list(payload.headers), payload.body)
        dead = fate.outcome == DEAD
        return attrs.evolve(fate, token_field=payload.token_field) if dead else fate

    async def probe(self) -> Outcome:
        headers = [
            ("apns-topic", self._app_id),
            ("apns-push-type", "background"),
            ("apns-priority", "5"),
            ("apns-expiration", "0"),
        ]
        body = b'{"aps":{"content-available":1}}'
        fate = await self._ask(PROBE_TOKEN, headers, body)
        deadline = self._clock.seconds() + ANSWER_S
        while fate.unseen and self._clock.seconds() < deadline:
            turn: Deferred[None] = Deferred()
            self._turns.append(turn)
            turn.addTimeout(ANSWER_S, cast(Any, self._clock))
            try:
                await turn
            except defer.TimeoutError:
                break
            fate = await self._ask(PROBE_TOKEN, headers, body)
        return Outcome(DELIVERED, fate.status) if fate.outcome == DEAD else fate

    async def close(self, *, now: bool) -> None:
        self._closed = True
        if self._connecting is not None and now:
            self._connecting.cancel()
        connection = self._connection
        if connection is None:
            return
        if now or not connection.client.under_way:
            connection.end("the clearing house closes it")
            await connection.gone
        else:
            connection.retire()

    async def _ask(self, token: str, headers: list[tuple[str, str]], body: bytes) -> Outcome:
        """What the server's answer, or none, means."""
        if not (token.isascii() and token.isalnum()):
            return Outcome(DEAD, "the token is no hexadecimal number", "provider", PUSH)
        connection = self._usable()
        if connection is None:
            try:
                connection = await self._connect()
            except Exception as error:
                return retry(f"cannot connect: {reason_of(error)}")
        if not connection.client.room:
            # several have waited for the connection, and a server may allow one stream or none
            return retry("no stream is free", unseen=True)
        heard: Deferred[Answer | Unanswered] = Deferred()
        signed = self.tokens.current(self._epoch())
        fields = [("authorization", f"bearer {signed}"), *headers]
        try:
            connection.request(f"/3/device/{token}", fields, body, heard.callback)
        except h2.exceptions.ProtocolError as error:  # no stream number is left, or it has ended
            connection.end(f"cannot be used any more: {type(error).__name__}")
            return retry("the connection has ended", unseen=True)
        fate = await heard
        if isinstance(fate, Unanswered):
            return retry(fate.reason, unseen=fate.unseen)
        return self._judge(fate, signed)

    def _usable(self) -> ApnsConnection | None:
        connection = self._connection
        if connection is None or connection.lost or connection.client.goaway is not None:
            return None
        return connection

    def _connect(self) -> Deferred[ApnsConnection]:
        """The one connection, shared by all who wait for it."""
        waiter: Deferred[ApnsConnection] = Deferred()
        self._waiters.append(waiter)
        if self._connecting is None:
            opening = self._connecting = Deferred.fromCoroutine(self._open())
            opening.addTimeout(CONNECT_S, cast(Any, self._clock))
            opening.addBoth(self._connected)
        return waiter

    async def _open(self) -> ApnsConnection:
        made: list[ApnsConnection] = []

        def build() -> ApnsConnection:
            made.append(ApnsConnection(self._authority, self._clock, self._changed))
            return made[-1]

        factory = cast(Any, Factory).forProtocol(build)
        factory.noisy = False
        connection = cast(ApnsConnection, await self._endpoint().connect(factory))
        try:
            await connection.ready
        except defer.CancelledError:
            cast(Any, connection.transport).abortConnection()
            raise
        return connection

    def _connected(self, found: ApnsConnection | Failure) -> None:
        self._connecting = None
        waiters, self._waiters = self._waiters, []
        if isinstance(found, ApnsConnection):
            self._connection = found
            self._log.emit("clearing.apns_connected", app=self._app_id, server=self._authority)
        for waiter in waiters:
            waiter.callback(found) if isinstance(found, ApnsConnection) else waiter.errback(found)
        if self._closed and isinstance(found, ApnsConnection):  # its settings were replaced
            found.retire()
        self.on_room()

    def _changed(self) -> None:
        connection = self._connection
        if connection is not None and (connection.lost or connection.client.goaway is not None):
            self._connection = None
            self._log.emit(
                "clearing.apns_closed",
                app=self._app_id,
                reason=connection.lost or connection.client.goaway,
                under_way=connection.client.under_way,
            )
        turns, self._turns = self._turns, []
        for turn in turns:
            if not turn.called:
                turn.callback(None)
        self.on_room()

    def _judge(self, answer: Answer, signed: str) -> Outcome:
        """Apple's table of responses; `signed` is the provider token that was shown."""
        reason, timestamp = _read(answer.body)
        status, said = answer.status, f"{answer.status} {reason}".strip()
        after = retry_after(answer.headers.get("retry-after"), self._epoch())
        if status == 200:
            return Outcome(DELIVERED, "200")
        if status == 410:
            return Outcome(DEAD, said, "provider", dead_since=timestamp // 1000)
        if status == 400:
            if reason in DEAD_TOKENS:
                return Outcome(DEAD, said, "provider")
            return retry(said) if reason == "IdleTimeout" else failed(said)
        if status == 403:
            now = self._epoch()
            if reason == "ExpiredProviderToken" and (
                signed != self.tokens.current(now) or self.tokens.renew(now)
            ):
                return retry(said, CREDENTIAL, unseen=True)  # there is a new one already
            return retry(said, CREDENTIAL, after)
        if status == 413:
            return failed(said, "payload_too_large")
        if status == 429:
            blames = DESTINATION if reason == "TooManyProviderTokenUpdates" else PUSH
            return retry(said, blames, after)
        if status >= 500:
            return retry(said, DESTINATION, after)
        return failed(said)


def _read(body: bytes) -> tuple[str, int]:
    """Reason and timestamp in milliseconds, "" and 0 where they are not told."""
    try:
        found = msgspec.json.decode(body) if body else {}
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return "", 0
    if not isinstance(found, dict):
        return "", 0
    reason, timestamp = found.get("reason"), found.get("timestamp")
    return (
        reason[:64] if isinstance(reason, str) else "",
        timestamp if isinstance(timestamp, int) and 0 < timestamp < 2**53 else 0,
    )
