"""Whether the way through the reverse proxy changes nothing that clients need."""

import json
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import parse_qs, urlsplit

import attrs

from mobility.check import proxy_rules as rules
from mobility.check.connections import Reply
from mobility.check.findings import Finding, Report, Skipped
from mobility.check.session import Session, judge_session
from mobility.planning.deployment import Place

SERVER = "X-MS-Server-Fqdn"
ALLOW_ORIGIN = "Access-Control-Allow-Origin"
NOTHING = Reply(failure="it was not tried")


@attrs.frozen(slots=True)
class Seen:
    """What a client at one place got through the published URL.

    `start` is where `root` was asked for, `place` where the service is published, `where` "inside"
    or "outside", and `sip_domains` those that are served.  `discovery` and `plain` are roots by
    SIP domain, asked for under the lyncdiscover name over HTTPS and HTTP; each is empty when it
    was not tried.  `origin` is a page that may use UCWA; `stranger` one that may not, "" when all
    may.  `methods` are answers to requests without a token, by method.  `servers` are the front
    ends that answered one connection after another.
    """

    start: Place
    place: Place
    where: str
    sip_domains: tuple[str, ...]
    root: Reply
    lower_case: Reply = NOTHING
    discovery: Mapping[str, Reply] = attrs.Factory(dict)
    plain: Mapping[str, Reply] = attrs.Factory(dict)
    challenge: Reply = NOTHING
    origin: str = ""
    preflight: Reply = NOTHING
    allowed: Reply = NOTHING
    stranger: str = ""
    foreign: Reply = NOTHING
    methods: Mapping[str, Reply] = attrs.Factory(dict)
    servers: tuple[str, ...] = ()
    session: Session | None = None


def judge(seen: Seen, skipped: tuple[Skipped, ...] = ()) -> Report:
    """What the proxy does to clients."""
    looked = [f"{seen.start.url} as from {seen.where}"]
    blocked = list(_blocked(seen))
    if blocked:
        return Report(tuple(blocked), tuple(looked), skipped)
    findings = [
        *_discovery(seen),
        *_plain(seen),
        *_challenge(seen),
        *_cross_domain(seen),
        *_exchange(seen),
    ]
    if seen.session is not None:
        findings += judge_session(seen.place, seen.session)
        looked.append(f"signing in and waiting {seen.session.hold_s:g} s for an event")
    notes: list[str] = []
    if seen.session is not None and seen.session.elsewhere:
        notes.append(
            f"who signed in is homed at {seen.session.elsewhere}, so that the mobility URL and "
            "waiting for events were not looked at: sign in as somebody who is homed here"
        )
    if len(seen.sip_domains) == 1:
        notes.append("with one SIP domain it cannot be seen whether the Host header is kept")
    if not seen.root.header(SERVER):
        notes.append(f"without {SERVER}, methods and affinity cannot be seen")
    return Report(tuple(findings), tuple(looked), skipped, tuple(notes))


def _blocked(seen: Seen) -> Iterator[Finding]:
    """What makes everything else useless to look at."""
    url = seen.start.url
    if seen.root.failure:
        rule = rules.HAIRPIN if seen.where == "inside" else rules.UNREACHABLE
        yield Finding(rule, url, f"from {seen.where}, {url} does not answer: {seen.root.failure}")
    elif root_of(seen.root) is None:
        what = f"{url} answers {seen.root.status} without a discovery root"
        yield Finding(rules.OTHER_SERVICE, url, what)
    elif (location := access_location(seen.root)) != "External":
        what = f"{url} says that clients are at {location}"
        yield Finding(rules.WRONG_SITE, url, what)


def _discovery(seen: Seen) -> Iterator[Finding]:
    if root_of(seen.lower_case) is None:
        what = f"the path of discovery in lower case is answered {shown(seen.lower_case)}"
        yield Finding(rules.PATH_CASE, seen.place.url, what)
    wrong: list[str] = []
    roots = [root_of(seen.root) or {}]
    for domain, reply in seen.discovery.items():
        links = root_of(reply)
        if links is None:
            what = f"lyncdiscover.{domain} is answered {shown(reply)} over HTTPS"
            yield Finding(rules.OTHER_SERVICE, f"lyncdiscover.{domain}", what)
            continue
        roots.append(links)
        if carried_domain(links) != domain:
            wrong.append(f"lyncdiscover.{domain} is answered for {carried_domain(links)}")
    hrefs = [href for links in roots for href in links.values()]
    elsewhere = [href for href in hrefs if not is_at(href, seen.place)]
    if elsewhere:
        what = f"discovery leads to {urlsplit(elsewhere[0]).netloc}, and not to {seen.place.url}"
        yield Finding(rules.LINKS_ELSEWHERE, seen.place.url, what)
    if wrong:
        yield Finding(rules.HOST_CHANGED, "Host", "; ".join(wrong))


