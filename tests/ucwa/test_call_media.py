"""Media relays, and what clients report of the media of their calls."""

from pathlib import Path

from mobility.config.media import MediaConfig, MediaRelayConfig
from mobility.domain.call_reports import AFTER_S, MAX_REPORTS
from mobility.media.relay import relay_credentials
from tests.ucwa.service import Service, converted, uri
from tests.ucwa.test_calls import CallTestCase

SECRET = b"a secret that is long enough"


def relays(directory: Path) -> MediaConfig:
    """Two relays with a secret in a file."""
    file = directory / "relay.secret"
    file.write_bytes(SECRET)
    file.chmod(0o600)
    return MediaConfig(
        (
            MediaRelayConfig("turn.example.test", "192.0.2.5", "2001:db8::5", 3478, 443),
            MediaRelayConfig("inside.example.test", udp_port=0, location="Intranet"),
        ),
        file,
        lifetime_s=3_600,
    )


class RelayTests(CallTestCase):
    async def test_without_relays(self) -> None:
        """Where there is no relay there is no link to one."""
        links = (await self.alice.document("communication"))["_links"]
        self.assertNotIn("mediaRelayAccessToken", links)
        for path in ("mediaRelayAccessToken", "communication/mediaRelay"):
            self.refused(await self.alice.get(path), 404, "NotFound", "ResourceNotFound")

    async def test_credentials(self) -> None:
        """A client gets the relays, and credentials that they will take."""
        directory = Path(self.mktemp())
        directory.mkdir()
        service = Service(self.mktemp(), media=relays(directory))
        self.addCleanup(service.stop)
        await service.start()
        alice = await service.sign_in("alice")
        links = (await alice.document("communication"))["_links"]
        shown = await alice.document(links["mediaRelayAccessToken"]["href"])
        expected = relay_credentials(SECRET, uri("alice"), service.clock.seconds(), 3_600)
        self.assertEqual(
            (shown["userName"], shown["password"], shown["duration"], shown["uri"]),
            (expected.user_name, expected.password, 60, uri("alice")),
        )
        first, second = shown["_embedded"]["mediaRelay"]
        self.assertEqual((first["tcpPort"], first["udpPort"]), (443, 3478))
        self.assertEqual((second["location"], second["tcpPort"]), ("Intranet", 3478))
        self.assertNotIn("udpPort", second)
        for relay in (first, second):
            self.assertEqual(await alice.document(relay["_links"]["self"]["href"]), relay)
        self.assertEqual(await alice.document("communication/mediaRelay"), first)
        for wrong in ("2", "x", "-1", "9" * 40):
            response = await alice.get(f"communication/mediaRelay/{wrong}")
            self.refused(response, 404, "NotFound", "ResourceNotFound")


class ReportTests(CallTestCase):
    async def test_reported(self) -> None:
        """What clients report is stored and said in the log, without what they wrote."""
        conversation = await self.call()
        session = f"{conversation}/audioVideo/audioVideoSession"
        quality = {"mediaEndpoint": "phone", "mediaQualityOfExperience": "<VQReportEvent/>"}
        self.accepted(await self.alice.post(f"{session}/publishCallQualityFeedback", quality), 204)
        failure = {"errorCode": "LocalFailure", "errorSubcode": "MediaFailure"}
        self.accepted(
            await self.alice.post(f"{conversation}/audioVideo/reportMediaDiagnostics", failure),
            204,
        )
        self.accepted(
            await self.alice.post(
                f"{conversation}/mediaDiagnostics", body=b"anything", content_type="text/xml"
            ),
            204,
        )
        told = [event for event in self.service.log.events if event[0].startswith("call.")]
        self.assertEqual(
            [name for name, _ in told],
            [
                "call.quality",
                "call.media_failed",
                "call.media_failed",
            ],
        )
        self.assertEqual(told[1][1]["subcode"], "MediaFailure")
        self.assertNotIn("VQReportEvent", repr(told))
        self.assertNotIn("anything", repr(told))

    async def test_after_the_call(self) -> None:
        """A call may be reported on shortly after its end, by who took part."""
        conversation = await self.call()
        carol = await self.device("carol")
        report = f"{conversation}/audioVideo/reportMediaDiagnostics"
        self.accepted(await self.alice.post(f"{conversation}/audioVideo/stopAudioVideo"), 204)
        self.accepted(await self.alice.post(report), 204)
        self.accepted(await self.bob.post(converted(report, self.alice, self.bob)), 204)
        other = await carol.post(converted(report, self.alice, carol))
        self.refused(other, 404, "NotFound", "ResourceNotFound")
        self.clock.advance(AFTER_S)
        self.refused(await self.alice.post(report), 404, "NotFound", "ResourceNotFound")

    async def test_bound(self) -> None:
        """One device cannot fill the store with reports on one call."""
        conversation = await self.call()
        report = f"{conversation}/audioVideo/reportMediaDiagnostics"
        for _ in range(MAX_REPORTS):
            self.accepted(await self.alice.post(report), 204)
        self.refused(await self.alice.post(report), 409, "Conflict", "LimitExceeded")
        self.accepted(await self.bob.post(converted(report, self.alice, self.bob)), 204)

    async def test_old_reports_go(self) -> None:
        """Reports are kept for a month."""
        conversation = await self.call()
        self.accepted(
            await self.alice.post(f"{conversation}/audioVideo/reportMediaDiagnostics"), 204
        )
        archive = self.service.front_end.store.archive
        for days, purged in ((29, 0), (31, 1)):
            now = self.clock.seconds() + days * 86_400
            tokens = await archive.purge(now) - purged
            self.assertGreaterEqual(tokens, 0)
        self.assertEqual(await archive.purge(now), 0)
