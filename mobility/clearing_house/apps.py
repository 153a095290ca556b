"""The apps that are served: one object for each platform and app id of the configuration.

Building one reads and checks its key files, so a new set either is whole or raises and changes
nothing: that is how credentials are loaded anew while the old ones go on.
"""

from collections.abc import Callable, Coroutine
from datetime import UTC, date, datetime, time
from typing import Any, Protocol

import attrs
from twisted.internet.interfaces import IStreamClientEndpoint

from mobility.clearing_house.apns import Apns
from mobility.clearing_house.endpoints import Tls, TlsEndpoints, checked, tls_endpoint
from mobility.clearing_house.fcm import Fcm
from mobility.clearing_house.outcome import Provider
from mobility.clearing_house.settings import (
    ApnsSettings,
    FcmSettings,
    Settings,
    WebPushSettings,
    WnsSettings,
)
from mobility.clearing_house.signing import (
    ApnsTokens,
    ServiceAccount,
    Vapid,
    ec_key,
    origin_of,
    read_secret,
)
from mobility.clearing_house.web import WebClient
from mobility.clearing_house.web_push import WebPush
from mobility.clearing_house.wns import Wns
from mobility.errors import OperatorFault
from mobility.events import EventLog
from mobility.push.wire import Device
from mobility.reactor import IReactor

DAY_S = 86_400.0
ALPN_H2 = b"h2"


class Close(Protocol):
    """As `outcome.Provider.close`, for connections that the providers of an app share."""

    def __call__(self, *, now: bool) -> Coroutine[Any, Any, None]: ...


@attrs.define(slots=True, eq=False)
class App:
    """One platform and app id.

    `route` names the part of a destination that a device decides ("" but for the open web), and
    raises EndpointRefused; `provider` makes what serves such a destination.  `credential` says
    which credential it has, without a secret; `ends_at` is when that ends, None for never.  `close`
    lets go of connections that its providers share.
    """

    platform: str
    app_id: str
    credential: str
    route: Callable[[Device], str]
    provider: Callable[[], Provider]
    close: Close
    ends_at: float | None = None

    @property
    def key(self) -> tuple[str, str]:
        return self.platform, self.app_id


Makers = dict[tuple[str, str], App]


@attrs.frozen(slots=True)
class Surroundings:
    """What every provider needs of the process."""

    reactor: IReactor
    log: EventLog
    epoch: Callable[[], float]


def build_apps(settings: Settings, around: Surroundings) -> Makers:
    """All of them.  Raises OperatorFault."""
    where = str(settings.source)
    found = [
        *(_apns(one, where, f"apns[{n}]", around) for n, one in enumerate(settings.apns)),
        *(_fcm(one, where, f"fcm[{n}]", around) for n, one in enumerate(settings.fcm)),
        *(
            _web_push("webpush", one, where, f"webpush[{n}]", around)
            for n, one in enumerate(settings.webpush)
        ),
        *(
            _web_push("unifiedpush", one, where, f"unifiedpush[{n}]", around)
            for n, one in enumerate(settings.unifiedpush)
        ),
        *(_wns(one, where, f"wns[{n}]", around) for n, one in enumerate(settings.wns)),
    ]
    return {app.key: app for app in found}


def _nowhere(_device: Device) -> str:
    return ""


async def _nothing(*, now: bool) -> None:
    """No connection is shared."""


def _apns(one: ApnsSettings, where: str, key: str, around: Surroundings) -> App:
    data = read_secret(one.key, where, f"{key}.key")
    tokens = ApnsTokens(one.team_id, one.key_id, ec_key(data, where, f"{key}.key", one.key))
    tls = Tls(one.ca, where, f"{key}.ca")

    def endpoint() -> IStreamClientEndpoint:
        return tls_endpoint(around.reactor, tls, one.server, one.port, ALPN_H2)

    authority = one.server if one.port == 443 else f"{one.server}:{one.port}"

    def provider() -> Provider:
        return Apns(
            one.app_id,
            authority,
            tokens,
            endpoint,
            around.reactor,
            around.log,
            epoch=around.epoch,
        )

    return App(
        "apns", one.app_id, f"key {one.key_id} of team {one.team_id}", _nowhere, provider, _nothing
    )


def _fcm(one: FcmSettings, where: str, key: str, around: Surroundings) -> App:
    dotted = f"{key}.service_account"
    data = read_secret(one.service_account, where, dotted)
    account = ServiceAccount(data, where, dotted, one.service_account)
    endpoints = TlsEndpoints(around.reactor, Tls(one.ca, where, f"{key}.ca"), private=True)
    client = WebClient(around.reactor, endpoints)

    provider = Fcm(account, one.server, client, epoch=around.epoch)
    credential = f"service account of {account.project}"
    return App("fcm", one.app_id, credential, _nowhere, lambda: provider, client.close)


def _web_push(
    platform: str, one: WebPushSettings, where: str, key: str, around: Surroundings
) -> App:
    data = read_secret(one.key, where, f"{key}.key")
    vapid = Vapid(ec_key(data, where, f"{key}.key", one.key), one.subject)
    client = _open_web(one.ca, one.allow_private_addresses, where, key, around)

    route = _by_host(one)

    def provider() -> Provider:
        return WebPush(vapid, client, route, epoch=around.epoch)

    credential = f"VAPID key {vapid.public_key[:12]}..."
    return App(platform, one.app_id, credential, route, provider, client.close)


def _wns(one: WnsSettings, where: str, key: str, around: Surroundings) -> App:
    dotted = f"{key}.client_secret"
    secret = read_secret(one.client_secret, where, dotted).decode("utf-8", "replace").strip()
    if not secret:
        raise OperatorFault(where, f"{one.client_secret} is empty", dotted)
    client = _open_web(one.ca, one.allow_private_addresses, where, key, around)
    token_url = f"{one.login}/{one.tenant}/oauth2/v2.0/token"

    route = _by_list(one)
    provider = Wns(token_url, one.client_id, secret, client, route, epoch=around.epoch)
    ends_at = None
    if one.secret_ends:
        day = date.fromisoformat(one.secret_ends)
        ends_at = datetime.combine(day, time(), UTC).timestamp()
    credential = f"client {one.client_id}"
    return App("wns", one.app_id, credential, route, lambda: provider, client.close, ends_at)


def _open_web(ca: Any, private: bool, where: str, key: str, around: Surroundings) -> WebClient:
    tls = Tls(ca, where, f"{key}.ca")
    return WebClient(around.reactor, TlsEndpoints(around.reactor, tls, private=private))


def _by_host(one: WebPushSettings) -> Callable[[Device], str]:
    def route(device: Device) -> str:
        checked(device.endpoint, one.allowed_endpoints, private=one.allow_private_addresses)
        return origin_of(device.endpoint).removeprefix("https://")

    return route


def _by_list(one: WnsSettings) -> Callable[[Device], str]:
    def route(device: Device) -> str:
        checked(device.endpoint, one.allowed_endpoints, private=one.allow_private_addresses)
        return ""

    return route