def _plain(seen: Seen) -> Iterator[Finding]:
    for domain, reply in seen.plain.items():
        name = f"http://lyncdiscover.{domain}"
        links = root_of(reply) or {}
        if 300 <= reply.status < 400:
            what = f"{name} is answered {reply.status} to {reply.header('Location')}"
            yield Finding(rules.HTTP_REDIRECTED, name, what)
        elif list(links) != ["Redirect"]:
            what = f"{name} is answered {shown(reply)}, without one link to HTTPS"
            yield Finding(rules.HTTP_FIRST_HOP, name, what)
        elif not is_at(links["Redirect"], seen.place):
            what = f"{name} leads to {urlsplit(links['Redirect']).netloc}, not {seen.place.url}"
            yield Finding(rules.LINKS_ELSEWHERE, name, what)


def _challenge(seen: Seen) -> Iterator[Finding]:
    challenges = seen.challenge.values("WWW-Authenticate")
    kinds = [one.partition(" ")[0].lower() for one in challenges]
    if seen.challenge.status != 401 or not {"bearer", "msrtcoauth"} <= set(kinds):
        got = f" with {' and '.join(kinds)}" if kinds else ""
        what = f"a request without a token is answered {shown(seen.challenge)}{got}"
        yield Finding(rules.CHALLENGE_CHANGED, "WWW-Authenticate", what)


def _cross_domain(seen: Seen) -> Iterator[Finding]:
    doubled = False
    for origin, replies in (
        (seen.origin, (seen.preflight, seen.allowed)),
        (seen.stranger, (seen.foreign,)),
    ):
        for reply in replies if origin else ():
            if len(reply.values(ALLOW_ORIGIN)) > 1 or "," in reply.header(ALLOW_ORIGIN):
                doubled = True
    if doubled:
        what = f"an answer has more than one {ALLOW_ORIGIN}"
        yield Finding(rules.CORS_DOUBLED, ALLOW_ORIGIN, what)
        return
    for name, reply in (("OPTIONS", seen.preflight), ("GET", seen.allowed)):
        if seen.origin and reply.header(ALLOW_ORIGIN) not in (seen.origin, "*"):
            what = f"{name} from a page at {seen.origin} is answered {shown(reply)} without leave"
            yield Finding(rules.CORS_REFUSED, seen.origin, what)
            break
    if seen.stranger and seen.foreign.header(ALLOW_ORIGIN):
        what = f"a page at {seen.stranger} gets {ALLOW_ORIGIN}: {seen.foreign.header(ALLOW_ORIGIN)}"
        yield Finding(rules.CORS_OPEN, seen.stranger, what)


def _exchange(seen: Seen) -> Iterator[Finding]:
    stopped = [name for name, reply in seen.methods.items() if not reply.header(SERVER)]
    if stopped and seen.root.header(SERVER):
        what = f"{', '.join(stopped)} requests do not reach the front end"
        yield Finding(rules.METHODS, ", ".join(stopped), what)
    servers = sorted(set(seen.servers) - {""})
    if len(servers) > 1:
        what = f"{len(seen.servers)} connections of one client went to {', '.join(servers)}"
        yield Finding(rules.NO_AFFINITY, seen.place.url, what)
    kept = seen.root.header("Age")
    control = seen.root.header("Cache-Control").lower()
    if kept or not any(word in control for word in ("no-cache", "no-store")):
        what = f"a discovery answer has Age {kept}" if kept else f"Cache-Control is {control!r}"
        yield Finding(rules.CACHED, seen.place.url, what)


def root_of(reply: Reply) -> dict[str, str] | None:
    """The links of a discovery root in its classic form, by token; None when it is none."""
    content = _content(reply)
    root = content.get("Root")
    links = root.get("Links") if isinstance(root, dict) else None
    if reply.status != 200 or not isinstance(links, list):
        return None
    found = {
        str(one["token"]): str(one["href"])
        for one in links
        if isinstance(one, dict) and "token" in one and "href" in one
    }
    return found or None


def access_location(reply: Reply) -> str:
    """Where the root says that the client is."""
    return str(_content(reply).get("AccessLocation", "an unknown place"))


def carried_domain(links: Mapping[str, str]) -> str:
    """The SIP domain that links of a root carry on, "" when there is none."""
    for href in links.values():
        values = parse_qs(urlsplit(href).query).get("originalDomain", [])
        if values:
            return values[0].lower()
    return ""


def is_at(href: str, place: Place) -> bool:
    """Whether an https URL is on this host and port."""
    try:
        parts = urlsplit(href)
        port = parts.port or 443
    except ValueError:
        return False
    return parts.scheme == "https" and ((parts.hostname or "").lower(), port) == (
        place.host,
        place.port,
    )


def shown(reply: Reply) -> str:
    """An answer in a word or two."""
    return f"{reply.status}" if not reply.failure else f"not at all ({reply.failure})"


def _content(reply: Reply) -> dict[str, Any]:
    try:
        content = json.loads(reply.body)
    except ValueError:
        return {}
    return content if isinstance(content, dict) else {}
