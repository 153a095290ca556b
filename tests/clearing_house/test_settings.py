"""The clearing house's configuration file."""

from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from mobility.clearing_house.settings import load
from mobility.errors import OperatorFault

GOOD = """
data_dir = "data"
[federation]
endpoint = "tcp:7443"
certificate = "house.pem"
key = "house.key"
client_ca = "ca.pem"
[operator]
endpoint = "tcp:9444:interface=127.0.0.1"
certificate = "house.pem"
key = "house.key"
[[organisation]]
name = "example"
certificate_names = ["fe.example.org"]
apps = ["org.example.*"]
[[webpush]]
app_id = "https://chat.example.org"
key = "vapid.pem"
subject = "mailto:push@example.org"
[[wns]]
app_id = "chat"
tenant = "t"
client_id = "c"
client_secret = "secret"
"""


class SettingsTests(SynchronousTestCase):
    def load(self, text: str) -> object:
        file = Path(self.mktemp())
        file.write_text(text)
        return load(file)

    def test_documented_example(self) -> None:
        """The example of the documentation is read."""
        page = Path(__file__).parents[2] / "docs" / "push.md"
        blocks = [one.partition("```")[0] for one in page.read_text().split("```toml\n")[1:]]
        (text,) = [one for one in blocks if "[[organisation]]" in one]
        file = Path(self.mktemp())
        file.write_text(text)
        settings = load(file)
        platforms = {platform for platform, _ in settings.apps}
        self.assertEqual(platforms, {"apns", "fcm", "webpush", "unifiedpush", "wns"})

    def test_faults(self) -> None:
        """Each fault names the key and the rule."""
        self.load(GOOD)
        for old, new, key in (
            ('data_dir = "data"', "", "data_dir: is missing"),
            ("interface=127.0.0.1", "interface=0.0.0.0", "operator.endpoint"),
            ('client_ca = "ca.pem"', "", "federation.client_ca: is missing"),
            ("fe.example.org", "FE.example.org", "organisation[0].certificate_names"),
            ("mailto:push", "push", "webpush[0].subject"),
            ("[[wns]]", "[[mpns]]", "mpns"),
            ('tenant = "t"', 'tenant = "t"\nsecret_ends = "May"', "wns[0].secret_ends"),
            (
                'tenant = "t"',
                'tenant = "t"\nallowed_endpoints = ["example.org"]',
                "wns[0].allowed_endpoints",
            ),
            ('tenant = "t"', 'tenant = "t"\nlogin = "http://login.example"', "wns[0].login"),
            ("[[wns]]", "[[wnss]]", "wnss"),
            ("[[webpush]]", "[queue]\nmax_queued = 0\n[[webpush]]", "queue.max_queued"),
            ('= ["org.example.*"]', "= []\npushes = 1", "organisation[0].pushes"),
        ):
            self.assertIn(old, GOOD)
            with self.assertRaises(OperatorFault, msg=new) as caught:
                self.load(GOOD.replace(old, new))
            self.assertIn(key, str(caught.exception))

    def test_twice(self) -> None:
        """An app id, an organisation and a certificate name stand once only."""
        for more in (
            GOOD[GOOD.index("[[wns]]") :],
            GOOD[GOOD.index("[[organisation]]") : GOOD.index("[[webpush]]")],
            '[[organisation]]\nname = "b"\ncertificate_names = ["fe.example.org"]\napps = []\n',
        ):
            with self.assertRaises(OperatorFault):
                self.load(GOOD + more)
