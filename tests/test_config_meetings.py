"""`[meetings]` of the configuration file."""

from mobility.config.meetings import DialInRegion, MeetingsConfig
from tests.test_config import GOOD, ConfigTestCase

REGION = '[[meetings.dial_in]]\nname = "Redmond"\nnumber = "+14255550100"\n'


class MeetingsConfigTests(ConfigTestCase):
    """What the table becomes, and what is said of a wrong one."""

    def meetings(self, text: str) -> MeetingsConfig:
        return self.load(GOOD + text).meetings

    def test_defaults(self) -> None:
        """Without the table everything has its default."""
        self.assertEqual(self.meetings(""), MeetingsConfig())

    def test_values(self) -> None:
        """Every key is read; a trailing slash of the join URL does not count."""
        meetings = self.meetings(
            '[meetings]\njoin_url = "https://meet.example.test/"\nper_user = 5\n'
            'access_level = "Everyone"\nhelp_url = "https://help.example.test/meet"\n'
            + REGION
            + 'languages = ["en-US"]\n'
        )
        self.assertEqual(meetings.join_url, "https://meet.example.test")
        self.assertEqual((meetings.per_user, meetings.access_level), (5, "Everyone"))
        self.assertEqual(meetings.dial_in, (DialInRegion("Redmond", "+14255550100", ("en-US",)),))

    WRONG = (
        ("[meetings]\nper_user = 0", "meetings.per_user", "from 1 to 10000"),
        ('[meetings]\naccess_level = "None"', "meetings.access_level", "SameEnterprise or"),
        (
            '[meetings]\nanonymous = false\naccess_level = "Everyone"',
            "meetings.access_level",
            "must not be Everyone",
        ),
        (
            '[meetings]\nanonymous = false\nautomatic_leader_assignment = "Everyone"',
            "meetings.automatic_leader_assignment",
            "must not be Everyone",
        ),
        ('[meetings]\njoin_url = "meet.example.test"', "meetings.join_url", "http or https"),
        ('[meetings]\njoin_url = "https://m.test/?a"', "meetings.join_url", "without a query"),
        ('[meetings]\nlogo_url = "ftp://m.test"', "meetings.logo_url", "http or https"),
        ('[meetings]\ncolour = "red"', "meetings.colour", "not a key"),
        (REGION + REGION, "meetings.dial_in", "each region once"),
        (REGION.replace("Redmond", ""), "meetings.dial_in[0].name", "not be empty"),
        (REGION.replace("+1", "1"), "meetings.dial_in[0].number", "such as +1425"),
        (REGION + "languages = 1", "meetings.dial_in[0].languages", "list of strings"),
        ("[meetings]\ndial_in = 1", "meetings.dial_in", "array of tables"),
    )

    def test_wrong(self) -> None:
        """A wrong value is named by its key and the rule."""
        for text, key, rule in self.WRONG:
            with self.subTest(text=text):
                fault = self.fault(f"{GOOD}{text}\n")
                self.assertEqual(fault.key, key)
                self.assertIn(rule, fault.rule)
