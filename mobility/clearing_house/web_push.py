"""Web Push (RFC 8030, 8291, 8292) and UnifiedPush, which is the same with an own server.

A UnifiedPush application that gave keys is served as Web Push; without keys the server could read
the message, so it has no texts and only wakes.
"""

import time
from collections.abc import Callable

from mobility.clearing_house import payloads
from mobility.clearing_house.endpoints import EndpointRefused
from mobility.clearing_house.outcome import (
    CREDENTIAL,
    DEAD,
    DELIVERED,
    DESTINATION,
    QUOTA,
    Job,
    Outcome,
    failed,
    retry,
)
from mobility.clearing_house.signing import BadSubscription, Vapid, encrypt
from mobility.clearing_house.web import CONNECTIONS_A_HOST, Unreachable, WebAnswer, WebClient
from mobility.push.answers import retry_after
from mobility.push.wire import Device


class WebPush:
    """A provider (`outcome.Provider`) for one app id and one host of endpoints."""

    def __init__(
        self,
        vapid: Vapid,
        client: WebClient,
        check: Callable[[Device], object] = lambda _: None,
        *,
        epoch: Callable[[], float] = time.time,
    ) -> None:
        """`check` raises EndpointRefused for a device that may not be connected to any more."""
        self._vapid = vapid
        self._check = check
        self._client = client
        self._epoch = epoch
        self._under_way = 0

    @property
    def room(self) -> int:
        return CONNECTIONS_A_HOST - self._under_way

    async def deliver(self, job: Job) -> Outcome:
        notification, now = job.notification, self._epoch()
        device = notification.device
        try:
            self._check(device)
        except EndpointRefused as error:
            return failed(str(error), "endpoint_not_allowed")
        readable = not device.p256dh
        body = payloads.web_push(notification, readable=readable)
        headers = payloads.web_push_headers(notification, now)
        headers.append(("Authorization", self._vapid.authorization(device.endpoint, now)))
        if readable:
            headers.append(("Content-Type", "application/json"))
        else:
            try:
                body = encrypt(body, device.p256dh, device.auth)
            except BadSubscription as error:
                return Outcome(DEAD, str(error), "provider", token_field="endpoint")  # noqa: S106
            headers.append(("Content-Type", "application/octet-stream"))
            headers.append(("Content-Encoding", "aes128gcm"))
        self._under_way += 1
        try:
            answer = await self._client.post(device.endpoint, headers, body)
        except EndpointRefused as error:
            return failed(str(error), "endpoint_not_allowed")
        except Unreachable as error:
            return retry(str(error), unseen=error.unsent)
        finally:
            self._under_way -= 1
        return self._judge(answer)

    async def probe(self) -> Outcome:
        """A push service asks for no credential but the key that the application was given."""
        self._vapid.authorization("https://push.example", self._epoch())
        return Outcome(DELIVERED, "", blames=CREDENTIAL)

    async def close(self, *, now: bool) -> None:
        """Connections are the app's, for all of its hosts."""

    def _judge(self, answer: WebAnswer) -> Outcome:
        status, said = answer.status, str(answer.status)
        after = retry_after(answer.retry_after, self._epoch())
        if status in (200, 201, 202, 204):
            return Outcome(DELIVERED, said)
        if status in (404, 410):
            return Outcome(DEAD, said, "provider", token_field="endpoint")  # noqa: S106
        if status in (401, 403):
            return failed(said, "credential")
        if status == 413:
            return failed(said, "payload_too_large")
        if status == 429:
            return retry(said, QUOTA, after)
        if status >= 500:
            return retry(said, DESTINATION, after)
        return failed(said)
