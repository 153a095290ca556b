"""Windows Push Notification Services, with a token of Microsoft Entra ID.

Written from Microsoft's "Push notification service request and response headers" and the Windows
App SDK's "Push notifications overview".
"""

import time
from collections.abc import Callable
from urllib.parse import urlencode

from mobility.clearing_house import payloads
from mobility.clearing_house.bearer import AccessTokens, NoToken
from mobility.clearing_house.endpoints import EndpointRefused
from mobility.clearing_house.outcome import (
    CREDENTIAL,
    DEAD,
    DELIVERED,
    DESTINATION,
    PUSH,
    QUOTA,
    Job,
    Outcome,
    failed,
    retry,
)
from mobility.clearing_house.web import CONNECTIONS_A_HOST, Unreachable, WebAnswer, WebClient
from mobility.push.answers import retry_after
from mobility.push.wire import Device

LOGIN = "https://login.microsoftonline.com"
SCOPE = "https://wns.windows.com/.default"
FORM = (("Content-Type", "application/x-www-form-urlencoded"),)


class Wns:
    """A provider (`outcome.Provider`) for one app id."""

    def __init__(
        self,
        token_url: str,
        client_id: str,
        client_secret: str,
        client: WebClient,
        check: Callable[[Device], object] = lambda _: None,
        *,
        epoch: Callable[[], float] = time.time,
    ) -> None:
        """`check` raises EndpointRefused for a device that may not be connected to any more."""
        self._check = check
        self._token_url = token_url
        self._form = {
            "grant_type": "client_credentials",
            "client_id": client_id,
            "client_secret": client_secret,
            "scope": SCOPE,
        }
        self._client = client
        self._epoch = epoch
        self._tokens = AccessTokens(self._fetch, epoch)
        self._under_way = 0

    @property
    def room(self) -> int:
        return CONNECTIONS_A_HOST - self._under_way

    async def deliver(self, job: Job) -> Outcome:
        payload = payloads.wns(job.notification, self._epoch())
        self._under_way += 1
        try:
            self._check(job.notification.device)
            token = await self._tokens.current()
            headers = [
                ("Authorization", f"Bearer {token}"),
                ("X-WNS-RequestForStatus", "true"),
                *payload.headers,
            ]
            endpoint = job.notification.device.endpoint
            answer = await self._client.post(endpoint, headers, payload.body)
        except NoToken as error:
            return error.outcome
        except EndpointRefused as error:
            return failed(str(error), "endpoint_not_allowed")
        except Unreachable as error:
            return retry(str(error), unseen=error.unsent)
        finally:
            self._under_way -= 1
        return self._judge(answer, token)

    async def probe(self) -> Outcome:
        """Whether Entra takes the secret now: a token that it gave before lives for a day."""
        try:
            await self._tokens.current(anew=True)
        except NoToken as error:
            return error.outcome
        return Outcome(DELIVERED, "", blames=CREDENTIAL)

    async def close(self, *, now: bool) -> None:
        """Connections are the app's, for all of its hosts."""

    async def _fetch(self) -> WebAnswer:
        return await self._client.post(self._token_url, FORM, urlencode(self._form).encode())

    def _judge(self, answer: WebAnswer, token: str) -> Outcome:
        status = answer.status
        said = f"{status} {answer.headers.get('x-wns-error-description', '')}".strip()
        after = retry_after(answer.retry_after, self._epoch())
        if status == 200:
            fate = answer.headers.get("x-wns-status", "received").lower()
            if fate == "channelthrottled":
                return retry("200 channelthrottled", PUSH, after)
            if fate == "dropped":
                return failed("200 dropped")
            return Outcome(DELIVERED, f"200 {fate}"[:40])
        if status == 401:
            self._tokens.forget(token)
            return retry(said, CREDENTIAL, after)
        if status in (404, 410):
            return Outcome(DEAD, said, "provider", token_field="endpoint")  # noqa: S106
        if status in (406, 429):
            return retry(said, QUOTA, after)
        if status == 413:
            return failed(said, "payload_too_large")
        if status >= 500:
            return retry(said, DESTINATION, after)
        return failed(said)
