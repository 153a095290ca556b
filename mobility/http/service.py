"""From a request to its response: route, authorisation, handler, and the funnel for every failure.

Nothing here knows a connection: `mobility.http.exchange` does, and a batch runs its parts through
`RequestService.dispatch`.
"""

from collections.abc import Callable, Iterable

import attrs
from twisted.internet.defer import Deferred, succeed
from twisted.python.failure import Failure

from mobility.errors import Answerable, Refusal
from mobility.events import Catalogue, EventLog
from mobility.http.crossdomain import CrossDomain
from mobility.http.errors import WrongMethod, error_response, too_large
from mobility.http.message import Caller, Request, Response, Site
from mobility.http.route import JSON_BODY_BYTES, Authorisation, Route
from mobility.http.router import Router
from mobility.http.subtree import Passage, Subtree
from mobility.http.target import path_segments, query_fields

EVENTS: Catalogue = {
    "http.failure": {
        "id": "the request id, which the client got in debugInfo",
        "route": "the route's name",
        "failure": "the traceback",
    },
}

_SERVER_METHODS = "DELETE, GET, HEAD, OPTIONS, POST, PUT"
"""What `OPTIONS *` names (RFC 9110 section 9.3.7)."""

Authenticate = Callable[[Request], Caller]
"""Finds who sent a request by its headers; raises `mobility.http.errors.Unauthorised`."""


@attrs.define(slots=True)
class Plan:
    """How a request will be answered: by a route, already (`fault`, `response`), or elsewhere."""

    route: Route | None = None
    fault: Answerable | None = None
    response: Response | None = None
    passage: Passage | None = None
    subtree: Subtree | None = None

    @property
    def name(self) -> str:
        """The name of the route or the directory for the access line."""
        if self.subtree is not None:
            return self.subtree.name
        return "-" if self.route is None else self.route.name

    @property
    def may_park(self) -> bool:
        return self.route is not None and self.route.may_park

    @property
    def body_limit(self) -> int:
        return JSON_BODY_BYTES if self.route is None else self.route.max_body_bytes


class RequestService:
    """What one site serves."""

    def __init__(
        self,
        site: Site,
        routes: Iterable[Route],
        *,
        authenticate: Authenticate,
        cross_domain: CrossDomain,
        log: EventLog,
        subtrees: Iterable[Subtree] = (),
    ) -> None:
        self._router = Router(routes, site)
        self._subtrees = {
            one.path.strip("/").lower(): one
            for one in subtrees
            if site.name in one.sites and (site.secure or one.plain)
        }
        self._authenticate = authenticate
        self._cross_domain = cross_domain
        self._log = log

    def plan(self, request: Request) -> Plan:
        """Find the route and the caller of a request whose body need not have come.

        `path` and `raw_query` are as they came; here they are read, and `query`, `path_parameters`
        and `caller` are filled in.
        """
        plan = Plan()
        try:
            if request.path == "*" and request.method == "OPTIONS":
                plan.response = Response(204, headers=[("Allow", _SERVER_METHODS)])
            else:
                self._choose(request, plan)
        except Answerable as fault:
            plan.fault = fault
        except Exception as error:
            plan.response = self.failed(error, request, plan)
        return plan

    def _choose(self, request: Request, plan: Plan) -> None:
        segments = path_segments(request.path)
        request.path = "/" + "/".join(segments)
        subtree = self._subtrees.get(segments[0].lower()) if segments else None
        if subtree is not None:
            plan.subtree = subtree
            entered = subtree.enter(request, segments)
            if isinstance(entered, Response):
                plan.response = entered
            else:
                plan.passage = entered
            return
        request.query = query_fields(request.raw_query)
        found = self._router.find(segments)
        if found is None:
            raise Refusal("NotFound", "ResourceNotFound", "There is no such resource.")
        place, values = found
        origin = self._cross_domain.admit(request.headers)
        if request.method == "OPTIONS":
            plan.response = self._cross_domain.preflight(origin, place.methods, request.headers)
            return
        route = place.route(request.method)
        if route is None:
            if place.guarded:
                self._authenticate(request)
            raise WrongMethod(place.methods)
        plan.route = route
        if values:
            request.path_parameters = dict(zip(place.names(route), values, strict=True))
        if route.authorisation is Authorisation.BEARER:
            request.caller = self._authenticate(request)

    def run(self, request: Request, plan: Plan) -> Response | Deferred[Response]:
        """Answer a whole request; a Deferred never fails."""
        if plan.response is not None:
            return plan.response
        if plan.route is None or plan.fault is not None:
            fault = plan.fault or Refusal("NotFound", "ResourceNotFound")
            return error_response(fault, request.id)
        try:
            answer = plan.route.handler(request)
        except Exception as error:
            return self.failed(error, request, plan)
        if isinstance(answer, Response):
            return answer
        deferred = answer if isinstance(answer, Deferred) else Deferred.fromCoroutine(answer)
        return deferred.addErrback(self.failed, request, plan)

    def dispatch(self, request: Request) -> Deferred[Response]:
        """Answer a request that came inside another one (`path` and `raw_query` as they came).

        A route that may park is refused.  The Deferred never fails.
        """
        plan = self.plan(request)
        if plan.may_park or plan.passage is not None:
            plan.fault = Refusal("Forbidden", None, "This resource cannot be part of a batch.")
        elif len(request.body) > plan.body_limit:
            plan.fault = plan.fault or too_large(
                f"The body is larger than {plan.body_limit} bytes."
            )
        answer = self.run(request, plan)
        return succeed(answer) if isinstance(answer, Response) else answer

    def failed(self, failure: Failure | Exception, request: Request, plan: Plan) -> Response:
        """The one funnel: what is told to the peer is told, anything else is logged and a 500."""
        error = failure.value if isinstance(failure, Failure) else failure
        if isinstance(error, Answerable):
            return error_response(error, request.id)
        self._log.failure("http.failure", failure, id=request.id, route=plan.name)
        fault = Refusal("ServiceFailure", None, "The service failed; the log has the request id.")
        return error_response(fault, request.id)
