"""The catalogue of events: complete, and the same in code and documentation."""

from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from mobility.operate import catalogue

OPERATIONS = Path(__file__).parent.parent.parent / "docs" / "operations.md"


class EmissionTests(SynchronousTestCase):
    """Every place in the code that writes to the log."""

    def test_declared(self) -> None:
        """What is emitted is declared, with exactly the declared fields."""
        events = catalogue.gather()
        for emission in catalogue.emissions():
            if emission.event is None or None in emission.fields:
                continue
            with self.subTest(place=emission.place):
                self.assertIn(emission.event, events)
                self.assertEqual(sorted(events[emission.event]), sorted(emission.fields))

    def test_emitted(self) -> None:
        """What is declared is emitted somewhere, except the log's own notice of lost lines."""
        emitted = {emission.event for emission in catalogue.emissions()}
        self.assertEqual({"log.dropped"}, set(catalogue.gather()) - emitted)

    def test_pass_on(self) -> None:
        """Only the log's own rooms pass on events and fields whose names they do not know."""
        for emission in catalogue.emissions():
            if emission.event is None or None in emission.fields:
                self.assertTrue(
                    emission.place.startswith(("operate/log.py", "operate/metrics.py")),
                    emission.place,
                )

    def test_names(self) -> None:
        """Names are dotted lower case; no field hides `time` or `event`; each has a meaning."""
        for event, fields in catalogue.gather().items():
            self.assertRegex(event, r"^[a-z]+\.[a-z_]+$")
            self.assertFalse(fields.keys() & catalogue.COMMON.keys())
            for field, meaning in fields.items():
                self.assertRegex(field, r"^[a-z_]+$")
                self.assertTrue(meaning)


class DocumentTests(SynchronousTestCase):
    """The table in the documentation."""

    def test_same(self) -> None:
        """docs/operations.md holds the table that the code makes.

        `python -m mobility.operate.catalogue docs/operations.md` writes it.
        """
        document = OPERATIONS.read_text(encoding="utf-8")
        self.assertEqual(document, catalogue.with_table(document))

    def test_marks(self) -> None:
        """A document without the marked block is refused."""
        for document in ("", catalogue.BEGIN, catalogue.END):
            self.assertRaises(ValueError, catalogue.with_table, document)

    def test_replaced(self) -> None:
        """Only what stands between the marks is replaced."""
        document = f"before\n{catalogue.BEGIN}\nold\n{catalogue.END}\nafter\n"
        renewed = catalogue.with_table(document)
        self.assertTrue(renewed.startswith(f"before\n{catalogue.BEGIN}\n| event | field |"))
        self.assertTrue(renewed.endswith(f"|\n{catalogue.END}\nafter\n"))
        self.assertNotIn("old\n", renewed)
