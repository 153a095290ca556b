"""Signing in through the proxy as a client does, and waiting for an event.

The application that is made for it is removed again; its removal is the event.
"""

import json
import re
import ssl
import threading
import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode, urljoin, urlsplit

import attrs

from mobility.check import proxy_rules as rules
from mobility.check.connections import Reply, Target, fetch
from mobility.check.findings import Finding
from mobility.planning.deployment import Place

DELIVERY_S = 10.0
"""How long an event may be on its way (our choice: generous; it takes milliseconds)."""

_HREF = re.compile(r'href="?([^",]+)"?')


@attrs.frozen(slots=True)
class Session:
    """What came of it.

    `failure` says which step failed, and how.  `elsewhere` is the host that the user is sent on to,
    when that is its home: nothing more was tried then.  `applications` is the mobility URL.
    `ended_s` is after how many seconds the request for events ended although nothing had happened,
    None when it did not; `ending` how.  `delivered_s` is how long the event took, None when it
    never came.
    """

    hold_s: float
    failure: str = ""
    elsewhere: str = ""
    applications: str = ""
    ended_s: float | None = None
    ending: str = ""
    delivered_s: float | None = None


class HomedElsewhere(Exception):
    """The user is sent on to the host that the text names."""


class StepFailed(Exception):
    """A step of signing in had no good answer; the text says which, and never a secret."""


def judge_session(place: Place, session: Session) -> Iterator[Finding]:
    """What signing in showed."""
    if session.failure:
        yield Finding(rules.SIGN_IN, place.url, session.failure)
        return
    if session.elsewhere:
        return
    parts = urlsplit(session.applications)
    if (parts.hostname or "").lower() != place.host:
        what = f"the mobility URL is on {parts.netloc}, and not on {place.host}"
        yield Finding(rules.MOBILITY_URL, place.url, what)
    elif session.ended_s is not None:
        what = f"a request for events ended after {session.ended_s:.0f} s: {session.ending}"
        yield Finding(rules.TIME_OUT, place.url, what)
    elif session.delivered_s is None or session.delivered_s > DELIVERY_S:
        what = f"an event did not come through within {DELIVERY_S:g} s"
        yield Finding(rules.BUFFERED, place.url, what)


def hold_session(
    place: Place, address: str, user: str, password: str, hold_s: float, trust: ssl.SSLContext
) -> Session:
    """Sign in at `place`, which is at `address`, and wait `hold_s` for an event.  Never raises.

    `user` is user@domain.  Certificates must be trusted, since the password is sent.
    """
    client = _Client(place, address, trust)
    try:
        applications = client.sign_in(user, password)
        if (urlsplit(applications).hostname or "").lower() != place.host:
            return Session(hold_s, applications=applications)
        events, own = client.register(applications)
    except HomedElsewhere as home:
        return Session(hold_s, elsewhere=str(home))
    except StepFailed as failed:
        return Session(hold_s, failure=str(failed))
    return _wait(client, Session(hold_s, applications=applications), events, own)


def _wait(client: "_Client", session: Session, events: str, own: str) -> Session:
    """Hold a request for events, then remove the application and see it answered."""
    done = threading.Event()
    replies: list[Reply] = []

    def poll() -> None:
        replies.append(client.ask("GET", events, timeout_s=session.hold_s + 3 * DELIVERY_S))
        done.set()

    begun = time.monotonic()
    threading.Thread(target=poll, daemon=True).start()
    early = done.wait(session.hold_s)
    ended = time.monotonic()
    client.ask("DELETE", own)
    if early:
        reply = replies[0]
        ending = reply.failure or f"status {reply.status}"
        return attrs.evolve(session, ended_s=ended - begun, ending=ending)
    if not done.wait(DELIVERY_S + 1):
        return session
    if replies[0].failure or not replies[0].header("X-MS-Server-Fqdn"):
        ending = replies[0].failure or f"status {replies[0].status}"
        return attrs.evolve(session, ended_s=session.hold_s, ending=ending)
    return attrs.evolve(session, delivered_s=time.monotonic() - ended)


@attrs.define(slots=True)
class _Client:
    """Requests of one client; its token goes to `place` and to nobody else."""

    place: Place
    address: str
    trust: ssl.SSLContext
    _token: str = attrs.field(default="", repr=False)

    def ask(
        self,
        method: str,
        href: str,
        body: bytes | None = None,
        kind: str = "application/json",
        timeout_s: float = 30.0,
    ) -> Reply:
        """One request to a link, which must be on the published URL."""
        url = urlsplit(urljoin(self.place.url, href))
        if (url.hostname or "").lower() != self.place.host:
            return Reply(failure=f"it leads to {url.netloc}")
        headers = {"Accept": "application/json", "Content-Type": kind}
        if self._token:
            headers["Authorization"] = f"Bearer {self._token}"
        path = url.path + (f"?{url.query}" if url.query else "")
        target = Target(self.address, url.port or 443, self.place.host)
        return fetch(
            target,
            path,
            method=method,
            headers=headers,
            body=body,
            trust=self.trust,
            timeout_s=timeout_s,
        )

    def sign_in(self, user: str, password: str) -> str:
        """Get a token; the mobility URL."""
        root = self._need("discovery", 200, self.ask("GET", f"/?sipuri={user}"))
        user_url = _link(root, "user")
        challenge = self.ask("GET", user_url)
        if challenge.failure:
            raise StepFailed(f"the challenge to sign in: {challenge.failure}")
        found = [
            match.group(1)
            for one in challenge.values("WWW-Authenticate")
            if one.lower().startswith("msrtcoauth") and (match := _HREF.search(one))
        ]
        if not found:
            raise StepFailed(f"the challenge to sign in: status {challenge.status}, without a URL")
        form = {"grant_type": "password", "username": user, "password": password}
        answer = self.ask(
            "POST", found[0], urlencode(form).encode(), "application/x-www-form-urlencoded"
        )
        token = self._need("getting a token", 200, answer).get("access_token")
        if not isinstance(token, str) or not token.isascii() or not token.isprintable():
            raise StepFailed("getting a token: the answer has none")
        self._token = token
        user_resource = self._need("the user resource", 200, self.ask("GET", user_url))
        links = user_resource.get("_links")
        if isinstance(links, dict) and "redirect" in links:
            raise HomedElsewhere(urlsplit(_link(user_resource, "redirect")).netloc)
        return _link(user_resource, "applications")

    def register(self, applications: str) -> tuple[str, str]:
        """Make an application; where its events are, and the application itself."""
        wishes = {"userAgent": "mobility check", "endpointId": "mobility-check", "culture": "en-US"}
        reply = self.ask("POST", applications, json.dumps(wishes).encode())
        made = self._need("making an application", 201, reply)
        return _link(made, "events"), _link(made, "self")

    def _need(self, step: str, status: int, reply: Reply) -> dict[str, Any]:
        """The content of a good answer.  Raises StepFailed."""
        if reply.failure:
            raise StepFailed(f"{step}: {reply.failure}")
        if reply.status != status:
            raise StepFailed(f"{step}: status {reply.status}")
        try:
            content = json.loads(reply.body)
        except ValueError:
            content = None
        if not isinstance(content, dict):
            raise StepFailed(f"{step}: the answer is no JSON")
        return content


def _link(document: dict[str, Any], rel: str) -> str:
    """The href of a link.  Raises StepFailed."""
    links = document.get("_links")
    link = links.get(rel) if isinstance(links, dict) else None
    href = link.get("href") if isinstance(link, dict) else None
    if not isinstance(href, str):
        raise StepFailed(f"an answer has no link {rel}")
    return href
