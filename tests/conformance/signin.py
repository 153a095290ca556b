"""From an address to a token and the place of applications (UCWA "Root URL", "Authentication")."""

import json
import re
from urllib.parse import quote, urlencode, urljoin

import attrs

from tests.conformance.clocks import Stopped, Unplayable
from tests.conformance.exchange import Exchange
from tests.conformance.record import Record
from tests.conformance.shown import Form, ShapeError, Shown, read_resource
from tests.conformance.wire import Wire

_TOKEN_URL = re.compile(r'MsRtcOAuth href="([^"]+)",grant_type="([^"]+)"')

ANONYMOUS = "urn:microsoft.rtc:anonmeeting"
"""The grant of people without an account."""

MOST_REDIRECTS = 5
"""How often discovery is sent on before it is given up (our choice)."""


@attrs.frozen
class Account:
    """Somebody who can sign in.  `address` is the SIP address without its scheme."""

    address: str
    password: str = attrs.field(repr=False)

    @property
    def uri(self) -> str:
        return f"sip:{self.address}"

    @property
    def domain(self) -> str:
        return self.address.partition("@")[2]


@attrs.frozen
class Session:
    """A signed-in user: the token, and the `user` document that shows where to go on."""

    account: Account
    token: str = attrs.field(repr=False)
    user: Shown
    base: str
    """The URL that relative hrefs start from."""

    @property
    def applications(self) -> str:
        return urljoin(self.base, self.user.links["applications"][0].href)


class Discovery:
    """Walks from the entry URL of a service to a session."""

    def __init__(self, wire: Wire, entry: str, form: Form, record: Record) -> None:
        self._wire = wire
        self._entry = entry
        self._form = form
        self._record = record

    async def ask(self, rel: str, url: str, token: str = "") -> Exchange:
        """GET a discovery resource; judged like everything else."""
        headers = {"Accept": self._form.plain}
        if token:
            headers["Authorization"] = f"Bearer {token}"
        answer = await self._wire.request("GET", url, headers)
        exchange = Exchange(self._form, "GET", rel, answer.status, answer.headers, answer.body)
        self._record.saw(exchange)
        return exchange

    async def root(self, address: str) -> tuple[str, Shown]:
        """The root of a domain, wherever it is: its URL and the document."""
        separator = "&" if "?" in self._entry else "?"
        url, rel = f"{self._entry}{separator}sipuri={quote(address, safe='@')}", "root"
        for _ in range(MOST_REDIRECTS):
            shown = self._shown(await self.ask(rel, url), rel)
            if "redirect" not in shown.links:
                return url, shown
            url, rel = urljoin(url, shown.links["redirect"][0].href), "redirect"
        raise Stopped(f"discovery was redirected {MOST_REDIRECTS} times")

    async def sign_in(self, account: Account) -> Session:
        """Root, user without a token, token, user with it."""
        url, root = await self.root(account.address)
        if "user" not in root.links:
            raise Stopped("root has no user link")
        url = urljoin(url, root.links["user"][0].href)
        challenge = await self.ask("user", url)
        found = _TOKEN_URL.search(challenge.headers.get("www-authenticate", ""))
        if challenge.status != 401 or found is None:
            raise Stopped(f"user without a token answers {challenge.status} and no challenge")
        if "password" not in found[2].split(","):
            raise Stopped(f"no password grant, only {found[2]}")
        token = await self.token(urljoin(url, found[1]), account)
        user = self._shown(await self.ask("user", url, token), "user")
        if "applications" not in user.links:
            raise Stopped("user has no applications link")
        return Session(account, token, user, url)

    async def user(self, session: Session) -> Shown:
        """The `user` document of somebody who is signed in, as it is now."""
        return self._shown(await self.ask("user", session.base, session.token), "user")

    async def sign_in_guest(self, organizer: Account, meeting_uri: str, key: str) -> Session:
        """The same for somebody without an account who knows a meeting of `organizer`."""
        url, root = await self.root(organizer.address)
        if "user" not in root.links:
            raise Stopped("root has no user link")
        url = urljoin(url, root.links["user"][0].href)
        challenge = await self.ask("user", url)
        found = _TOKEN_URL.search(challenge.headers.get("www-authenticate", ""))
        if found is None or ANONYMOUS not in found[2].split(","):
            raise Unplayable("needs the anonymous grant")
        form = {"grant_type": ANONYMOUS, "ms_rtc_conferenceuri": meeting_uri, "password": key}
        token = await self._token(urljoin(url, found[1]), form)
        user = self._shown(await self.ask("user", url, token), "user")
        if "applications" not in user.links:
            raise Stopped("user has no applications link")
        return Session(Account("guest", ""), token, user, url)

    async def token(self, url: str, account: Account) -> str:
        """Trade the password for a token."""
        form = {
            "grant_type": "password",
            "username": account.address,
            "password": account.password,
        }
        return await self._token(url, form)

    async def _token(self, url: str, form: dict[str, str]) -> str:
        headers = {"Content-Type": "application/x-www-form-urlencoded;charset=UTF-8"}
        answer = await self._wire.request("POST", url, headers, urlencode(form).encode())
        if answer.status != 200:
            raise Stopped(f"the token request answered {answer.status}")
        return str(json.loads(answer.body)["access_token"])

    def _shown(self, exchange: Exchange, rel: str) -> Shown:
        if exchange.status != 200:
            raise Stopped(f"{rel} answered {exchange.status}")
        try:
            return read_resource(exchange.body, self._form, rel)
        except ShapeError as error:
            raise Stopped(f"{rel} {error}") from None
