"""`[media]` and `[[media.relay]]`."""

from pathlib import Path

from mobility.errors import OperatorFault
from tests.test_config import GOOD, ConfigTestCase

MEDIA = '\n[media]\nsecret_file = "relay.secret"\n'
RELAY = '[[media.relay]]\nhost = "turn.example.test"\nipv4 = "192.0.2.5"\n'


class MediaConfigTests(ConfigTestCase):
    def test_good(self) -> None:
        """Relays with their ports; without one there is no secret to read."""
        media = self.load(GOOD + MEDIA + RELAY + "udp_port = 0\n").media
        (relay,) = media.relays
        self.assertEqual(
            (relay.host, relay.udp_port, relay.tcp_port),
            (
                "turn.example.test",
                0,
                3478,
            ),
        )
        self.assertEqual(media.lifetime_s, 28_800)
        self.assertEqual(self.load(GOOD).media.secret, b"")

    def test_wrong(self) -> None:
        """What does not go together is refused, with its key."""
        for text, key in (
            ("\n" + RELAY, "media.secret_file"),
            (MEDIA + RELAY.replace("192.0.2.5", "2001:db8::1"), "media.relay[0].ipv4"),
            (MEDIA + RELAY.replace("turn.example", "turn example"), "media.relay[0].host"),
            (MEDIA + RELAY + "udp_port = 0\ntcp_port = 0", "media.relay[0].udp_port"),
            (MEDIA + RELAY + 'location = "Moon"', "media.relay[0].location"),
            (MEDIA + RELAY + "port = 1", "media.relay[0].port"),
            (MEDIA + RELAY * 17, "media.relay"),
            (MEDIA + "lifetime_s = 1", "media.lifetime_s"),
        ):
            with self.subTest(key=key), self.assertRaises(OperatorFault) as raised:
                self.load(GOOD + text)
            self.assertEqual(raised.exception.key, key)

    def test_secret(self) -> None:
        """The secret is private to its owner and long enough."""
        media = self.load(GOOD + MEDIA + RELAY).media
        file = media.secret_file
        assert file is not None
        self.assertRaises(OperatorFault, lambda: media.secret)
        for content, mode in ((b"short\n", 0o600), (b"x" * 40, 0o644)):
            file.write_bytes(content)
            file.chmod(mode)
            self.assertRaises(OperatorFault, lambda: media.secret)
        file.chmod(0o600)
        self.assertEqual(media.secret, b"x" * 40)

    def test_in_the_file(self) -> None:
        """A relative file name is taken from the configuration's directory."""
        media = self.load(GOOD + MEDIA + RELAY).media
        assert media.secret_file is not None
        self.assertEqual(media.secret_file.name, Path("relay.secret").name)
