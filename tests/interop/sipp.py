"""SIPp as a child process: scripted phones and servers.

A scenario is a list of steps, each a piece of SIPp's XML that one of the functions here makes.  In
messages `[...]` are SIPp's own keywords; those that only repeat what every message has are put in
by `send`.
"""

from collections.abc import Sequence
from pathlib import Path
from xml.sax.saxutils import quoteattr

from tests.interop.child import Child, free_port, program, run
from tests.interop.front_end_process import PASSWORD

TIMEOUT_S = 180
"""How long a scenario may take on a slow machine."""

TRANSPORTS = {"udp": "u1", "tcp": "t1"}
"""Debian's SIPp is built without TLS."""

_HEAD = """\
Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]
From: <sip:{user}@{domain}>;tag=[pid]SIPpTag[call_number]
To: <{to}>{tag}
Call-ID: [call_id]
CSeq: [cseq] {method}
Contact: <sip:{user}@[local_ip]:[local_port];transport=[transport]>
Max-Forwards: 70
"""


def send(
    method: str,
    uri: str,
    *lines: str,
    user: str,
    to: str = "",
    body: str = "",
    within: bool = False,
    domain: str = "example.test",
) -> str:
    """Send a request; `within` the dialog that was made, else outside of one."""
    head = _HEAD.format(
        user=user,
        domain=domain,
        to=to or uri,
        tag="[peer_tag_param]" if within else "",
        method=method,
    )
    more = "".join(f"{line}\n" for line in (*lines, "Content-Length: [len]"))
    text = f"{method} {uri} SIP/2.0\n{head}{more}\n{body}"
    again = "" if method == "ACK" else ' retrans="500"'
    return f"<send{again}><![CDATA[\n{text}\n]]></send>"


def answer(status: int, reason: str, *lines: str, body: str = "") -> str:
    """Answer the request that came last."""
    taken = "".join(f"[last_{name}:]\n" for name in ("Via", "From", "To", "Call-ID", "CSeq"))
    more = "".join(f"{line}\n" for line in (*lines, "Content-Length: [len]"))
    return f"<send><![CDATA[\nSIP/2.0 {status} {reason}\n{taken}{more}\n{body}\n]]></send>"


def response(status: int, *checks: str, auth: bool = False, optional: bool = False) -> str:
    """Wait for a response; `checks` are regular expressions that it must have somewhere."""
    more = ' auth="true"' if auth else ""
    more += ' optional="true"' if optional else ""
    return _received(f'response="{status}"{more}', checks)


def request(method: str, *checks: str) -> str:
    """Wait for a request, likewise."""
    return _received(f'request="{method}"', checks)


def keep(status: int, header: str, variable: str) -> str:
    """Wait for a response, and keep what stands in one of its header fields as `[$variable]`."""
    return (
        f'<recv response="{status}"><action><ereg regexp="[^ \\r\\n]+" search_in="hdr" '
        f'header="{header}:" check_it="true" assign_to="{variable}"/></action></recv>'
    )


def pause(milliseconds: int) -> str:
    """Let time pass in which nothing may come."""
    return f'<pause milliseconds="{milliseconds}"/>'


def scenario(*steps: str) -> str:
    """The whole script."""
    return f'<?xml version="1.0" encoding="UTF-8"?>\n<scenario>\n{"".join(steps)}\n</scenario>\n'


def _received(attributes: str, checks: Sequence[str]) -> str:
    actions = "".join(
        f'<ereg regexp={quoteattr(check)} search_in="msg" check_it="true" assign_to="c"/>'
        for check in checks
    )
    action = f"<action>{actions}</action>" if actions else ""
    return f"<recv {attributes}>{action}</recv>" + ('<Reference variables="c"/>' if checks else "")


class Sipp:
    """Plays scenarios against the front end at `port`, over "udp" or "tcp"."""

    def __init__(self, directory: Path, port: int, transport: str = "udp") -> None:
        self._command = program("sipp", "sip-tester")
        self._directory = directory.absolute()
        self._directory.mkdir()
        self._port = port
        self._transport = transport
        self._count = 0

    def arguments(self, script: str, user: str, *options: str) -> list[str]:
        """The command that plays a script once, or as often as `options` have it.

        It exits with 0 if every call went as the script says.
        """
        self._count += 1
        file = self._directory / f"{self._count}.xml"
        file.write_text(script)
        return [
            self._command,
            *("-sf", str(file)),
            *("-i", "127.0.0.1", "-p", str(free_port())),
            *("-t", TRANSPORTS[self._transport]),
            *("-au", user, "-ap", PASSWORD),
            *("-m", "1", "-nostdin", "-timeout", f"{TIMEOUT_S}s", "-timeout_error"),
            *("-trace_err", "-error_file", str(file.with_suffix(".errors"))),
            *options,
            f"127.0.0.1:{self._port}",
        ]

    async def play(self, script: str, user: str, *options: str) -> None:
        """Play a script to its end.  Raises AssertionError with SIPp's complaints if it fails."""
        arguments = self.arguments(script, user, *options)
        outcome = await run(arguments, self._directory)
        if outcome.status:
            raise AssertionError(f"{self.complaints}\n{outcome.err}\n{outcome.out[-2_000:]}")

    def start(self, script: str, user: str, *options: str) -> Child:
        """Play a script beside others; `Child.end` says how it ended."""
        return Child(self.arguments(script, user, *options), self._directory)

    @property
    def complaints(self) -> str:
        """What the scripts that failed did not get."""
        return "\n".join(one.read_text() for one in sorted(self._directory.glob("*.errors")))
