"""From declarations to routes: who may, which application, which version, done once."""

import inspect
from collections.abc import Coroutine, Iterator
from typing import Any

from twisted.internet.defer import Deferred

from mobility.domain.addresses import is_guest
from mobility.domain.applications import Endpoint
from mobility.domain.records import Receipt, User
from mobility.errors import Refusal
from mobility.http.message import Request, Response
from mobility.http.route import Answer, Authorisation, Handler, Route
from mobility.ucwa import application, photos, scopes
from mobility.ucwa.declaration import (
    NEWEST_REVISION,
    Call,
    Operation,
    Resource,
    required_version,
)
from mobility.ucwa.guests import account_of, require
from mobility.ucwa.hrefs import (
    APPLICATIONS,
    GUEST_APPLICATIONS,
    REFERENCE_APPLICATIONS,
    REFERENCE_GUEST_APPLICATIONS,
)
from mobility.ucwa.idempotency import HEADER, Receipts
from mobility.ucwa.ports import Authenticate
from mobility.ucwa.preconditions import has_tag
from mobility.ucwa.resources import RESOURCES
from mobility.ucwa.service import Ucwa

APPLICATIONS_REVISION = 2
"""`applications2` is the same resource with instanceId and type."""


def routes(ucwa: Ucwa, authenticate: Authenticate) -> list[Route]:
    """Every route of the UCWA tree, in the task-page shapes and the reference pages' shapes.

    `authenticate` is what the pipeline uses; photos fall back on it when they have no cookie.
    """
    receipts = Receipts(ucwa.archive)
    return [
        *_applications(ucwa, receipts),
        *(
            route
            for resource in RESOURCES
            for operation in resource.operations
            for route in _operation(ucwa, receipts, authenticate, resource, operation)
        ),
    ]


def _applications(ucwa: Ucwa, receipts: Receipts) -> Iterator[Route]:
    def register(request: Request) -> Answer:
        _require_version(request)
        user = _caller(ucwa, request)

        async def first(receipt: Receipt | None) -> Response:
            return await application.register(ucwa, request, user, receipt)

        async def again(application_id: str) -> Response:
            return application.register_again(
                ucwa, request, _endpoint(ucwa, request, application_id)
            )

        async def answer() -> Response:
            if HEADER in request.headers:
                response = await receipts.once(user.uri, request, first, again)
            else:
                response = await first(None)
            limits = ucwa.calls.policies.scopes_of(user.uri)
            return _finished(response, request, APPLICATIONS_REVISION, limits)

        return answer()

    def shown(request: Request) -> Answer:
        _require_version(request)
        user = _caller(ucwa, request)
        response = application.get_applications(ucwa, user)
        return _finished(
            response, request, APPLICATIONS_REVISION, ucwa.calls.policies.scopes_of(user.uri)
        )

    def register_guest(request: Request) -> Answer:
        if request.caller is None or not is_guest(request.caller.user_uri):
            raise Refusal("Forbidden", None, "This is for people without an account.")
        return register(request)

    for prefix in (APPLICATIONS, REFERENCE_APPLICATIONS):
        yield Route("applications", "POST", prefix, register)
        yield Route("applications", "GET", prefix, shown)
    for path in (GUEST_APPLICATIONS, REFERENCE_GUEST_APPLICATIONS):
        yield Route("anonApplications", "POST", path, register_guest)


def _operation(
    ucwa: Ucwa,
    receipts: Receipts,
    authenticate: Authenticate,
    resource: Resource,
    operation: Operation,
) -> Iterator[Route]:
    handler = _handler(ucwa, receipts, resource, operation)
    if resource.own_authorisation:
        handler = _with_cookie(ucwa, authenticate, handler)
    for prefix in (APPLICATIONS, REFERENCE_APPLICATIONS):
        for path in (resource.path, *resource.aliases):
            yield Route(
                name=resource.rel,
                method=operation.method,
                path=f"{prefix}/{{application}}" + (f"/{path}" if path else ""),
                handler=handler,
                authorisation=(
                    Authorisation.OWN if resource.own_authorisation else Authorisation.BEARER
                ),
                may_park=operation.may_park,
                max_body_bytes=operation.max_body_bytes,
            )


