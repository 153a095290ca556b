"""`mobility firewall`: the table of connections that firewalls must let through."""

import attrs
import click

from mobility.commands.options import config_option, json_option, show
from mobility.config import Config
from mobility.planning.firewall import Passage, passages

COLUMNS = ("from", "to", "port", "protocol", "needed", "why")


@click.command()
@config_option
@json_option
def firewall(config: Config, as_json: bool) -> None:
    """Print which connections firewalls must let through, from whom, to whom, and why."""
    found = passages(config)
    show({"passages": [attrs.asdict(one) for one in found]}, _table(found), as_json=as_json)


def _table(found: list[Passage]) -> str:
    rows = [COLUMNS, *((*map(str, attrs.astuple(one)),) for one in found)]
    widths = [max(len(row[number]) for row in rows) for number in range(len(COLUMNS) - 1)]
    return "\n".join(
        "  ".join([*(word.ljust(width) for word, width in zip(row, widths, strict=False)), row[-1]])
        for row in rows
    )
