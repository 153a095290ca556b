"""`GET /meet/<organizer>/<id>`: the join URL of an online meeting.

Whoever has the URL may knock.  The subject and the organizer's name are told only to those who
would come in without waiting in the lobby: to anybody where the access level is Everyone, else to
who sends a token of an account that it admits.
"""

from enum import Enum
from urllib.parse import quote

from mobility.auth.challenge import Authenticator, site_url
from mobility.auth.lockout import retry_after_s
from mobility.auth.meeting_keys import MeetingKeys
from mobility.config import Config
from mobility.domain.addresses import domain_of
from mobility.domain.conference import place_of
from mobility.domain.meetings import Meetings, OnlineMeeting, conference_uri, join_path
from mobility.domain.meetings import organizer_name as name_in_urls
from mobility.domain.users import Users
from mobility.errors import Refusal
from mobility.http.message import Request, Response
from mobility.http.route import Authorisation, Route
from mobility.meet import documents, page
from mobility.meet.documents import XML_TYPE, Door, Number

PATH = "/meet"
"""Below which the join URLs are."""

ROOT_PATH = "/Autodiscover/AutodiscoverService.svc/root"
APPLICATIONS_PATH = "/ucwa/oauth/v1/applications"
"""Where the two are that a client needs next; its discovery tells it the same."""

APPENDED = "/.,;:!?)]}>'\" \u00a0"
"""What programs take for a part of an address that a sentence ends with."""

RANGES = 32
"""Media ranges of an Accept header that are looked at; browsers send about eight."""


class Form(Enum):
    """The representations of a join URL and the Content-Type each is sent with."""

    PAGE = page.HTML_TYPE
    JSON = "application/json; charset=utf-8"
    XML = f"{XML_TYPE}; charset=utf-8"


class Doors:
    """Answers the join URLs of this system's meetings; `join_url` is where they begin."""

    def __init__(
        self,
        config: Config,
        users: Users,
        meetings: Meetings,
        keys: MeetingKeys,
        authenticator: Authenticator,
        join_url: str,
    ) -> None:
        self._web = config.web
        self._numbers = tuple(Number(one.name, one.number) for one in config.meetings.dial_in)
        self._users = users
        self._meetings = meetings
        self._keys = keys
        self._authenticator = authenticator
        self._join_url = join_url

    def get(self, request: Request) -> Response:
        """The meeting, in the form that was asked for; 404 without one, 429 after many misses.

        Over plain HTTP nothing is told but where it is answered: people type addresses without a
        scheme.
        """
        if not request.site.secure:
            return self._moved(request)
        form = form_of(request.headers.get("accept", ""))
        key = request.path_parameters["meeting"].rstrip(APPENDED)
        wait_s = self._keys.wait_s(key, request)
        if wait_s > 0:
            return _busy(form, retry_after_s(wait_s))
        meeting = self._meetings.lookup(key, request.now)
        organizer = request.path_parameters["organizer"].lower()
        if meeting is None or name_in_urls(meeting.record) != organizer:
            self._keys.missed(key, request)
            return _gone(form)
        door = self._door(request, meeting)
        write = {Form.PAGE: page.meeting_page, Form.JSON: documents.json, Form.XML: documents.xml}
        return _answer(200, form, write[form](door))

    def cut(self, request: Request) -> Response:
        """404 for an address of which the end is missing, as it comes out of a wrapped line."""
        if not request.site.secure:
            return self._moved(request)
        return _gone(form_of(request.headers.get("accept", "")))

    def _moved(self, request: Request) -> Response:
        """308 to the same place over TLS, whether there is such a meeting or not."""
        named = (request.path_parameters.get(name, "") for name in ("organizer", "meeting"))
        place = "/".join(quote(name, safe="") for name in named)
        secure = self._join_url.startswith("https:")
        start = self._join_url if secure else self._web.external_url + PATH
        return Response(308, headers=[("Location", f"{start}/{place}"), *page.HEADERS])

    def _door(self, request: Request, meeting: OnlineMeeting) -> Door:
        record = meeting.record
        policy = self._meetings.policy
        knows = self._admitted(request, meeting)
        domain = quote(domain_of(record.organizer_uri), safe="")
        return Door(
            uri=conference_uri(record),
            key=record.id,
            join_url=f"{self._join_url}/{join_path(record)}",
            root_url=f"{site_url(request.site, self._web)}{ROOT_PATH}?originalDomain={domain}",
            applications_url=self._web.external_url + APPLICATIONS_PATH,
            internal_applications_url=self._web.internal_url + APPLICATIONS_PATH,
            guests=policy.anonymous,
            subject=record.subject if knows else "",
            organizer=self._users.name_of(record.organizer_uri) if knows else "",
            conference_id=record.number if policy.dial_in else "",
            numbers=self._numbers,
        )

    def _admitted(self, request: Request, meeting: OnlineMeeting) -> bool:
        """Whether the caller, if there is one, would not have to wait in the lobby."""
        caller = self._authenticator.find(request)
        uri = caller.user_uri if caller is not None else ""
        known = self._users.find(uri) is not None
        if not known and not self._meetings.policy.anonymous:
            return False
        return not place_of(meeting.record, uri, anonymous=not known).in_lobby


def routes(doors: Doors) -> list[Route]:
    """The route of join URLs, and those of the beginning of one."""
    one = f"{PATH}/{{organizer}}"
    return [
        Route("meet", "GET", f"{one}/{{meeting}}", doors.get, Authorisation.OWN, plain=True),
        Route("meet", "GET", one, doors.cut, Authorisation.OWN, plain=True),
        Route("meet", "GET", PATH, doors.cut, Authorisation.OWN, plain=True),
    ]


def form_of(accept: str) -> Form:
    """The first form of an Accept header that is one of ours; the page without any."""
    for media_range in accept.split(",", RANGES)[:RANGES]:
        name = media_range.partition(";")[0].strip().lower()
        if name in ("text/html", "application/xhtml+xml"):
            return Form.PAGE
        if name == "application/json":
            return Form.JSON
        if name == XML_TYPE:
            return Form.XML
    return Form.PAGE


def _answer(status: int, form: Form, body: bytes) -> Response:
    return Response(status, body=body, content_type=form.value, headers=list(page.HEADERS))


def _gone(form: Form) -> Response:
    if form is Form.PAGE:
        return _answer(404, form, page.gone_page())
    raise Refusal("NotFound", "ResourceNotFound", "There is no such meeting.")


def _busy(form: Form, wait_s: int) -> Response:
    if form is Form.PAGE:
        response = _answer(429, form, page.busy_page())
        response.headers.append(("Retry-After", str(wait_s)))
        return response
    raise Refusal(
        "TooManyRequests", None, "Too many meetings that do not exist.", retry_after_s=wait_s
    )
