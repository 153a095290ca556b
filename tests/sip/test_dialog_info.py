"""Documents about calls."""

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mobility.sip.dialog_info import MAX_DIALOGS, STATES, DialogInfo, DialogState
from mobility.sip.grammar import Malformed
from tests.sip.test_xml_elements import TEXTS

BODY = b"""<dialog-info xmlns="urn:ietf:params:xml:ns:dialog-info" version="3" state="partial"
 entity="sip:alice@example.test"><dialog id="as7" call-id="c1" local-tag="1" remote-tag="2"
 direction="recipient"><state>early</state><remote><identity display="Bob">sip:bob@example.test
</identity></remote></dialog><dialog id="b"><state event="remote-bye">terminated</state></dialog>
</dialog-info>"""

TEXT = TEXTS.filter(bool)


class DialogInfoTests(SynchronousTestCase):
    def test_dialogs(self) -> None:
        """Each dialog has an id, a state, and who is at its other end."""
        self.assertEqual(
            DialogInfo.parse(BODY),
            DialogInfo(
                "sip:alice@example.test",
                3,
                False,
                (
                    DialogState("as7", "early", "recipient", "sip:bob@example.test", "Bob", "c1"),
                    DialogState("b", "terminated"),
                ),
            ),
        )

    def test_malformed(self) -> None:
        """Without version, ids or states that are known, it is refused."""
        for good, bad in (
            (b'version="3"', b""),
            (b'version="3"', b'version="-1"'),
            (b'state="partial"', b'state="half"'),
            (b'id="b"', b""),
            (b">early<", b">ringing<"),
            (b"ns:dialog-info", b"ns:other"),
        ):
            self.assertRaises(Malformed, DialogInfo.parse, BODY.replace(good, bad))

    def test_bound(self) -> None:
        """No more dialogs are read than a phone can have."""
        dialogs = tuple(DialogState(str(n), "early") for n in range(MAX_DIALOGS + 5))
        self.assertEqual(len(DialogInfo.parse(bytes(DialogInfo("", 0, True, dialogs))).dialogs), 64)

    @given(
        st.builds(
            DialogInfo,
            TEXT,
            st.integers(0, 2**31),
            st.booleans(),
            st.lists(
                st.builds(DialogState, TEXT, st.sampled_from(STATES), TEXT, TEXT, TEXT, TEXT),
                max_size=3,
            ).map(tuple),
        )
    )
    def test_round_trip(self, info: DialogInfo) -> None:
        """What is written is read the same."""
        self.assertEqual(DialogInfo.parse(bytes(info)), info)
