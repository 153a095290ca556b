"""Administration of users: what `mobility user ...` asks for, through the operator API or alone.

    GET    /operate/v1/users?after=URI&limit=N   a page of users, in the order of their URIs
    POST   /operate/v1/users                     add one: {"uri": ..., "password": ..., ...}
    GET    /operate/v1/users/{uri}               one
    PATCH  /operate/v1/users/{uri}               change the fields given
    DELETE /operate/v1/users/{uri}               sign out everywhere and forget

Fields and rules are those of `mobility.operate.profile`.
"""

from bisect import bisect_right
from collections.abc import Callable, Collection, Mapping

import attrs
import msgspec
from twisted.internet.defer import DeferredLock

from mobility.auth.passwords import Passwords, digest_hashes
from mobility.domain.addresses import address_of, is_local, user_uri
from mobility.domain.mirror import OWNED
from mobility.domain.records import User
from mobility.domain.service_accounts import SOURCE as SERVICE
from mobility.domain.setting_rules import with_value
from mobility.domain.topology import Topology
from mobility.domain.users import Users
from mobility.errors import Parameter, PeerFault, Refusal, validation_failure
from mobility.events import Catalogue, EventLog
from mobility.http.message import Request, Response
from mobility.http.route import Route
from mobility.operate import paths
from mobility.operate.access import OperatorAccess
from mobility.operate.health import json_response
from mobility.operate.profile import applied, check, homed, shown

EVENTS: Catalogue = {
    "users.added": {"user": "pseudonym of the new user"},
    "users.changed": {
        "user": "pseudonym of the user",
        "fields": "names of the fields that were given, without their values",
    },
    "users.removed": {"user": "pseudonym of the user who is gone"},
}

PATH = paths.USERS
USER_BODY_BYTES = 64 * 1024

OWNED_BY_DIRECTORY = frozenset({*OWNED, "password", "sip_digest"})
"""Fields of a user from a directory that are not for operators; its password is known there alone,
so there are no SIP digest hashes either."""


class UserAdministration:
    """Adds, changes and removes users, one after another; every answer is durable.

    All methods raise PeerFault or Refusal as the API answers them, and Unavailable.
    """

    def __init__(
        self,
        users: Users,
        passwords: Passwords,
        sip_domains: Collection[str],
        log: EventLog,
        pseudonym: Callable[[str], str],
        directories: Collection[str] = (),
        topology: Topology | None = None,
    ) -> None:
        """`directories` are the sources that keep their users themselves (`User.source`)."""
        self._topology = topology or Topology()
        self._directories = directories
        self._users = users
        self._passwords = passwords
        self._sip_domains = sip_domains
        self._log = log
        self._pseudonym = pseudonym
        self._turn = DeferredLock()

    def page(self, after: str, limit: int) -> list[User]:
        """At most `limit` users whose URIs come after `after`."""
        users = self._users.all()
        start = bisect_right(users, after, key=lambda user: user.uri)
        return users[start : start + limit]

    def find(self, uri: str) -> User:
        """One user; 404 for a stranger."""
        return self._users.named(uri)

    async def add(self, uri: object, values: Mapping[str, object], now: float) -> User:
        """A new user; `values` must hold a password."""
        canonical = user_uri(uri) if isinstance(uri, str) else None
        if canonical is None:
            rule = with_value(uri, "must be a SIP URI: sip:user@domain")
            raise validation_failure(Parameter("uri", rule))
        if not is_local(canonical, self._sip_domains):
            domains = ", ".join(self._sip_domains)
            raise validation_failure(
                Parameter(
                    "uri", f"is {canonical!r}, must be in a SIP domain of this system: {domains}"
                )
            )
        check(values)
        values = homed(values, self._topology)
        if "password" not in values:
            raise validation_failure(Parameter("password", "is missing"))
        async with self._turn:
            if self._users.find(canonical) is not None:
                raise Refusal("Conflict", "AlreadyExists", "There is a user with this SIP URI.")
            password_hash = await self._hash(values)
            name = address_of(canonical).partition("@")[0]
            user = applied(User(canonical, name, created_at=now), values)
            user = _with_secrets(user, values, password_hash)
            await self._users.add(user)
        self._log.emit("users.added", user=self._pseudonym(canonical))
        return user

    async def change(self, uri: str, values: Mapping[str, object], now: float) -> User:
        """A user with other values; a new password, or `enabled` false, signs it out."""
        check(values)
        values = homed(values, self._topology)
        async with self._turn:
            user = self.find(uri)
            if user.source in self._directories:
                _check_owner(user, values)
            if user.source == SERVICE and (given := values.keys() & {"password", "sip_digest"}):
                rule = "is for people; a service account has secrets, which are rotated"
                raise validation_failure(*(Parameter(name, rule) for name in sorted(given)))
            password_hash = await self._hash(values)
            user = await self._users.update(
                user.uri,
                lambda current: _with_secrets(applied(current, values), values, password_hash),
                now,
            )
        self._log.emit("users.changed", user=self._pseudonym(user.uri), fields=sorted(values))
        return user

    async def remove(self, uri: str, now: float) -> None:
        """Sign a user out everywhere and forget it; one of a directory only when it is gone there.

        409 for one that the directory still has: it would be back with the next replication.
        """
        async with self._turn:
            user = self.find(uri)
            if user.source in self._directories and user.enabled:
                raise Refusal(
                    "Conflict",
                    None,
                    f"This user is kept by the directory ({user.source}): remove or disable it "
                    "there.",
                )
            await self._users.remove(user.uri, now)
        self._log.emit("users.removed", user=self._pseudonym(user.uri))

    async def _hash(self, values: Mapping[str, object]) -> str:
        """The hash of the password given, "" when none is."""
        password = values.get("password")
        if not isinstance(password, str):
            return ""
        async with self._passwords.turn():
            return await self._passwords.hash(password)


