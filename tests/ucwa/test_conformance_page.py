"""The conformance page: its declarations are those of the server, and it can be read back."""

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mobility.ucwa.channel import Priority
from mobility.ucwa.declaration import Answer, Call, Event, Operation, Resource
from mobility.ucwa.resources import RESOURCES
from mobility.ucwa.service import Ucwa
from tests.conformance.__main__ import write_declared
from tests.conformance.catalogue import Catalogue
from tests.conformance.inventory import OWN_AREA, take
from tests.conformance.page import BEGIN, END, FILE, sightings_of, tables, with_tables
from tests.conformance.scenarios import SCENARIOS
from tests.conformance.shown import Form
from tests.conformance.sightings import Sightings

COMMAND = "run: python -m tests.conformance --declared"

CATALOGUE = Catalogue.load()
INVENTORY = take(CATALOGUE)
NOTHING = Sightings({})


def never(ucwa: Ucwa, call: Call) -> Answer:
    raise NotImplementedError


class PageTests(SynchronousTestCase):
    """The page in the documentation."""

    def test_same(self) -> None:
        """docs/conformance.md holds what the server declares, beside what a run has seen."""
        document = FILE.read_text(encoding="utf-8")
        self.assertEqual(
            document, with_tables(document, INVENTORY, sightings_of(document)), COMMAND
        )

    def test_scripts(self) -> None:
        """What it says was seen is said of scripts that there are."""
        named = set(sightings_of(FILE.read_text(encoding="utf-8")).first.values())
        self.assertEqual(named - {scenario.name for scenario in SCENARIOS}, set())

    def test_written(self) -> None:
        """Only the marked block is written anew, and what was seen stays."""
        item = INVENTORY.operations[0]
        seen = Sightings({(item.key, Form.JSON): "a script"})
        old = f"before\n{BEGIN}\n{tables(INVENTORY, seen)}\n{END}\nafter\n"
        file = Path(self.mktemp())
        file.write_text(old.replace(INVENTORY.events[0].type, "old"), encoding="utf-8")
        write_declared(file)
        self.assertEqual(
            file.read_text(encoding="utf-8"),
            f"before\n{BEGIN}\n\n{tables(INVENTORY, seen)}\n{END}\nafter\n",
        )

    def test_merged(self) -> None:
        """A page with conflicts of a merge is written whole, with what both sides have seen."""
        ours, theirs = INVENTORY.operations[0], INVENTORY.operations[-1]
        sides = [Sightings({(one.key, Form.XML): "a script"}) for one in (ours, theirs)]
        inner = "\n=======\n".join(tables(INVENTORY, side) for side in sides)
        file = Path(self.mktemp())
        file.write_text(f"{BEGIN}\n<<<<<<< main\n{inner}\n>>>>>>> mine\n{END}\n", encoding="utf-8")
        write_declared(file)
        both = Sightings({**sides[0].first, **sides[1].first})
        self.assertEqual(
            file.read_text(encoding="utf-8"), f"{BEGIN}\n\n{tables(INVENTORY, both)}\n{END}\n"
        )

    def test_no_block(self) -> None:
        """A file without a marked block is refused and stays as it is."""
        file = Path(self.mktemp())
        file.write_text(f"{BEGIN} and no end", encoding="utf-8")
        self.assertRaises(ValueError, write_declared, file)
        self.assertEqual(file.read_text(encoding="utf-8"), f"{BEGIN} and no end")


class TableTests(SynchronousTestCase):
    """What the tables say."""

    def test_operation(self) -> None:
        """An operation is one line with all that is declared of it."""
        one = Resource(
            "test:thing",
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
            "| `test:thing` | POST | `things/{id}`, `thing/{id}` | 200, 201 | `name`, `size` "
            "| `Conflict AlreadyExists`, `TooManyRequests` "
            "| Idempotency-Key; may wait; also by cookie; body up to 10 bytes "
            "| declared, not exercised |\n",
            tables(take(CATALOGUE, (one,)), NOTHING),
        )

    def test_event(self) -> None:
        """An event is one line with its sender, its priority and the rel of its `in` link."""
        events = (
            Event("added", "people", Priority.MEDIUM, "group"),
            Event("deleted", "people", Priority.HIGH),
        )
        told = tables(take(CATALOGUE, (Resource("test:thing", "", events=events),)), NOTHING)
        seen = "declared, not exercised"
        line = f"| `test:thing` | `test:thing` | added | `people` | medium | `group` | {seen} |\n"
        self.assertIn(line, told)
        line = f"| `test:thing` | `test:thing` | deleted | `people` | high |  | {seen} |\n"
        self.assertIn(line, told)

    def test_everything(self) -> None:
        """Each page, operation and event of the reference has exactly one line, and so has all
        that is declared."""
        keys = [item.key for item in INVENTORY.items]
        self.assertEqual(sorted(keys), sorted(set(keys)))
        lines = [line for line in tables(INVENTORY, NOTHING).splitlines() if line.startswith("| `")]
        self.assertEqual(len(lines), len(keys))
        self.assertEqual(len([one for one in INVENTORY.resources if one.area != OWN_AREA]), 238)
        served = [one.served for one in INVENTORY.operations if one.served]
        declared = [(one, operation) for one in RESOURCES for operation in one.operations]
        self.assertEqual([one for one in declared if one not in served], [])

    @given(st.data())
    def test_read_back(self, data: st.DataObject) -> None:
        """What is written of sightings is what is read."""
        keys = [(item.key, form) for item in INVENTORY.items for form in Form if not item.absent]
        chosen = data.draw(st.lists(st.sampled_from(keys), max_size=9))
        scripts = st.sampled_from([scenario.name for scenario in SCENARIOS])
        seen = Sightings({key: data.draw(scripts) for key in chosen})
        self.assertEqual(sightings_of(tables(INVENTORY, seen)), seen)
