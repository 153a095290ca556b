"""Certificates of front ends and of the clearing house: chains, other ones while it runs."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from mobility.operate.certificates import CertificateDays
from mobility.pki import Identity, peer_certificate
from mobility.push.clearing_house import HouseFailed, HttpsClearingHouse, MutualTls
from mobility.push.wire import VERDICTS_PATH
from tests.clearing_house.raw import connect
from tests.clearing_house.running import ORGANISATION, WAIT_S, RunningCase, device, push, reactor

POLL = f"GET {VERDICTS_PATH} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()


def authority(name: str, by: Identity | None = None) -> Identity:
    """An authority that may sign others; `by` is who has signed it."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject if by is None else by.certificate.subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=30))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key if by is None else by.key, hashes.SHA256())
    )
    return Identity(certificate, key)


class ChainTests(RunningCase):
    """A front end whose certificate was signed by an authority below the one that is trusted."""

    def house(self, *chain: Identity) -> HttpsClearingHouse:
        """The clearing house as the owner of the first of them sees it."""
        certificate, key = self.directory / "chain.pem", self.directory / "chain.key"
        certificate.write_bytes(b"".join(one.certificate_pem for one in chain))
        key.write_bytes(chain[0].key_pem)
        policy = MutualTls(str(certificate), str(key), str(self.directory / "ca.pem"))
        policy.check("here")
        house = HttpsClearingHouse(
            f"https://localhost:{self.port}", policy, reactor, timeout_s=WAIT_S, connections=1
        )
        self.addCleanup(house.close)
        return house

    async def test_chain(self) -> None:
        """The whole chain is shown, so that who knows only the authority above believes it."""
        above = authority("Above")
        below = authority("Below", above)
        own = peer_certificate(below, ORGANISATION, datetime.now(UTC))
        trusted = self.directory / "ca.pem"
        trusted.write_bytes(trusted.read_bytes() + above.certificate_pem)
        self.running.reload()
        health = await self.house(own, below).health()
        self.assertEqual(health.organisation, ORGANISATION)
        with self.assertRaises(HouseFailed):
            await self.house(own).health()


class RolloverTests(RunningCase):
    """The certificate of the clearing house is replaced while front ends are connected."""

    def replace(self, name: str, identity: Identity) -> None:
        for suffix, data in ((".pem", identity.certificate_pem), (".key", identity.key_pem)):
            (self.directory / name).with_suffix(suffix).write_bytes(data)

    def shown(self) -> datetime:
        """The end of the certificate of each listener, which is the same."""
        ends = {tls.not_after for tls in self.running._tls}
        self.assertEqual(len(ends), 1)
        return ends.pop()

    async def test_house(self) -> None:
        """New connections get the new one, those that are open stay."""
        await self.fate(push(device()))
        earlier = datetime.now(UTC) - timedelta(days=10)
        old = self.shown()
        self.replace("server", peer_certificate(self.providers.authority, "localhost", earlier))
        self.running.reload()
        self.assertLess(self.shown(), old)
        await self.fate(push(device()))
        (result,) = await self.sender_as(ORGANISATION).send([push(device())])
        self.assertEqual(result.outcome, "accepted")
        (first, *_) = self.logged("tls.loaded")[-1:]
        self.assertEqual(first["not_after"], self.shown().isoformat())

    async def test_other_files(self) -> None:
        """Files of other names are taken too, those too who may sign front ends' certificates."""
        await self.fate(push(device()))
        ours, theirs = authority("Ours"), authority("Theirs")
        (self.directory / "ours.pem").write_bytes(ours.certificate_pem)
        (self.directory / "theirs.pem").write_bytes(theirs.certificate_pem)
        self.replace("new", peer_certificate(ours, "localhost", datetime.now(UTC)))
        self.replace("own", peer_certificate(theirs, ORGANISATION, datetime.now(UTC)))
        text = self.config.read_text().replace('"server.', '"new.')
        self.config.write_text(text.replace('client_ca = "ca.pem"', 'client_ca = "theirs.pem"'))
        self.running.reload()
        self.assertEqual(self.logged("clearing.restart_needed"), [])
        loaded = {line["listener"]: line["certificate"] for line in self.logged("tls.loaded")}
        new = str((self.directory / "new.pem").absolute())
        self.assertEqual(loaded, {"federation": new, "operator": new})
        await self.fate(push(device()))
        for own, expected in (("own.pem", [200]), (f"{ORGANISATION}.pem", [])):
            raw = await connect(
                reactor, self.port, self.directory / "ours.pem", self.directory / own, "localhost"
            )
            self.addCleanup(raw.close)
            self.assertEqual([status for status, _ in await raw.ask(POLL)], expected)

    async def test_all_or_nothing(self) -> None:
        """When one of several certificates is bad none is taken, and no other setting either."""
        second = self.directory / "operator.pem"
        second.write_bytes((self.directory / "server.pem").read_bytes())
        before, _, after = self.config.read_text().partition("[operator]")
        after = after.replace('"server.pem"', '"operator.pem"', 1)
        self.config.write_text(f"{before}[operator]{after}")
        await self.stop()
        await self.start()
        old = self.shown()
        earlier = datetime.now(UTC) - timedelta(days=10)
        self.replace("server", peer_certificate(self.providers.authority, "localhost", earlier))
        self.running.reload()  # the operator's certificate has another key now
        (line,) = self.logged("clearing.reload_failed")
        self.assertIn("does not belong to", line["reason"])
        self.assertEqual(self.shown(), old)

    def test_days(self) -> None:
        """How long each certificate is good for is a metric."""
        text = self.running.metrics.text().decode()
        for listener in ("federation", "operator"):
            (line,) = [
                line
                for line in text.splitlines()
                if line.startswith(f'mobility_certificate_days{{listener="{listener}"}}')
            ]
            self.assertGreater(float(line.rpartition(" ")[2]), 0)

    def test_front_end_days(self) -> None:
        """A front end's own end is read off its file as that is now, if it can be."""
        file = self.directory / f"{ORGANISATION}.pem"
        policy = MutualTls(str(file), str(file.with_suffix(".key")), "")
        end = policy.not_after
        assert end is not None
        (family,) = CertificateDays(lambda: {"push": end}).collect()
        (sample,) = family.samples
        self.assertEqual(sample.labels, {"listener": "push"})
        days = (end - datetime.now(UTC)).total_seconds() / 86_400
        self.assertLess(abs(sample.value - days), 1)
        Path(file).unlink()
        self.assertIsNone(policy.not_after)
