"""The reader of BER: true to another implementation, and bounded."""

from hypothesis import given
from hypothesis import strategies as st
from ldaptor.protocols import pureber
from twisted.trial.unittest import SynchronousTestCase

from mobility.directory.ber import (
    INTEGER,
    MAX_MESSAGE_BYTES,
    OCTET_STRING,
    Malformed,
    elements,
    integer,
    message_size,
)


class ElementTests(SynchronousTestCase):
    """Elements one after another."""

    @given(st.lists(st.binary(max_size=300), max_size=8), st.integers(-(2**31), 2**31 - 1))
    def test_as_written(self, texts: list[bytes], number: int) -> None:
        """What ldaptor writes is read."""
        parts = [pureber.BEROctetString(text) for text in texts] + [pureber.BERInteger(number)]
        whole = pureber.BERSequence(parts).toWire()
        self.assertEqual(message_size(whole), len(whole))
        ((_, content),) = elements(whole)
        *read, (tag, last) = elements(content)
        self.assertEqual(read, [(OCTET_STRING, text) for text in texts])
        self.assertEqual((tag, integer(last)), (INTEGER, number))

    @given(st.binary(max_size=64))
    def test_anything(self, data: bytes) -> None:
        """Whatever comes is read or refused as malformed, and nothing else happens."""
        try:
            message_size(data)
            for _, content in elements(data):
                integer(content)
        except Malformed:
            pass

    def test_four_octets_of_length(self) -> None:
        """A length may be written with leading zeros."""
        self.assertEqual(list(elements(b"\x04\x84\x00\x00\x00\x01a")), [(4, b"a")])

    def test_refused(self) -> None:
        """Indefinite and very long lengths, tags of several octets and cut elements are refused."""
        for data in (b"\x30\x80", b"\x30\x85\0\0\0\0\1a", b"\x1f\x01a", b"\x04\x02a", b"\x04"):
            self.assertRaises(Malformed, list, elements(data))

    def test_numbers(self) -> None:
        """A number has one to eight octets."""
        for content in (b"", b"\x01" * 9):
            self.assertRaises(Malformed, integer, content)


class MessageSizeTests(SynchronousTestCase):
    """Where a message ends."""

    def test_unknown_yet(self) -> None:
        """It is not known before the whole length is there."""
        for data in (b"", b"\x30", b"\x30\x82", b"\x30\x82\x01"):
            self.assertEqual(message_size(data), 0)
        self.assertEqual(message_size(b"\x30\x82\x01\x00"), 260)

    def test_no_message(self) -> None:
        """What begins as no sequence is refused at its first octet."""
        for data in (b"H", b"\x31\x00", b"\x16\x03\x01"):
            self.assertRaises(Malformed, message_size, data)

    def test_bound(self) -> None:
        """A message above the bound is refused as soon as its length is known."""
        header = 6
        most = (MAX_MESSAGE_BYTES - header).to_bytes(4, "big")
        self.assertEqual(message_size(b"\x30\x84" + most), MAX_MESSAGE_BYTES)
        more = (MAX_MESSAGE_BYTES - header + 1).to_bytes(4, "big")
        self.assertRaises(Malformed, message_size, b"\x30\x84" + more)
