"""A clearing house that is reached by SIP MESSAGE, from a front end's own way to it, over TLS."""

import json
from typing import Any

import attrs
from twisted.internet import reactor as _reactor
from twisted.internet.defer import ensureDeferred

from mobility.config import Config, SipConfig, StoreConfig, WebConfig
from mobility.config.push import PushConfig
from mobility.config.topology import EdgeConfig, ProviderConfig, TopologyConfig
from mobility.operate.peer_tls import PeerTls
from mobility.push.clearing_house import HouseFailed
from mobility.push.message_house import HopFailed, MessageClearingHouse
from mobility.push.wire import TOLD, UNKNOWN, Verdict
from mobility.push.wire_sip import MEDIA_TYPE, MESSAGE_BYTES
from mobility.push_federation import Federation, Surroundings, around_nobody
from mobility.sip.locating import NOWHERE, Service, Silence
from mobility.sip.questions import Question, Unanswered
from mobility.sip.routing import Target
from mobility.sip.server import ConnectionTable
from mobility.testing import MemoryLog
from tests.clearing_house.running import ORGANISATION, WAIT_S, RunningCase, device, push, until

reactor: Any = _reactor

DOMAIN = "push.example.test"
SIP = f"""
[sip]
endpoint = "tcp:0:interface=127.0.0.1"
domain = "{DOMAIN}"
"""


class MemoryServices:
    """The SRV records of a DNS of our own."""

    def __init__(self) -> None:
        self.found: dict[str, list[Service]] = {}
        self.silent = False

    async def services(self, name: str) -> list[Service]:
        if self.silent:
            raise Silence(name)
        return self.found.get(name, [])


class MessagesCase(RunningCase):
    """Each test has a clearing house with a SIP listener, and `house` as front ends see it."""

    more_config = SIP

    async def setUp(self) -> None:
        await super().setUp()
        self.sip_port = int(self.running.listeners[2].address.rpartition(":")[2])
        self.records = MemoryServices()
        self.log = MemoryLog()
        self.house = self.house_as(ORGANISATION)

    async def close(self, table: ConnectionTable) -> None:
        """Close connections, and wait until they are."""
        table.close()
        await until(lambda: not len(table), "the connections close")

    async def stop(self) -> None:
        messages = None if self.service is None else self.service.messages
        await super().stop()
        if messages is not None:
            await self.close(messages.connections)

    def topology(self, **changes: Any) -> TopologyConfig:
        """The clearing house stands where the Edge is."""
        edge = EdgeConfig("localhost", self.sip_port, (DOMAIN,))
        return attrs.evolve(TopologyConfig(edge=edge), **changes)

    def around(self, name: str | None, topology: TopologyConfig, ca: str) -> tuple[Config, Any]:
        directory = self.directory.absolute()
        files = (
            {} if name is None else {"peer_certificate": f"{name}.pem", "peer_key": f"{name}.key"}
        )
        config = Config(
            source=directory / "mobility.toml",
            data_dir=directory,
            sip_domains=("example.test",),
            server_fqdn="fe.example.test",
            listeners=(),
            web=WebConfig("https://localhost", "https://localhost"),
            store=StoreConfig(path=directory / "none.sqlite"),
            topology=topology,
            push=PushConfig(clearing_house=f"sip:push@{DOMAIN}", transport="sip"),
            sip=SipConfig(
                peer_ca=directory / ca, **{key: directory / file for key, file in files.items()}
            ),
        )
        around, table = around_nobody(config, PeerTls(config), reactor, self.log)
        self.addCleanup(around.core.stop)
        self.addCleanup(self.close, table)
        return config, attrs.evolve(around, records=self.records)

    def house_as(
        self,
        name: str | None,
        topology: TopologyConfig | None = None,
        ca: str = "ca.pem",
        timeout_s: float = WAIT_S,
    ) -> MessageClearingHouse:
        """The clearing house as a front end with the certificate of `name` sees it."""
        config, around = self.around(name, topology or self.topology(), ca)
        way = Federation(config)
        way.open(around)
        return MessageClearingHouse(config.push.clearing_house, way, timeout_s=timeout_s)

    async def refusal(self, house: MessageClearingHouse) -> HopFailed:
        """At which hop a question for the health ends."""
        return await self.assertFailure(ensureDeferred(house.health()), HopFailed)  # type: ignore[no-any-return]


