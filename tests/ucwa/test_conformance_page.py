"""The conformance page: the tables are those of the declarations."""

from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from mobility.ucwa.channel import Priority
from mobility.ucwa.conformance import BEGIN, END, main, tables, with_tables
from mobility.ucwa.declaration import Answer, Call, Event, Operation, Resource
from mobility.ucwa.resources import RESOURCES
from mobility.ucwa.service import Ucwa

PAGE = Path(__file__).parent.parent.parent / "docs" / "conformance.md"
COMMAND = "run: python -m mobility.ucwa.conformance docs/conformance.md"


def never(ucwa: Ucwa, call: Call) -> Answer:
    raise NotImplementedError


class PageTests(SynchronousTestCase):
    """The page in the documentation."""

    def test_same(self) -> None:
        """docs/conformance.md holds the tables that the declarations print."""
        page = PAGE.read_text(encoding="utf-8")
        self.assertEqual(page, with_tables(page), COMMAND)

    def test_written(self) -> None:
        """With a file name the tables are written over its marked block, and only there."""
        file = Path(self.mktemp())
        file.write_text(f"before\n{BEGIN}\nold\n{END}\nafter\n", encoding="utf-8")
        main([str(file)])
        written = file.read_text(encoding="utf-8")
        self.assertEqual(written, f"before\n{BEGIN}\n\n{tables()}\n{END}\nafter\n")

    def test_no_block(self) -> None:
        """A file without a marked block is refused and stays as it is."""
        file = Path(self.mktemp())
        file.write_text(f"{BEGIN} and no end", encoding="utf-8")
        self.assertRaises(ValueError, main, [str(file)])
        self.assertEqual(file.read_text(encoding="utf-8"), f"{BEGIN} and no end")


class TableTests(SynchronousTestCase):
    """What the tables say."""

    def test_operation(self) -> None:
        """An operation is one line with all that is declared of it."""
        one = Resource(
            "thing",
            "things/{id}",
            (
                Operation(
                    "POST",
                    never,
                    (200, 201),
                    refusals=(("Conflict", "AlreadyExists"), ("TooManyRequests", "")),
                    parameters=("name", "size"),
                    repeat=lambda ucwa, call, _: never(ucwa, call),
                    may_park=True,
                    max_body_bytes=10,
                ),
            ),
            revision=2,
            aliases=("thing/{id}",),
            own_authorisation=True,
        )
        self.assertIn(
            "| `thing` | 2 | `things/{id}`, `thing/{id}` | POST | 200, 201 | `name`, `size` "
            "| `Conflict AlreadyExists`, `TooManyRequests` "
            "| Idempotency-Key; may wait; also by cookie; body up to 10 bytes |\n",
            tables((one,)),
        )

    def test_event(self) -> None:
        """An event is one line with its sender, its priority and the rel of its `in` link."""
        events = (
            Event("added", "people", Priority.MEDIUM, "group"),
            Event("deleted", "people", Priority.HIGH),
        )
        told = tables((Resource("thing", "", events=events),))
        self.assertIn("| `thing` | added | `people` | medium | `group` |\n", told)
        self.assertIn("| `thing` | deleted | `people` | high |  |\n", told)

    def test_everything(self) -> None:
        """Each declared operation and event has exactly one line."""
        lines = [line for line in tables().splitlines() if line.startswith("| `")]
        declared = sum(len(one.operations) + len(one.events) for one in RESOURCES)
        self.assertEqual(len(lines), declared)
