"""Bodies of the conference event package."""

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mobility.sip.conference_info import (
    MAX_ENDPOINTS,
    ConferenceEndpoint,
    ConferenceInfo,
    EndpointMedia,
)
from mobility.sip.grammar import Malformed

HEAD = '<?xml version="1.0"?><conference-info xmlns="urn:ietf:params:xml:ns:conference-info"'
ALICE = """\
<user entity="sip:alice@example.test" state="full">
 <display-text>Alice</display-text>
 <endpoint entity="sip:4kfk4j392jsu@192.0.2.1;grid=433kj4j3u" state="full">
  <status>connected</status>
  <joining-method>dialed-in</joining-method>
  <media id="1"><type>audio</type><label>34567</label><src-id>432424</src-id>
   <status>sendrecv</status></media>
  <media id="2"><type>video</type><status>recvonly</status></media>
  <call-info><sip><display-text>full info</display-text><call-id>hsjh8980vhsb78</call-id>
   <from-tag>vav738dvbs</from-tag><to-tag>8954jgjg8432</to-tag></sip></call-info>
 </endpoint>
</user>
"""


def info(users: str = "", attributes: str = 'version="1"') -> ConferenceInfo:
    body = f'{HEAD} entity="sip:conf-1@mixer.test" {attributes}><users>{users}</users>'
    return ConferenceInfo.parse(f"{body}</conference-info>".encode())


class ConferenceInfoTests(SynchronousTestCase):
    """What is read of a document."""

    def test_full(self) -> None:
        """The endpoints with their dialogs, media and sources (after RFC 4575 section 6.2)."""
        read = info(ALICE, 'state="full" version="7"')
        self.assertEqual((read.entity, read.version), ("sip:conf-1@mixer.test", 7))
        self.assertTrue(read.full)
        self.assertEqual(
            list(read.endpoints),
            [
                ConferenceEndpoint(
                    "sip:alice@example.test",
                    "sip:4kfk4j392jsu@192.0.2.1;grid=433kj4j3u",
                    "hsjh8980vhsb78",
                    media=(
                        EndpointMedia("audio", "sendrecv", 432424),
                        EndpointMedia("video", "recvonly"),
                    ),
                )
            ],
        )

    def test_partial(self) -> None:
        """A partial document tells of what has changed: who left, and endpoints without media."""
        read = info(
            '<user entity="sip:bob@example.test" state="deleted"/>'
            '<user entity="sip:carol@example.test" state="partial">'
            '<endpoint entity="sip:carol@192.0.2.3" state="partial"><status>on-hold</status>'
            '</endpoint><endpoint entity="sip:carol@192.0.2.4" state="deleted"/></user>'
            '<user entity="sip:dave@example.test"><endpoint entity="sip:d@192.0.2.5">'
            "<status>disconnected</status></endpoint></user>",
            'state="partial" version="8"',
        )
        self.assertFalse(read.full)
        told = [(one.entity, one.deleted, one.media) for one in read.endpoints]
        self.assertEqual(
            told,
            [
                ("", True, None),
                ("sip:carol@192.0.2.3", False, None),
                ("sip:carol@192.0.2.4", True, None),
                ("sip:d@192.0.2.5", True, ()),
            ],
        )

    def test_over(self) -> None:
        """A document says that the conference is over."""
        self.assertTrue(info(attributes='state="deleted" version="9"').over)

    def test_bounds(self) -> None:
        """Too many endpoints are cut, a source or an id that is none is left out."""
        endpoint = '<endpoint entity="e"/>'
        read = info(f'<user entity="u">{endpoint * (MAX_ENDPOINTS + 1)}</user>')
        self.assertEqual(len(read.endpoints), MAX_ENDPOINTS)
        for source in ("4294967296", "-1", "x", "1" * 40, "\u0663"):
            media = f"<media><type>audio</type><src-id>{source}</src-id></media>"
            (one,) = info(f'<user entity="u"><endpoint>{media}</endpoint></user>').endpoints
            self.assertEqual(one.media, (EndpointMedia("audio"),))
        call = f"<call-info><sip><call-id>{'c' * 300}</call-id></sip></call-info>"
        (one,) = info(f'<user entity="u"><endpoint>{call}</endpoint></user>').endpoints
        self.assertEqual(one.call_id, "")

    WRONG = (
        b"",
        b"<conference-info/>",
        f"{HEAD} state='new'/>".encode(),
        f"{HEAD} version='-1'/>".encode(),
        f"{HEAD} version='1'><users><user state='x'/></users></conference-info>".encode(),
        b"<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>",
    )

    def test_wrong(self) -> None:
        """What is no such document is refused."""
        for body in self.WRONG:
            with self.subTest(body=body):
                self.assertRaises(Malformed, ConferenceInfo.parse, body)

    @given(st.binary(max_size=300))
    def test_any_bytes(self, body: bytes) -> None:
        """Whatever comes is read or refused."""
        try:
            ConferenceInfo.parse(HEAD.encode() + body)
        except Malformed:
            return