class DeliveryTests(MessagesCase):
    """What goes through."""

    async def heard(self, number: int) -> list[Verdict]:
        found: list[Verdict] = []
        while len(found) < number:
            page = await self.house.verdicts("", found[-1].sequence if found else 0)
            found += page.verdicts
        return found

    async def test_there_and_back(self) -> None:
        """A batch has a result for each notification, and what the provider says comes by the
        poll for verdicts, as over HTTPS."""
        told = [push(device()), push(attrs.evolve(device(), app_id="com.foreign.app"))]
        results = await self.house.deliver(told)
        self.assertEqual(
            [(one.id, one.outcome, one.reason) for one in results],
            [(told[0].id, "accepted", ""), (told[1].id, "rejected", "app_not_allowed")],
        )
        (verdict,) = await self.heard(1)
        self.assertEqual((verdict.id, verdict.outcome), (told[0].id, "delivered"))
        self.assertEqual(self.providers.apns.received[-1].id, told[0].id)

    async def test_one_queue_for_both_ways(self) -> None:
        """What came over HTTPS is known when it comes by SIP, and the other way round."""
        by_https, by_sip = push(device()), push(device())
        await self.sender.send([by_https])
        results = await self.house.deliver([by_https, by_sip])
        self.assertEqual([one.outcome for one in results], ["duplicate", "accepted"])
        (again,) = await self.sender.send([by_sip])
        self.assertEqual(again.outcome, "duplicate")

    async def test_large(self) -> None:
        """More than one MESSAGE holds goes in several, and what is too large for one is only to
        wake; what is so even then is rejected."""
        long = [push(device(), title="t", body="\u00e4" * 4_096) for _ in range(20)]
        wide = push(device(), body="\x01" * 4_096, trace="x")
        wide = attrs.evolve(
            wide, device=attrs.evolve(wide.device, token="\x01" * 4_000, voip_token="\x01" * 4_000)
        )
        endless = attrs.evolve(
            wide, device=attrs.evolve(wide.device, endpoint="\x01" * 2_048), id="endless"
        )
        results = await self.house.deliver([*long, wide, endless])
        self.assertEqual([one.outcome for one in results[:20]], ["accepted"] * 20)
        self.assertEqual(results[20].outcome, "accepted")
        self.assertEqual(
            (results[21].outcome, results[21].reason),
            ("rejected", "malformed: it is too large for a SIP MESSAGE"),
        )

    async def test_many(self) -> None:
        """A hundred notifications have a hundred results, in their order."""
        told = [push(device("fcm", token=f"{number:0140d}")) for number in range(100)]
        results = await self.house.deliver(told)
        self.assertEqual([one.id for one in results], [one.id for one in told])
        self.assertEqual({one.outcome for one in results}, {"accepted"})

    async def test_health(self) -> None:
        """The providers of the organisation are told, and no others."""
        health = await self.house.health()
        self.assertEqual(health.organisation, ORGANISATION)
        self.assertIn("apns", {one.platform for one in health.providers})

    async def test_whereabouts(self) -> None:
        """Where pushes are is asked and told as over HTTPS; more than fifty at once are not."""
        sent = push(device())
        await self.house.deliver([sent])
        await self.heard(1)
        found = await self.house.whereabouts([sent.id, "never"])
        self.assertEqual(
            [(one.id, one.place) for one in found], [(sent.id, TOLD), ("never", UNKNOWN)]
        )
        failed = await self.assertFailure(
            ensureDeferred(self.house.whereabouts(["x"] * 51)), HopFailed
        )
        self.assertEqual(failed.status, 513)

    async def test_quota(self) -> None:
        """An organisation that asks too often at once is told to wait, as over HTTPS."""
        refused: list[Any] = []
        polls = [
            ensureDeferred(self.house.verdicts("", 0)).addErrback(refused.append) for _ in range(17)
        ]
        await until(lambda: refused, "one is refused")
        failed = refused[0].value
        self.assertIsInstance(failed, HouseFailed)
        self.assertEqual((failed.reason, failed.retry_after_s), ("it answered 429", 5.0))
        await self.house.deliver([push(device())])
        pages = [page for poll in polls if (page := await poll) is not None]
        self.assertEqual([len(page.verdicts) for page in pages], [1] * 16)

    async def test_stopped(self) -> None:
        """A clearing house that stops answers who waits for verdicts."""
        poll = ensureDeferred(self.house.verdicts("", 0))
        while not self.running.verdicts.waiting:
            await self.house.health()
        await self.stop()
        self.assertEqual((await poll).verdicts, ())

    async def test_stopped_waiting(self) -> None:
        """Nobody waits any more for a front end whose connection is gone."""
        _, around = self.around(ORGANISATION, self.topology(), "ca.pem")
        house = self.house_as(ORGANISATION)
        poll = ensureDeferred(house.verdicts("", 0))
        while not self.running.verdicts.waiting:
            await self.house.health()
        del around
        self.running.messages.connections.close()  # type: ignore[union-attr]
        failed = await self.assertFailure(poll, HopFailed)
        self.assertEqual(failed.hop, "reply")
        await self.house.deliver([push(device())])
        self.assertEqual(self.running.verdicts.waiting, 0)


