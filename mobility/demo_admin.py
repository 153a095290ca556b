"""`mobility demo --scene admin`: an administrator changes a front end while people use it."""

import json
import sys
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from twisted.internet.utils import getProcessOutputAndValue
from twisted.web.http_headers import Headers

from mobility.demo import DemoFailed, Person, Script, Setting

USERS = """uri,name,phone,password
sip:dora@{domain},Dora,+14255550104,{password}
sip:erik@{domain},Erik,4255550105,{password}
"""
"""The second row has a number without its country code."""

OLD_APP = "LyncMobile/4.0 (iPhone)"


class AdminScript(Script):
    """Users come from a table, a policy reaches alice's client while it is signed in, a call is
    explained, an old app is told to upgrade, and everything is written to a file.

    Each step is said with the time it took.
    """

    _directory = Path()

    def stand(self, directory: Path, port_offset: int, setting: Setting | None) -> None:  # noqa: ARG002
        self._directory = directory

    async def run(self, sip_domain: str) -> None:
        """Play it.  Raises `DemoFailed` at the first step that goes wrong."""
        alice = Person(self._http, self._clock, f"alice@{sip_domain}")
        await self._step("alice signs in", self._sign_in(alice))
        await self._step("alice may begin VoIP calls", self._allowed(alice))
        table = self._directory / "users.csv"
        text = USERS.format(domain=sip_domain, password=self._password)
        table.write_text(text, encoding="utf-8")
        await self._step("a table of users is checked: one row is wrong", self._checked(table))
        table.write_text(text.replace(",4255550105", ",+14255550105"), encoding="utf-8")
        await self._step("it is mended, and both are added", self._imported(table))
        dora = Person(self._http, self._clock, f"dora@{sip_domain}")
        await self._step("dora, who is new, signs in", self._sign_in(dora))
        await self._step("alice gets a policy without VoIP", self._forbid(alice))
        await self._step("her client hears of it at once", self._forbidden(alice))
        await self._step("calls get a usage, a gateway, a route and a policy", self._routing())
        await self._step("a call of alice's is explained", self._explained(alice))
        await self._step("an old app asks for the Mobility Service", self._old_app())
        await self._step("all of it is written to a file", self._exported())
        for person in (dora, alice):
            await self._step(f"{person.address.partition('@')[0]} signs out", person.sign_out())

    async def _sign_in(self, person: Person) -> None:
        await person.sign_in(await person.discover(self._root_url), self._password)
        await person.create_application("mobility demo")
        person.listen()
        await person.make_available("Messaging", "Audio")

    async def _checked(self, table: Path) -> None:
        status, found = await self._command("user", "import", str(table), "--dry-run")
        refused = [f"line {one['line']}: {one['column']} {one['rule']}" for one in found["refused"]]
        if status != 1 or len(refused) != 1:
            raise DemoFailed(f"the wrong row was not refused: {found}")
        self._tell(*refused)

    async def _imported(self, table: Path) -> None:
        found = await self._do("user", "import", str(table))
        if found["added"] != 2:
            raise DemoFailed(f"two users were not added: {found}")

    async def _forbid(self, alice: Person) -> None:
        await self._do("policy", "new", "Field", "EnableIPAudioVideo=false")
        granted = await self._do("policy", "grant", alice.uri, "Field")
        self._tell(f"{alice.uri} has {granted.get('effective_mobility_policy', 'tag:Field')}")

    async def _allowed(self, alice: Person) -> None:
        if "startAudio" not in await self._communication(alice):
            raise DemoFailed("alice may not begin VoIP calls")
        alice.forget("communication")

    async def _communication(self, person: Person) -> Any:
        """The links of what somebody may do, once that has changed."""
        told = await person.event("updated", "communication")
        return (await person.get(told["link"]["href"]))["_links"]

    async def _forbidden(self, alice: Person) -> None:
        if "startAudio" in await self._communication(alice):
            raise DemoFailed("alice may still begin VoIP calls")
        self._tell("communication has no startAudio any more")

    async def _routing(self) -> None:
        for words in (
            ("usage", "add", "Local"),
            ("gateway", "add", "gw.example.test"),
            ("route", "add", "Everywhere", "--number-pattern", r"^\+", "--usages", "Local"),
            ("route", "set", "Everywhere", "--gateways", "gw.example.test"),
            ("policy", "set", "global", "--usages", "Local"),
        ):
            await self._do("voice", *words)

    async def _explained(self, alice: Person) -> None:
        found = await self._do("voice", "test", "--from", alice.uri, "+493012345678")
        ways = [f"{one['gateway']} by route {one['route']}" for one in found["attempts"]]
        self._tell(f"usage Local, {', '.join(ways)}")

    async def _old_app(self) -> None:
        parts = urlsplit(self._root_url)
        url = f"{parts.scheme}://{parts.netloc}/Mcx/McxService.svc"
        response = await self._http.get(url, headers=Headers({"User-Agent": [OLD_APP]}))
        text = await response.text()
        if response.code != 410:
            raise DemoFailed(f"the Mobility Service answers {response.code}")
        found = await self._do("mcx", "report")
        known = [one["user_agent"] for one in found["clients"]]
        if known != [OLD_APP]:
            raise DemoFailed(f"the report has {known}")
        self._tell(f"{response.code}: {text.strip()}", f"mobility mcx report: {known[0]}")

    async def _exported(self) -> None:
        file = self._directory / "everything.json"
        counts = await self._do("export", str(file))
        found = await self._do("import", "--dry-run", str(file))
        changed = {
            name: told for name, told in found["counts"].items() if set(told) != {"unchanged"}
        }
        if changed or found["refused"]:
            raise DemoFailed(f"what was written is not what is there: {changed or found}")
        self._tell(", ".join(f"{count} {name}" for name, count in counts.items()))

    async def _command(self, *arguments: str) -> tuple[int, Any]:
        """Run a `mobility` command; its status, and the JSON it printed or its error."""
        config = str(self._directory / "mobility.toml")
        words = ["-m", "mobility.cli", *arguments, "--json", "--config", config]
        out, err, status = await getProcessOutputAndValue(  # type: ignore[no-untyped-call]  # upstream has no types
            sys.executable, words, env=None
        )
        text = (out or err).decode(errors="replace")
        try:
            return status, json.loads(text)
        except ValueError as error:
            raise DemoFailed(f"mobility {arguments[0]}: {text.strip()}") from error

    async def _do(self, *arguments: str) -> Any:
        """A command that must do what it is asked for."""
        status, found = await self._command(*arguments)
        if status:
            raise DemoFailed(f"mobility {' '.join(arguments[:2])}: {found}")
        return found

    def _tell(self, *lines: str) -> None:
        for line in lines:
            self._say(f"             {line}")
