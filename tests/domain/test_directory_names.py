"""Names of a directory's entries."""

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mobility.domain.directory_names import MAX_URI, group_uri, is_name_uri, uri_of_name

PART = st.text(st.characters(blacklist_categories=("Cs",), blacklist_characters=","), max_size=12)
DN = st.lists(st.builds("{}={}".format, PART, PART), min_size=1, max_size=4).map(",".join)


class DirectoryNamesTests(SynchronousTestCase):
    def test_spellings(self) -> None:
        """A name has one URI, whatever its case and its spaces after commas."""
        uri = "ldap:///cn=mobile%20users,dc=example"
        for name in ("CN=Mobile Users, DC=Example", "cn=mobile users,dc=example", uri):
            self.assertEqual(uri, group_uri(name))
        self.assertEqual(uri, group_uri(uri.upper()))

    def test_groups(self) -> None:
        """An address is a group's, and a word alone says nothing."""
        self.assertEqual("sip:sales@example.test", group_uri("Sales@Example.test"))
        for name in ("", "Sales", "ldap:///", "ldap:///x", f"cn={'x' * MAX_URI}"):
            self.assertIsNone(group_uri(name), name[:40])

    @given(DN)
    def test_any(self, name: str) -> None:
        """The URI of any name is that of itself, and fits where spaces part."""
        uri = uri_of_name(name)
        if "@" not in name:
            self.assertIn(group_uri(uri), (uri, None))
        self.assertEqual([uri], uri.split())
        self.assertTrue(uri.isascii())

    @given(st.text(max_size=40))
    def test_anything(self, text: str) -> None:
        """Any text is the URI of a name or is not, and nothing is raised."""
        uri = group_uri(text)
        if uri is not None and uri.startswith("ldap:"):
            self.assertTrue(is_name_uri(uri))
