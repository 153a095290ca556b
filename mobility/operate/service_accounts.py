"""Administration of service accounts: what `mobility service-account ...` asks for.

    GET    /operate/v1/service-accounts               all of them
    POST   /operate/v1/service-accounts               add one: {"uri", "name", "scopes"}
    GET    /operate/v1/service-accounts/{uri}         one, with its version
    PATCH  /operate/v1/service-accounts/{uri}         {"version": N, "scopes": [...], "enabled": B}
    DELETE /operate/v1/service-accounts/{uri}?version=N   sign it out everywhere and forget it
    POST   /operate/v1/service-accounts/{uri}/secret  rotate: {"version": N, "overlap_s": S}

Adding and rotating answer with the new `secret`, which is never shown again.
"""

from collections.abc import Callable
from typing import Any

from mobility.domain.records import ServiceAccount
from mobility.domain.service_accounts import DEFAULT_OVERLAP_S, OVERLAP_S, ServiceAccounts, Told
from mobility.domain.users import Users
from mobility.errors import Parameter, validation_failure
from mobility.events import Catalogue, EventLog
from mobility.http.message import Request, Response
from mobility.http.route import Route
from mobility.operate import paths
from mobility.operate.access import OperatorAccess
from mobility.operate.health import json_response
from mobility.operate.profile import MAX_TEXT
from mobility.operate.settings import json_object, version_asked, version_of

EVENTS: Catalogue = {
    "accounts.changed": {
        "user": "pseudonym of the account",
        "change": "added, changed, rotated or removed",
    },
}

PATH = paths.SERVICE_ACCOUNTS


def routes(
    accounts: ServiceAccounts,
    users: Users,
    access: OperatorAccess,
    log: EventLog,
    pseudonym: Callable[[str], str],
) -> list[Route]:
    """The operator API of service accounts."""

    def changed(account: ServiceAccount, change: str) -> None:
        log.emit("accounts.changed", user=pseudonym(account.user_uri), change=change)

    def shown(account: ServiceAccount, now: float) -> dict[str, Any]:
        user = users.find(account.user_uri)
        return {
            "uri": account.user_uri,
            "name": user.name if user is not None else "",
            "enabled": user is not None and user.enabled,
            "scopes": account.scopes.split(","),
            "version": account.version,
            "secrets": [
                {"created_at": one.created_at, "expires_at": one.expires_at or None}
                for one in accounts.secrets_of(account.user_uri, now)
            ],
        }

    def told(one: Told, now: float) -> dict[str, Any]:
        return {**shown(one.account, now), "secret": one.secret}

    def list_all(request: Request) -> Response:
        found = [shown(one, request.now) for one in accounts.all()]
        return json_response(200, {"service_accounts": found})

    def show(request: Request) -> Response:
        return json_response(200, shown(_named(request), request.now))

    def _named(request: Request) -> ServiceAccount:
        return accounts.find(request.path_parameters["uri"])

    async def add(request: Request) -> Response:
        values = json_object(request)
        _only(values, "uri", "name", "scopes")
        name = values.get("name", "")
        if not isinstance(name, str) or len(name) > MAX_TEXT:
            rule = f"must be a string of at most {MAX_TEXT} characters"
            raise validation_failure(Parameter("name", rule))
        made = await accounts.add(values.get("uri"), name, values.get("scopes"), request.now)
        changed(made.account, "added")
        return json_response(201, told(made, request.now))

    async def change(request: Request) -> Response:
        values = json_object(request)
        _only(values, "version", "scopes", "enabled")
        enabled = values.get("enabled")
        if enabled is not None and not isinstance(enabled, bool):
            raise validation_failure(Parameter("enabled", "must be true or false"))
        after = await accounts.change(
            request.path_parameters["uri"],
            version_of(values.get("version")),
            request.now,
            scopes=values.get("scopes"),
            enabled=enabled,
        )
        changed(after, "changed")
        return json_response(200, shown(after, request.now))

    async def rotate(request: Request) -> Response:
        values = json_object(request)
        _only(values, "version", "overlap_s")
        overlap_s = values.get("overlap_s", DEFAULT_OVERLAP_S)
        least, most = OVERLAP_S
        whole = isinstance(overlap_s, int) and not isinstance(overlap_s, bool)
        if not whole or not least <= overlap_s <= most:
            rule = f"must be a whole number from {least} to {most}"
            raise validation_failure(Parameter("overlap_s", rule))
        rotated = await accounts.rotate(
            request.path_parameters["uri"],
            version_of(values.get("version")),
            overlap_s,
            request.now,
        )
        changed(rotated.account, "rotated")
        return json_response(200, told(rotated, request.now))

    async def remove(request: Request) -> Response:
        account = _named(request)
        await accounts.remove(account.user_uri, version_asked(request), request.now)
        changed(account, "removed")
        return Response(204)

    one = f"{PATH}/{{uri}}"
    return [
        access.route("operate.service_accounts", "GET", PATH, list_all),
        access.route("operate.service_accounts", "POST", PATH, add),
        access.route("operate.service_account", "GET", one, show),
        access.route("operate.service_account", "PATCH", one, change),
        access.route("operate.service_account", "DELETE", one, remove),
        access.route("operate.service_account_secret", "POST", f"{one}/secret", rotate),
    ]


def _only(values: dict[str, Any], *known: str) -> None:
    wrong = [
        Parameter(key, f"is not a field here; there are {', '.join(known)}")
        for key in values
        if key not in known
    ]
    if wrong:
        raise validation_failure(*wrong)
