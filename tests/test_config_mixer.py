"""`[meetings.mixer]` of the configuration file."""

from mobility.config.mixer import MixerConfig
from tests.test_config import GOOD, ConfigTestCase

URI = "sip:conf-{id}@mixer.example.test:5062;transport=tcp"


class MixerConfigTests(ConfigTestCase):
    """What the table becomes, and what is said of a wrong one."""

    def mixer(self, text: str) -> MixerConfig:
        return self.load(f"{GOOD}[meetings.mixer]\n{text}\n").meetings.mixer

    def test_none(self) -> None:
        """Without the table there is no mixer."""
        self.assertEqual(self.load(GOOD).meetings.mixer, MixerConfig())

    def test_values(self) -> None:
        """Each conference has a URI of its own."""
        mixer = self.mixer(f'uri = "{URI}"\nvideo = false\nprobe_s = 0.0')
        self.assertEqual(mixer, MixerConfig(URI, False, 0.0))
        self.assertEqual(
            mixer.conference("0a1b"), "sip:conf-0a1b@mixer.example.test:5062;transport=tcp"
        )
        for uri in ("sip:{id}@192.0.2.7", "sip:{id}@[2001:db8::7]:5060;transport=udp"):
            self.assertEqual(self.mixer(f'uri = "{uri}"').uri, uri)

    WRONG = (
        ('uri = "sip:conference@mixer.example.test"', "uri", "with {id} once"),
        ('uri = "sip:{id}{id}@mixer.example.test"', "uri", "with {id} once"),
        ('uri = "sip:{id}-{room}@mixer.example.test"', "uri", "with {id} once"),
        ('uri = "sips:{id}@mixer.example.test"', "uri", "must be a SIP URI"),
        ('uri = "mixer.example.test"', "uri", "must be a SIP URI"),
        ('uri = "sip:{id}@mixer.example.test;lr"', "uri", "must be a SIP URI"),
        ('uri = "sip:{id}@mixer..test"', "uri", "a host or an address"),
        ('uri = "sip:{id}@mixer.test:70000"', "uri", "a port from 1"),
        ("probe_s = 4000.0", "probe_s", "from 0.0 to 3600.0"),
        ('room = "1"', "room", "not a key"),
    )

    def test_wrong(self) -> None:
        """A wrong value is named by its key and the rule."""
        for text, key, rule in self.WRONG:
            with self.subTest(text=text):
                fault = self.fault(f"{GOOD}[meetings.mixer]\n{text}\n")
                self.assertEqual(fault.key, f"meetings.mixer.{key}")
                self.assertIn(rule, str(fault))
