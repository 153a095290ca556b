"""`[forwarding]` of the configuration file."""

from zoneinfo import ZoneInfo

from mobility.config.forwarding import ForwardingConfig
from mobility.domain.working_hours import DAYS, WorkingHours
from tests.test_config import GOOD, ConfigTestCase


class ForwardingConfigTests(ConfigTestCase):
    """Voicemail and working hours."""

    def test_default(self) -> None:
        """Without the table there is no voicemail, and people work from nine to five."""
        self.assertEqual(ForwardingConfig(), self.load(GOOD).forwarding)
        self.assertEqual(WorkingHours(zone=ZoneInfo("UTC")), ForwardingConfig().hours)

    def test_all(self) -> None:
        """What the table says holds; a number and a URI get their one spelling."""
        table = (
            '\n[forwarding]\nvoicemail = "{}"\ntime_zone = "Europe/Berlin"\n'
            'work_days = ["sunday"]\nwork_start = "22:30"\nwork_end = "24:00"\n'
        )
        for given, expected in (
            ("+14255550190", "tel:+14255550190"),
            ("tel:+14255550190", "tel:+14255550190"),
            ("sip:Voicemail@Example.Test", "sip:voicemail@example.test"),
        ):
            settings = self.load(GOOD + table.format(given)).forwarding
            self.assertEqual(expected, settings.voicemail)
        hours = WorkingHours(frozenset({DAYS[6]}), 1350, 1440, ZoneInfo("Europe/Berlin"))
        self.assertEqual(hours, settings.hours)

    def test_wrong(self) -> None:
        """Each wrong value is refused with its key and rule."""
        for line, key, rule in (
            ('voicemail = "4711"', "forwarding.voicemail", "must be a SIP URI, or a number"),
            ('voicemail = "tel:x"', "forwarding.voicemail", "must be a SIP URI, or a number"),
            ('time_zone = "Mars"', "forwarding.time_zone", "must be a time zone"),
            ('time_zone = "../etc"', "forwarding.time_zone", "must be a time zone"),
            ('time_zone = ""', "forwarding.time_zone", "must be a time zone"),
            ('work_days = ["Montag"]', "forwarding.work_days", "must hold only monday"),
            ('work_start = "24:01"', "forwarding.work_start", "must be a time"),
            ('work_end = "9:00"', "forwarding.work_end", "must be a time"),
        ):
            with self.subTest(line=line):
                fault = self.fault(f"{GOOD}\n[forwarding]\n{line}\n")
                self.assertEqual(key, fault.key)
                self.assertIn(rule, fault.rule)
