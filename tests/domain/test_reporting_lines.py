"""Who reports to whom."""

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import TestCase

from mobility.domain.records import User
from mobility.domain.reporting_lines import ReportingLines
from tests.domain.doubles import uri

NAMES = st.sampled_from(("a", "b", "c", "d"))


class ReportingLinesTests(TestCase):
    """An index of managers."""

    @given(st.dictionaries(NAMES, NAMES), st.lists(NAMES))
    def test_both_ways(self, managers: dict[str, str], gone: list[str]) -> None:
        """A user reports to its manager exactly while both the user and its word are there."""
        users = {name: User(uri(name), name, manager=uri(boss)) for name, boss in managers.items()}
        lines = ReportingLines(users.values())
        for name in gone:
            user = users.pop(name, None)
            if user is not None:
                lines.remove(user)
        for boss in "abcd":
            reports = {user.uri for user in users.values() if user.manager == uri(boss)}
            self.assertEqual(lines.reports_of(User(uri(boss), boss)), reports)
        for user in users.values():
            self.assertEqual(lines.manager_of(user), user.manager)

    def test_names_of_a_directory(self) -> None:
        """A mirrored user names its manager as its directory does, in any case and spacing."""
        boss = User(uri("boss"), "Boss", source_name="CN=Boss, OU=Sales,DC=example")
        report = User(uri("a"), "A", manager="cn=boss,ou=sales, dc=Example")
        lines = ReportingLines([boss, report])
        self.assertEqual(lines.manager_of(report), uri("boss"))
        self.assertEqual(lines.reports_of(boss), {uri("a")})
        lines.remove(boss)
        self.assertNotEqual(lines.manager_of(report), uri("boss"))

    def test_nobody(self) -> None:
        """Without a manager there is none."""
        user = User(uri("a"), "A")
        lines = ReportingLines([user, User(uri("b"), "B")])
        self.assertEqual((lines.manager_of(user), lines.reports_of(user)), ("", set()))
