"""Administration of an area of settings (`mobility.domain.setting_book`), the same for each.

    GET    {path}/{kind}                    all objects of a kind
    POST   {path}/{kind}                    add one: {"name": ..., ...}
    GET    {path}/{kind}/{name}             one, with its version
    PATCH  {path}/{kind}/{name}             change the fields given: {"version": N, ...}
    DELETE {path}/{kind}/{name}?version=N   forget it; a global one is reset
    GET    {path}-grants/{uri}              what is granted to a user, and what is in force
    PATCH  {path}-grants/{uri}              {"version": N, ...}

A change says which version it was made from and is refused (409) when that is no longer the one
stored.
"""

from collections.abc import Callable
from typing import Any, Protocol

import attrs
import msgspec

from mobility.domain.records import User
from mobility.domain.setting_book import SettingBook, Stored
from mobility.domain.setting_rules import nearest, shown
from mobility.domain.users import Users
from mobility.errors import Parameter, PeerFault, Refusal, validation_failure
from mobility.http.message import Request, Response
from mobility.http.route import Route
from mobility.operate.access import OperatorAccess
from mobility.operate.health import json_response

BODY_BYTES = 256 * 1024
"""A dial plan with all the rules it may have is smaller (our choice)."""

CHANGED = {
    "kind": "the kind of object",
    "name": "its identity",
    "change": "added, changed or removed",
    "version": "its version now, 0 when it was removed",
}
"""The fields of the event of a changed object."""


class Told(Protocol):
    """Logs what was changed."""

    def __call__(self, kind: str, name: str, change: str, version: int) -> None: ...


@attrs.frozen(slots=True)
class Area:
    """What is particular to an area: `name` is that of its routes, `path` where it is served.

    `granted` shows what a user holds and what is in force for it.
    """

    name: str
    path: str
    changed: Told
    granted: Callable[[User, Any], dict[str, object]]
    told_granted: Callable[[User, Any], None]

    @property
    def grants_path(self) -> str:
        return f"{self.path}-grants"


def setting_routes(
    book: SettingBook[Any], users: Users, access: OperatorAccess, area: Area
) -> list[Route]:
    """The operator API of an area of settings."""

    def kind_of(request: Request) -> str:
        kind = request.path_parameters["kind"]
        if kind not in book.kinds.classes:
            hint = nearest(kind, book.kinds.classes)
            what = f"There are no {area.name} {kind[:40]!r} here{hint}."
            raise Refusal("NotFound", None, what)
        return kind

    def list_all(request: Request) -> Response:
        kind = kind_of(request)
        return json_response(200, {kind: [_shown(one) for one in book.all(kind)]})

    def show(request: Request) -> Response:
        found = book.find(kind_of(request), request.path_parameters["name"])
        return json_response(200, _shown(found))

    async def add(request: Request) -> Response:
        kind, values = kind_of(request), json_object(request)
        stored = await book.add(kind, values.pop("name", None), values)
        area.changed(kind, stored.thing.name, "added", stored.version)
        return json_response(201, _shown(stored))

    async def change(request: Request) -> Response:
        kind, values = kind_of(request), json_object(request)
        version = version_of(values.pop("version", None))
        stored = await book.change(kind, request.path_parameters["name"], values, version)
        area.changed(kind, stored.thing.name, "changed", stored.version)
        return json_response(200, _shown(stored))

    async def remove(request: Request) -> Response:
        kind, name = kind_of(request), request.path_parameters["name"]
        version = version_asked(request)
        before = book.find(kind, name)
        await book.remove(kind, name, version)
        area.changed(kind, before.thing.name, "removed", 0)
        return Response(204)

    def user(request: Request) -> User:
        return users.named(request.path_parameters["uri"])

    def show_grant(request: Request) -> Response:
        holder = user(request)
        return json_response(200, area.granted(holder, book.grant_of(holder.uri)))

    async def grant(request: Request) -> Response:
        holder, values = user(request), json_object(request)
        version = version_of(values.pop("version", None))
        given = await book.grant(holder.uri, values, version)
        area.told_granted(holder, given)
        return json_response(200, area.granted(holder, given))

    kind, one = f"{area.path}/{{kind}}", f"{area.path}/{{kind}}/{{name}}"
    grants = f"{area.grants_path}/{{uri}}"
    name = f"operate.{area.name}"
    return [
        access.route(name, "GET", kind, list_all),
        access.route(name, "POST", kind, add, BODY_BYTES),
        access.route(f"{name}_one", "GET", one, show),
        access.route(f"{name}_one", "PATCH", one, change, BODY_BYTES),
        access.route(f"{name}_one", "DELETE", one, remove),
        access.route(f"{name}_grant", "GET", grants, show_grant),
        access.route(f"{name}_grant", "PATCH", grants, grant),
    ]


def version_of(version: object) -> int:
    """The version that a change was made from.  400 without one."""
    if not isinstance(version, int) or isinstance(version, bool) or version < 0:
        rule = "must be the version that the change was made from"
        raise validation_failure(Parameter("version", rule))
    return version


def version_asked(request: Request) -> int:
    """The version in the query of a DELETE.  400 without one."""
    asked = request.query.get("version", "")
    digits = asked.isascii() and asked.isdigit() and len(asked) < 10
    return version_of(int(asked) if digits else None)


def json_object(request: Request) -> dict[str, Any]:
    """The JSON object of a body.  400 DeserializationFailure when it is none."""
    try:
        values = msgspec.json.decode(request.body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        values = None
    if not isinstance(values, dict):
        raise PeerFault("BadRequest", "DeserializationFailure", "The body must be a JSON object.")
    return values


def _shown(stored: Stored) -> dict[str, object]:
    return {**shown(stored.thing), "version": stored.version}