def _handler(ucwa: Ucwa, receipts: Receipts, resource: Resource, operation: Operation) -> Handler:
    run, repeat, revision = operation.handler, operation.repeat, resource.revision

    async def once(call: Call) -> Response:
        async def first(receipt: Receipt) -> Response:
            call.receipt = receipt
            return await _awaited(run(ucwa, call))

        async def again(resource_id: str) -> Response:
            if repeat is None:
                raise TypeError(f"{resource.rel} cannot be repeated")
            return await _awaited(repeat(ucwa, call, resource_id))

        return await receipts.once(call.endpoint.user_uri, call.request, first, again)

    async def later(
        request: Request, answer: Coroutine[Any, Any, Response], limits: scopes.Limits
    ) -> Response:
        return _finished(await answer, request, revision, limits)

    def handle(request: Request) -> Answer:
        _require_version(request)
        endpoint = _endpoint(ucwa, request, request.path_parameters["application"])
        endpoint.seen(request.now)
        require(endpoint, resource.rel, operation.method)
        limits = ucwa.calls.policies.scopes_of(endpoint.user_uri)
        scopes.require(limits, resource.rel)
        call = Call(request, endpoint)
        if repeat is not None and HEADER in request.headers:
            return later(request, once(call), limits)
        answer = run(ucwa, call)
        if isinstance(answer, Response):
            return _finished(answer, request, revision, limits)
        if isinstance(answer, Deferred):
            return answer.addCallback(_finished, request, revision, limits)
        return later(request, answer, limits)

    return handle


def _with_cookie(ucwa: Ucwa, authenticate: Authenticate, handler: Handler) -> Handler:
    """Admit a request by the application's photo cookie, or else by its bearer token."""

    def handle(request: Request) -> Answer:
        endpoint = ucwa.applications.find(request.path_parameters["application"])
        if endpoint is None or not photos.admitted(ucwa, Call(request, endpoint)):
            request.caller = authenticate(request)
        else:
            request.caller = photos.CookieCaller(endpoint.user_uri)
        return handler(request)

    return handle


def _finished(
    response: Response, request: Request, revision: int, limits: scopes.Limits
) -> Response:
    """`response` with its version and entity tag; 304 when the client has that document.

    What the caller is limited to says which links it has.
    """
    if limits is not None and response.document is not None:
        response.document = scopes.without_closed(response.document, limits)
    version = ("X-MS-UcwaVersion", str(revision))
    response.headers.append(version)
    document = response.document
    if document is not None and (etag := document.get("etag")) is not None:
        tag = ("ETag", f'"{etag}"')
        if request.method in ("GET", "HEAD") and has_tag(request, etag):
            return Response(304, headers=[tag, version])
        response.headers.append(tag)
    return response


async def _awaited(answer: Answer) -> Response:
    if inspect.isawaitable(answer):
        return await answer
    return answer


def _caller(ucwa: Ucwa, request: Request) -> User:
    """The user who called; the route's authorisation has seen to it that there is one."""
    user = account_of(ucwa, request.caller.user_uri) if request.caller is not None else None
    if user is None:
        raise Refusal("NotFound", None, "This user has no home here.")
    return user


def _endpoint(ucwa: Ucwa, request: Request, application_id: str) -> Endpoint:
    """The live application of this id, if it is the caller's; somebody else's is not found."""
    endpoint = ucwa.applications.find(application_id)
    caller = request.caller
    if endpoint is None or caller is None or endpoint.user_uri != caller.user_uri:
        raise Refusal("NotFound", "ApplicationNotFound", "There is no such application.")
    return endpoint


def _require_version(request: Request) -> None:
    """X-MS-RequiresMinResourceVersion (UCWA "Versioning"): 404 above all that is served.

    Deployed clients require revision 2 of whatever they ask for, so resources that have never had
    another revision than 1 meet it as well; each answer names its own in X-MS-UcwaVersion.
    """
    if required_version(request) > NEWEST_REVISION:
        raise Refusal(
            "NotFound", "APIVersionNotSupported", f"The newest revision is {NEWEST_REVISION}."
        )