class RefusedTests(MessagesCase):
    """What does not, and at which hop."""

    async def test_allowed_domains(self) -> None:
        """Without an Edge, or without the clearing house's domain among those allowed, nothing
        leaves, as an Access Edge refuses it."""
        failed = await self.refusal(self.house_as(ORGANISATION, self.topology(edge=EdgeConfig())))
        self.assertEqual(failed.hop, "setting")
        edge = EdgeConfig("localhost", self.sip_port, ("example.com",))
        failed = await self.refusal(self.house_as(ORGANISATION, self.topology(edge=edge)))
        self.assertEqual((failed.hop, failed.status), ("allowed domain", 403))
        self.assertIn("does not appear to belong to a federated partner", failed.reason)
        self.assertEqual(len(self.running.messages.connections), 0)  # type: ignore[union-attr]

    async def test_own_edge(self) -> None:
        """A front end that is its own Edge goes where the DNS says, if that is in the domain or
        a hosting provider's proxy."""
        own = EdgeConfig("fe.example.test", 5061, (DOMAIN,))
        failed = await self.refusal(self.house_as(ORGANISATION, self.topology(edge=own)))
        self.assertEqual(failed.hop, "SRV")
        name = f"_sipfederationtls._tcp.{DOMAIN}"
        self.assertIn(name, failed.reason)
        self.records.silent = True
        failed = await self.refusal(self.house_as(ORGANISATION, self.topology(edge=own)))
        self.assertEqual(failed.hop, "SRV")
        self.assertIn(f"no name server answers for {name}", failed.reason)
        self.records.silent = False
        self.records.found[name] = [Service(0, 0, self.sip_port, "localhost")]
        failed = await self.refusal(self.house_as(ORGANISATION, self.topology(edge=own)))
        self.assertEqual(failed.hop, "hosting provider")
        self.records.found[name] = [Service(0, 0, 0, NOWHERE)]
        failed = await self.refusal(self.house_as(ORGANISATION, self.topology(edge=own)))
        self.assertEqual(failed.hop, "SRV")
        self.assertIn("says that there is no such service", failed.reason)
        self.records.found[name] = [Service(0, 0, self.sip_port, "localhost")]
        provider = ProviderConfig("house", proxy="localhost")
        house = self.house_as(ORGANISATION, self.topology(edge=own, providers=(provider,)))
        self.assertEqual((await house.health()).organisation, ORGANISATION)

    async def test_connection(self) -> None:
        """A port that nobody listens on, a name without an address and a certificate that is not
        trusted end at their hops."""
        for edge, ca, hop, word in (
            (EdgeConfig("localhost", 1, (DOMAIN,)), "ca.pem", "connection", "refused"),
            (EdgeConfig("nobody.invalid", 1, (DOMAIN,)), "ca.pem", "address", "no address"),
            (self.topology().edge, "other.pem", "connection", "certificate"),
        ):
            (self.directory / "other.pem").write_bytes(
                (self.directory / "vapid.pem").read_bytes() + other_authority()
            )
            failed = await self.refusal(
                self.house_as(ORGANISATION, self.topology(edge=edge), ca=ca)
            )
            self.assertEqual(failed.hop, hop, failed.reason)
            self.assertIn(word, failed.reason.lower())

    async def test_unknown(self) -> None:
        """A certificate of nobody's is answered 403; nothing without one gets past TLS."""
        failed = await self.refusal(self.house_as("server"))
        self.assertEqual((failed.hop, failed.status), ("answer", 403))
        failed = await self.refusal(self.house_as(None))
        self.assertEqual(failed.hop, "connection", failed.told)

    async def test_certificates(self) -> None:
        """A clearing house that shows the certificate of another name, and one that does not
        believe ours, end at the connection, in words: nobody has answered anything."""
        (self.directory / "other.pem").write_bytes(other_authority())
        files = f'certificate = "{ORGANISATION}.pem"\nkey = "{ORGANISATION}.key"\n'
        before = self.config.read_text()
        for more, words in (
            (files, "TLS: the certificate is for another name"),
            ('client_ca = "other.pem"\n', "closed the connection before it answered"),
        ):
            self.config.write_text(before + more)
            self.running.reload()
            failed = await self.refusal(self.house_as(ORGANISATION))
            self.assertEqual(failed.hop, "connection", failed.told)
            self.assertIn(words, failed.told)

    async def answer_to(self, **changes: Any) -> int:
        """The status of the answer to a question that is asked by hand."""
        _, around = self.around(ORGANISATION, self.topology(), "ca.pem")
        question = Question(
            f"sip:push@{ORGANISATION}",
            f"sip:push@{DOMAIN}",
            [Target("localhost", self.sip_port, "TLS")],
            MEDIA_TYPE,
            b'{"version": 1, "ask": "health"}',
        )
        asked: Surroundings = around
        asking = ensureDeferred(asked.questions.ask(attrs.evolve(question, **changes), WAIT_S))
        try:
            answer = await asking
        except Unanswered as failed:
            return failed.status
        return int(json.loads(answer).get("error", {}).get("status", 200))

    async def test_malformed(self) -> None:
        """Each question that cannot be served is answered with the status for it, and the others
        go on."""
        items = [{"id": str(one)} for one in range(51)]
        for status, changes in (
            (200, {}),
            (404, {"to_uri": f"sip:alice@{DOMAIN}"}),
            (404, {"to_uri": "sip:push@elsewhere.test"}),
            (415, {"media_type": "text/plain"}),
            (400, {"body": b"Hello"}),
            (400, {"body": b'{"version": 1, "ask": "more"}'}),
            (400, {"body": b'{"version": 1, "ask": "verdicts", "after": -1}'}),
            (400, {"body": b'{"version": 1, "ask": "verdicts", "stream": 7}'}),
            (400, {"body": b'{"version": 2, "ask": "health"}'}),
            (513, {"body": json.dumps({"version": 1, "notifications": items}).encode()}),
            (513, {"body": b'{"version": 1}' + b" " * MESSAGE_BYTES}),
        ):
            self.assertEqual(await self.answer_to(**changes), status, changes)

    async def test_foreign_answer(self) -> None:
        """A MESSAGE that answers nothing that was asked is no answer."""
        _, around = self.around(ORGANISATION, self.topology(), "ca.pem")
        asked: Surroundings = around
        self.assertEqual(len(asked.questions), 0)
        self.assertEqual(await self.answer_to(), 200)
        self.assertEqual(len(asked.questions), 0)


def other_authority() -> bytes:
    """The certificate of an authority that has signed nothing here."""
    from datetime import UTC, datetime

    from mobility import pki

    return pki.certificate_authority("other CA", datetime.now(UTC)).certificate_pem
