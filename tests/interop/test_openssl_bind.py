"""OpenSSL and BIND on what `mobility csr` and `mobility dns-plan` write."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from twisted.internet import reactor
from twisted.internet.task import deferLater
from twisted.trial.unittest import TestCase

from mobility.check.looking import Wishes
from mobility.check.parts import Check
from mobility.check.resolvers import Server
from mobility.config import load
from mobility.planning.deployment import deployment_of
from tests.interop.child import RETRY_S, Child, free_port, program, run
from tests.interop.front_end_process import command
from tests.planning.deployments import write

ZONE = """\
$TTL 3600
@ IN SOA ns hostmaster 1 3600 900 604800 300
@ IN NS ns
ns IN A 192.0.2.53
$INCLUDE {fragment}
"""


class OpensslTests(TestCase):
    """Requests and the certificates that come of them."""

    timeout = 300

    async def openssl(self, *arguments: object) -> str:
        """What openssl prints; it must be content."""
        done = await run([program("openssl", "openssl"), *(str(one) for one in arguments)])
        self.assertEqual(0, done.status, done.err)
        return done.out + done.err

    async def test_request_and_certificate(self) -> None:
        """OpenSSL verifies each request, signs it, and verifies the certificate for each name."""
        directory = Path(self.mktemp()).absolute()
        file = write(directory)
        ca = directory / "ca.pem"
        await self.openssl(
            *("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"),
            *("-subj", "/CN=test CA", "-keyout", directory / "ca.key", "-out", ca, "-days", "2"),
            *("-addext", "keyUsage=critical,keyCertSign"),
        )
        for role, kind in (("front-end", "ec"), ("director", "ec"), ("proxy", "rsa")):
            request = directory / f"{role}.csr"
            made = command(
                *("csr", "--json", f"--config={file}", f"--role={role}", f"--key-type={kind}"),
                *(f"--key={directory / role}.key", f"--output={request}"),
            )
            self.assertEqual(0, made.returncode, made.stderr)
            said = await self.openssl("req", "-in", request, "-verify", "-noout", "-text")
            self.assertIn("verify OK", said)
            leaf = directory / f"{role}.pem"
            await self.openssl(
                *("x509", "-req", "-in", request, "-CA", ca, "-CAkey", directory / "ca.key"),
                *("-days", "1", "-copy_extensions", "copy", "-out", leaf),
            )
            verify = ("verify", "-x509_strict", "-purpose", "sslserver", "-CAfile", ca)
            for name in json.loads(made.stdout)["names"]:
                await self.openssl(*verify, "-verify_hostname", name, leaf)


NAMED = """\
options {{
    directory "{directory}";
    pid-file none;
    session-keyfile none;
    listen-on port {port} {{ 127.0.0.1; }};
    listen-on-v6 {{ none; }};
    recursion no;
    notify no;
}};
controls {{ }};
{zones}
"""


class BindTests(TestCase):
    """Zone file fragments."""

    timeout = 300

    async def named(self, side: str, zones: Mapping[str, Path]) -> Server:
        """BIND with these zones, until the end of the test."""
        named = program("named", "bind9")
        directory = Path(self.mktemp()).absolute()
        directory.mkdir()
        port = free_port()
        lines = [f'zone "{name}" {{ type primary; file "{zones[name]}"; }};' for name in zones]
        conf = directory / f"{side}.conf"
        conf.write_text(NAMED.format(directory=directory, port=port, zones="\n".join(lines)))
        child = Child([named, "-g", "-n", "1", "-c", str(conf)], directory)
        self.addCleanup(child.stop)
        while b" running\n" not in child.err:
            if child.status is not None:
                raise RuntimeError(child.err.decode())
            await deferLater(reactor, RETRY_S)
        return Server("127.0.0.1", port)

    async def test_fragments(self) -> None:
        """named-checkzone loads each fragment in a zone of its name, and all records are there;
        what BIND then serves on either side is what `mobility check dns` asks for."""
        checkzone = program("named-checkzone", "bind9-utils")
        file = write(Path(self.mktemp()).absolute())
        servers = {}
        made = command(
            *("dns-plan", "--json", f"--config={file}", "--proxy-address=198.51.100.5"),
            *("--proxy-address=2001:db8::5", "--proxy-inside-address=10.1.0.5", "--cname"),
            "--edge-address=198.51.100.6",
        )
        self.assertEqual(0, made.returncode, made.stderr)
        for side, plan in json.loads(made.stdout).items():
            loaded = ""
            zones = {}
            for zone, text in plan["zones"].items():
                fragment = file.parent / f"{side}.{zone}.fragment"
                fragment.write_text(text)
                whole = file.parent / f"{side}.{zone}"
                whole.write_text(ZONE.format(fragment=fragment))
                # -D prints the zone as loaded; -k and -i judge names and what SRV leads to.
                done = await run([checkzone, "-D", "-k", "fail", "-i", "local", zone, str(whole)])
                self.assertEqual(0, done.status, done.out + done.err)
                loaded += done.out
                zones[zone] = whole
            lines = [line.split() for line in loaded.splitlines()]
            for record in plan["records"]:
                found = [
                    line
                    for line in lines
                    if line[0] == f"{record['name']}." and record["kind"] in line
                ]
                self.assertTrue(found, record)
            servers[side] = await self.named(side, zones)
        deployment = deployment_of(load(file))
        wishes = Wishes(inside=(servers["inside"],), outside=(servers["outside"],))
        check = Check(load(file), deployment, wishes, datetime.now(UTC), reactor, ("dns",))
        report = await check.report("dns")
        self.assertEqual(((), ()), (report.findings, report.skipped))
