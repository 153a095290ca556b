"""Firebase Cloud Messaging, HTTP v1.

Written from Firebase's "Send a message using FCM HTTP v1 API" and "FCM error codes".
"""

import time
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

import attrs
import msgspec

from mobility.clearing_house import payloads
from mobility.clearing_house.bearer import AccessTokens, NoToken
from mobility.clearing_house.outcome import (
    CREDENTIAL,
    DEAD,
    DELIVERED,
    DESTINATION,
    QUOTA,
    QUOTA_OF_ALL,
    Job,
    Outcome,
    failed,
    retry,
)
from mobility.clearing_house.signing import ServiceAccount
from mobility.clearing_house.web import CONNECTIONS_A_HOST, Unreachable, WebAnswer, WebClient
from mobility.push.answers import retry_after

SERVER = "https://fcm.googleapis.com"
QUOTA_S = 120.0
"""After 429 without Retry-After waits double from a minute at least ("FCM error codes"); with
jitter one may be half as long."""

FCM_ERROR = "type.googleapis.com/google.firebase.fcm.v1.FcmError"
BAD_REQUEST = "type.googleapis.com/google.rpc.BadRequest"
QUOTA_FAILURE = "type.googleapis.com/google.rpc.QuotaFailure"
ERROR_INFO = "type.googleapis.com/google.rpc.ErrorInfo"
NO_RATE_LEFT = "RATE_LIMIT_EXCEEDED"
"""What ErrorInfo says when the project has none left (google.api.ErrorReason); what FCM itself
counts, such as the messages of one device, has its FcmError."""

NOT_VALID = "not a valid FCM registration token"
TOO_BIG = "message is too big"
"""What FCM says of a payload beyond its limit, with the same code as of a token that is none."""

GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
FORM = (("Content-Type", "application/x-www-form-urlencoded"),)


@attrs.frozen(slots=True)
class FcmFault:
    """An error body: `code` of FcmError, or the RPC status; `violations` name wrong fields, and
    `projects` says that a quota is the project's."""

    code: str = ""
    typed: bool = False
    message: str = attrs.field(default="", repr=False)
    violations: tuple[str, ...] = ()
    projects: bool = False


class Fcm:
    """A provider (`outcome.Provider`) for one app id."""

    def __init__(
        self,
        account: ServiceAccount,
        server: str,
        client: WebClient,
        *,
        epoch: Callable[[], float] = time.time,
    ) -> None:
        self._account = account
        self._url = f"{server}/v1/projects/{account.project}/messages:send"
        self._client = client
        self._epoch = epoch
        self._tokens = AccessTokens(self._fetch, epoch)
        self._under_way = 0

    @property
    def room(self) -> int:
        return CONNECTIONS_A_HOST - self._under_way

    async def deliver(self, job: Job) -> Outcome:
        return await self._send(payloads.fcm(job.notification, self._epoch()))

    async def probe(self) -> Outcome:
        """Ask FCM to look at, and not send, a message to a device that does not exist, with an
        access token that Google gives for the account's key now."""
        message = {"validate_only": True, "message": {"token": "none"}}
        outcome = await self._send(msgspec.json.encode(message), anew=True)
        if outcome.outcome == DEAD:
            return Outcome(DELIVERED, outcome.status)
        return outcome

    async def close(self, *, now: bool) -> None:
        """Connections are the app's, for all of its hosts."""

    async def _send(self, body: bytes, *, anew: bool = False) -> Outcome:
        self._under_way += 1
        try:
            token = await self._tokens.current(anew=anew)
            headers = [
                ("Authorization", f"Bearer {token}"),
                ("Content-Type", "application/json; charset=UTF-8"),
            ]
            answer = await self._client.post(self._url, headers, body)
        except NoToken as error:
            return error.outcome
        except Unreachable as error:
            return retry(str(error), unseen=error.unsent)
        finally:
            self._under_way -= 1
        return self._judge(answer, token)

    async def _fetch(self) -> WebAnswer:
        form = {"grant_type": GRANT, "assertion": self._account.assertion(self._epoch())}
        return await self._client.post(self._account.token_uri, FORM, urlencode(form).encode())

    def _judge(self, answer: WebAnswer, token: str) -> Outcome:
        """The table of FCM's error codes.  A token is dropped for two of them only."""
        if answer.status == 200:
            return Outcome(DELIVERED, "200")
        fault = read_fault(answer.body)
        said = f"{answer.status} {fault.code}".strip()
        after = retry_after(answer.retry_after, self._epoch())
        if answer.status == 404 and fault.typed and fault.code == "UNREGISTERED":
            return Outcome(DEAD, said, "provider", token_field="token")  # noqa: S106
        if answer.status == 400:
            return _judge_400(fault, said)
        if answer.status == 401:
            if fault.typed:  # THIRD_PARTY_AUTH_ERROR: FCM's own credential for another service
                return failed(said, "credential")
            self._tokens.forget(token)
            return retry(said, CREDENTIAL, after)
        if answer.status == 403:
            if fault.typed:  # SENDER_ID_MISMATCH: another project's token
                return failed(said)
            return retry(said, CREDENTIAL, after)
        if answer.status == 429:
            blames = QUOTA_OF_ALL if fault.projects else QUOTA
            return retry(said, blames, after, least_wait_s=QUOTA_S)
        if answer.status >= 500:
            return retry(said, DESTINATION, after)
        return failed(said)


def _judge_400(fault: FcmFault, said: str) -> Outcome:
    """INVALID_ARGUMENT means the token when FCM says so, and else a request that we built wrong."""
    if TOO_BIG in fault.message:
        return failed(said, "payload_too_large")
    ours = [field for field in fault.violations if field != "message.token"]
    about_token = NOT_VALID in fault.message or (
        fault.typed and fault.code == "INVALID_ARGUMENT" and not fault.violations
    )
    if about_token and not ours:
        return Outcome(DEAD, said, "provider", token_field="token")  # noqa: S106
    return failed(said)


def read_fault(body: bytes) -> FcmFault:
    """What an error body says; nothing where it cannot be read."""
    try:
        error = msgspec.json.decode(body, type=dict[str, Any])["error"]
        details = error.get("details") or []
        code = str(error.get("status", ""))[:64]
        message = str(error.get("message", ""))[:1000]
        typed, violations, subjects, spent = False, [], [], False
        for detail in details[:20]:
            kind = detail.get("@type")
            if kind == FCM_ERROR:
                code, typed = str(detail.get("errorCode", ""))[:64], True
            elif kind == BAD_REQUEST:
                found = detail.get("fieldViolations") or []
                violations += [str(one.get("field", "")) for one in found[:20]]
            elif kind == QUOTA_FAILURE:
                found = detail.get("violations") or []
                subjects += [str(one.get("subject", "")) for one in found[:20]]
            elif kind == ERROR_INFO:
                spent = spent or detail.get("reason") == NO_RATE_LEFT
    except (msgspec.DecodeError, KeyError, TypeError, AttributeError):
        return FcmFault()
    projects = any(one.startswith("project:") for one in subjects) or (spent and not typed)
    return FcmFault(code, typed, message, tuple(violations), projects)