def _check_owner(user: User, values: Mapping[str, object]) -> None:
    """Refuse to change what a directory keeps: it would be undone by the next replication."""
    kept = sorted(values.keys() & OWNED_BY_DIRECTORY)
    if kept:
        rule = f"is kept by the directory ({user.source}): change it there"
        raise validation_failure(*(Parameter(name, rule) for name in kept))


def _with_secrets(user: User, values: Mapping[str, object], password_hash: str) -> User:
    """`user` with what a new password and the wish for SIP digest call for."""
    digest = values.get("sip_digest", user.sip_ha1_md5 != "")
    if password_hash:
        user = attrs.evolve(
            user,
            password_hash=password_hash,
            credential_version=user.credential_version + bool(user.password_hash),
        )
    if not digest:
        return attrs.evolve(user, sip_ha1_md5="", sip_ha1_sha256="")
    password = values.get("password")
    if isinstance(password, str):
        hashes = digest_hashes(user.uri, password)
        return attrs.evolve(user, sip_ha1_md5=hashes.md5, sip_ha1_sha256=hashes.sha256)
    if not user.sip_ha1_md5:
        raise validation_failure(
            Parameter("sip_digest", "can be turned on only together with a password")
        )
    return user


def routes(administration: UserAdministration, access: OperatorAccess) -> list[Route]:
    """The operator API of users."""

    def list_users(request: Request) -> Response:
        asked = request.query.get("limit", str(paths.PAGE_USERS))
        limit = int(asked) if len(asked) <= 4 and asked.isascii() and asked.isdigit() else 0
        if not 1 <= limit <= paths.PAGE_USERS:
            raise validation_failure(Parameter("limit", f"must be from 1 to {paths.PAGE_USERS}"))
        page = administration.page(request.query.get("after", ""), limit)
        return json_response(200, {"users": [shown(user) for user in page]})

    def show(request: Request) -> Response:
        return json_response(200, shown(administration.find(request.path_parameters["uri"])))

    async def add(request: Request) -> Response:
        values = _object(request)
        user = await administration.add(values.pop("uri", None), values, request.now)
        return json_response(201, shown(user))

    async def change(request: Request) -> Response:
        values = _object(request)
        uri = request.path_parameters["uri"]
        return json_response(200, shown(await administration.change(uri, values, request.now)))

    async def remove(request: Request) -> Response:
        await administration.remove(request.path_parameters["uri"], request.now)
        return Response(204)

    one = f"{PATH}/{{uri}}"
    return [
        access.route("operate.users", "GET", PATH, list_users),
        access.route("operate.users", "POST", PATH, add, USER_BODY_BYTES),
        access.route("operate.user", "GET", one, show),
        access.route("operate.user", "PATCH", one, change, USER_BODY_BYTES),
        access.route("operate.user", "DELETE", one, remove),
    ]


def _object(request: Request) -> dict[str, object]:
    """The JSON object of a body."""
    try:
        values = msgspec.json.decode(request.body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        values = None
    if not isinstance(values, dict):
        raise PeerFault("BadRequest", "DeserializationFailure", "The body must be a JSON object.")
    return values
