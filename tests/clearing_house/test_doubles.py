"""The doubles, told to fail while everything runs."""

from mobility.push.wire import Device
from mobility.push_doubles.commands import Commands, NotUnderstood, obedient
from mobility.push_doubles.providers import APP
from tests.clearing_house.running import RunningCase, device, push, until


class CommandTests(RunningCase):
    """Lines such as `apns 429`."""

    async def setUp(self) -> None:
        await super().setUp()
        self.commands = Commands(self.providers)

    async def told(self, line: str) -> None:
        await self.commands.obey(line)

    def devices(self) -> dict[str, Device]:
        subscriber = self.providers.web_push.subscribe()
        return {
            "apns": device(),
            "fcm": device("fcm"),
            "webpush": device(
                "webpush",
                endpoint=subscriber.endpoint,
                p256dh=subscriber.p256dh,
                auth=subscriber.auth,
            ),
            "wns": device("wns", endpoint=self.providers.wns.channel()),
        }

    async def test_statuses(self) -> None:
        """A provider answers everything with a status, until it is well again."""
        for name, to in self.devices().items():
            await self.told(f"{name} 413")
            verdict = await self.fate(push(to))
            self.assertEqual((verdict.outcome, verdict.status[:3]), ("failed", "413"), name)
            await self.told(f"{name} up")
            self.assertEqual((await self.fate(push(to))).outcome, "delivered", name)

    async def test_unregistered(self) -> None:
        """A 410 of APNs is about a token of long ago."""
        await self.told("apns 410")
        verdict = await self.fate(push(device()))
        self.assertEqual((verdict.outcome, verdict.dead_since), ("dead", 946_684_800))

    async def test_failures(self) -> None:
        """What waits while one is down, silent or fails in TLS goes when it is well again."""
        apns = self.providers.apns
        await self.fate(push(device()))

        def trouble() -> object:
            return self.running.house.destinations[f"apns:{APP}"].last_trouble

        for mode in ("down", "tls", "slow"):
            before = apns.requests
            await self.told(f"apns {mode}")
            sent = push(device())
            await self.sender.send([sent])
            await until(
                lambda before=before: trouble() is not None or apns.requests > before,
                mode,
            )
            self.assertNotIn(sent.id, [one.id for one in apns.received])
            await self.told("apns up")
            await until(lambda sent=sent: sent.id in [one.id for one in apns.received], mode)

    async def test_not_understood(self) -> None:
        """What is no command is refused, and what follows it is done."""
        for line in ("", "apns", "apns 200", "apns 600", "apns \u0664\u0660\u0660", "mpns up"):
            with self.assertRaises(NotUnderstood, msg=line):
                await self.told(line)
        said: list[object] = []
        take = obedient(self.commands, said.append)
        for command in (b"apns down", b"nonsense", b"apns up"):
            take(command)
        await until(lambda: len(said) == 3, "all are answered")
        self.assertEqual([*map(list, said)], [["done"], ["error"], ["done"]])  # type: ignore[call-overload]
