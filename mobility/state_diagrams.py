"""The page of state diagrams, made from the tables that run.

`python -m mobility.state_diagrams docs/state-diagrams.md` writes it; without a file it is printed.
"""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mobility.domain import call_states, content_states, push_states, states
from mobility.domain.states import Machine
from mobility.sip import leg_states

MACHINES: tuple[Machine[Any], ...] = (
    *states.MACHINES,
    *call_states.MACHINES,
    *content_states.MACHINES,
    *leg_states.MACHINES,
    *push_states.MACHINES,
)
"""Every machine that has a diagram."""

HEAD = """\
# State diagrams

What may happen to what, and what comes of it.  Anything else is refused with 409 `Conflict`.  This
page is made from the tables that run, `mobility/domain/states.py`, `call_states.py`,
`content_states.py`, `push_states.py` and `mobility/sip/leg_states.py`: change those and run
`python -m mobility.state_diagrams docs/state-diagrams.md`.
"""


def page() -> str:
    """The whole page, in Markdown with Mermaid diagrams."""
    return "\n".join((HEAD, *(text for machine in MACHINES for text in _section(machine))))


def _section(machine: Machine[Any]) -> Iterator[str]:
    yield f"## {machine.name.capitalize()}\n"
    yield f"{machine.about}\n"
    yield "```mermaid"
    yield "stateDiagram-v2"
    for state in machine.begins:
        yield f"    [*] --> {_id(state)}"
    for state, to, events in machine.edges():
        yield f"    {_id(state)} --> {_id(to)}: {', '.join(events)}"
    for state in machine.ends:
        yield f"    {_id(state)} --> [*]"
    yield "```\n"
    yield "| in state | what happens | then |"
    yield "|---|---|---|"
    for (state, event), to in machine.table.items():
        yield f"| {state} | {event} | {to} |"
    yield ""


def _id(state: str) -> str:
    """A state as Mermaid can name it: one word."""
    return state.replace(" ", "_")


def main(arguments: list[str]) -> None:
    if not arguments:
        sys.stdout.write(page())
        return
    Path(arguments[0]).write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
