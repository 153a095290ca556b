"""`mobility export FILE`: the configuration that lives in the store, as one readable file."""

import json
from pathlib import Path
from typing import Any

import click

from mobility.commands.calls import Call
from mobility.commands.operator import ask
from mobility.commands.options import config_option, json_option, say, show
from mobility.commands.private_file import replace_private_file
from mobility.config import Config
from mobility.errors import OperatorFault
from mobility.operate.paths import CONFIGURATION as PATH


@click.command()
@click.argument("file", type=click.Path(path_type=Path, allow_dash=True))
@click.option("--with-secrets", is_flag=True, help="Hashes of passwords, too: keep FILE safe.")
@config_option
@json_option
def export(config: Config, file: Path, with_secrets: bool, as_json: bool) -> None:
    """Write users, groups, voice routing and what users have set to FILE; - is standard output."""
    query = "?secrets=true" if with_secrets else ""
    document = ask(config, Call("GET", f"{PATH}{query}"))
    text = written(document)
    if str(file) == "-":
        say(text, nl=False)
        return
    try:
        replace_private_file(file, text)
    except OSError as error:
        raise OperatorFault(str(file), f"cannot be written: {error.strerror}") from error
    counts = {name: len(items) for name, items in document["sections"].items() if items}
    told = ", ".join(f"{count} {name.replace('_', ' ')}" for name, count in counts.items())
    show(counts, f"wrote {told or 'nothing, as nothing is there'} to {file}", as_json=as_json)


def written(document: dict[str, Any]) -> str:
    """The document as a file has it: one object a line, so that versions can be compared."""
    head = {key: value for key, value in document.items() if key != "sections"}
    lines = [f" {json.dumps(key)}: {json.dumps(value)}," for key, value in head.items()]
    sections = []
    for name, items in document["sections"].items():
        rows = ",\n".join(f"   {json.dumps(item, ensure_ascii=False)}" for item in items)
        sections.append(f"  {json.dumps(name)}: " + (f"[\n{rows}\n  ]" if items else "[]"))
    return "\n".join(["{", *lines, ' "sections": {', ",\n".join(sections), " }", "}", ""])
