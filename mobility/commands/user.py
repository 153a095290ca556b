"""`mobility user add|list|set|remove|import`; for `delegate` and `team` see `delegates`."""

import csv
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, TextIO, TypeVar
from urllib.parse import quote, urlencode

import click

from mobility.commands.calls import Call, Conversation, content_of
from mobility.commands.delegates import delegate, team
from mobility.commands.operator import ask, hold
from mobility.commands.options import (
    Problem,
    config_option,
    json_option,
    read_password,
    show,
)
from mobility.config import Config
from mobility.errors import PeerFault
from mobility.operate.profile import FLAGS, PHONES, RULES, TEXTS, check
from mobility.operate.users import PAGE_USERS, PATH

F = TypeVar("F", bound=Callable[..., Any])

COLUMN_NAMES = {"phone": "work_phone"}
"""Names of CSV columns and options beside those of the API's fields."""

BOOLEANS = {
    "true": True,
    "yes": True,
    "1": True,
    "false": False,
    "no": False,
    "0": False,
}

MAX_IMPORT = 100_000
"""Users in one file: as many as a front end keeps in memory."""


@click.group(no_args_is_help=False)
def user() -> None:
    """Administer users.  A front end that runs is told; else its store is opened."""


user.add_command(delegate)
user.add_command(team)


def profile_options(command: F) -> F:
    """The options that set a field of a user; those not given are None."""
    for name in reversed((*TEXTS, *PHONES[1:])):
        command = click.option(f"--{name.replace('_', '-')}", metavar="TEXT")(command)
    for option, variable, text, metavar in (
        ("--home", "home", "here, none, or another pool's Autodiscover root URL.", "HOME"),
        ("--manager", "manager", "The SIP URI of the user's manager, or nothing.", "URI"),
        ("--email", "email", "The mail address.", "ADDRESS"),
        ("--phone", "work_phone", "The number at work.", "E164"),
        ("--name", "name", "The display name.", "NAME"),
    ):
        command = click.option(option, variable, metavar=metavar, help=text)(command)
    return command


def flag_options(command: F) -> F:
    """Switches that may be turned both ways."""
    for name in reversed(FLAGS[1:]):
        dashed = name.replace("_", "-")
        command = click.option(f"--{dashed}/--no-{dashed}", name, default=None)(command)
    return command


@user.command()
@click.argument("sip_uri")
@profile_options
@flag_options
@config_option
@json_option
def add(config: Config, sip_uri: str, as_json: bool, **fields: object) -> None:
    """Add a user; the password is read from standard input."""
    body = {"uri": sip_uri, "password": read_password(), **_given(fields)}
    added = ask(config, Call("POST", PATH, body))
    show(added, f"added {added['uri']}", as_json=as_json)


@user.command(name="list")
@config_option
@json_option
def list_users(config: Config, as_json: bool) -> None:
    """List all users."""
    users = hold(config, _all_users())
    show({"users": users}, "\n".join(_line(one) for one in users) or "no users", as_json=as_json)


def _all_users() -> Conversation[list[dict[str, Any]]]:
    users: list[dict[str, Any]] = []
    while True:
        after = users[-1]["uri"] if users else ""
        query = urlencode({"after": after, "limit": PAGE_USERS})
        page = content_of((yield Call("GET", f"{PATH}?{query}")))["users"]
        users += page
        if len(page) < PAGE_USERS:
            return users


@user.command(name="set")
@click.argument("sip_uri")
@profile_options
@flag_options
@click.option("--enable/--disable", "enabled", default=None, help="Whether it may sign in.")
@click.option("--password", "new_password", is_flag=True, help="Read a new one from stdin.")
@config_option
@json_option
def set_user(
    config: Config, sip_uri: str, new_password: bool, as_json: bool, **fields: object
) -> None:
    """Change a user; a new password and --disable sign it out everywhere."""
    changes = _given(fields)
    if new_password:
        changes["password"] = read_password()
    if not changes:
        raise click.UsageError("nothing to change: give an option")
    changed = ask(config, Call("PATCH", _path(sip_uri), changes))
    show(changed, f"changed {changed['uri']}", as_json=as_json)


@user.command()
@click.argument("sip_uri")
@config_option
@json_option
def remove(config: Config, sip_uri: str, as_json: bool) -> None:
    """Sign a user out everywhere and forget it."""
    ask(config, Call("DELETE", _path(sip_uri)))
    show({"removed": sip_uri}, f"removed {sip_uri}", as_json=as_json)


@user.command(name="import")
@click.argument("file", type=click.File(encoding="utf-8-sig"))
@config_option
@json_option
def import_users(config: Config, file: TextIO, as_json: bool) -> None:
    """Add the users of a CSV FILE.

    Its first line names the columns: uri, password, and any of name, phone, email, site and the
    other fields of a user.  Nothing is added if a line is wrong; a user who is there already is
    left alone and counted as a problem.
    """
    rows = list(_rows(file))
    problems = hold(config, _add_all(file.name, rows))
    added = len(rows) - len(problems)
    lines = [*problems, f"added {added} of {len(rows)} users"]
    show({"added": added, "problems": problems}, "\n".join(lines), as_json=as_json)
    if problems:
        raise Problem(f"{len(problems)} users could not be added")


def _add_all(file: str, rows: Sequence[tuple[int, dict[str, object]]]) -> Conversation[list[str]]:
    problems: list[str] = []
    for line, body in rows:
        answer = yield Call("POST", PATH, body)
        if answer.failure:
            problems.append(f"{file}:{line}: {answer.failure}")
    return problems


def _rows(file: TextIO) -> Iterator[tuple[int, dict[str, object]]]:
    """Line number and API body of each row.  Raises UsageError at the first wrong one."""
    try:
        reader = csv.DictReader(file, strict=True)
        names = [COLUMN_NAMES.get(name, name) for name in reader.fieldnames or ()]
        for name in ("uri", "password"):
            if name not in names:
                raise _wrong(file, 1, f"has no column {name}")
        unknown = sorted(set(names) - set(RULES) - {"uri"})
        if unknown or len(set(names)) != len(names):
            raise _wrong(file, 1, f"has unknown or doubled columns: {', '.join(unknown or names)}")
        reader.fieldnames = names
        for number, row in enumerate(reader):
            if number == MAX_IMPORT:
                raise _wrong(file, reader.line_num, f"is more than {MAX_IMPORT} users")
            yield reader.line_num, _body(file, reader.line_num, row)
    except csv.Error as error:
        raise _wrong(file, reader.line_num, f"is no CSV: {error}") from error
    except UnicodeDecodeError as error:
        raise click.UsageError(f"{file.name} is no UTF-8 text: {error}") from error


def _body(file: TextIO, line: int, row: Mapping[str | None, Any]) -> dict[str, object]:
    if None in row or None in row.values():
        raise _wrong(file, line, "has another number of columns than the first line")
    values: dict[str, object] = {}
    for name, text in row.items():
        if text == "" or name is None:
            continue
        values[name] = BOOLEANS.get(text.lower(), text) if name in FLAGS else text
    for name in ("uri", "password"):
        if name not in values:
            raise _wrong(file, line, f"has no {name}")
    try:
        check({name: value for name, value in values.items() if name != "uri"})
    except PeerFault as fault:
        wrong = "; ".join(f"{one.name} {one.reason}" for one in fault.parameters)
        raise _wrong(file, line, wrong) from fault
    return values


def _wrong(file: TextIO, line: int, rule: str) -> click.UsageError:
    return click.UsageError(f"{file.name}:{line}: {rule}")


def _given(fields: Mapping[str, object]) -> dict[str, object]:
    return {name: value for name, value in fields.items() if value is not None}


def _path(sip_uri: str) -> str:
    return f"{PATH}/{quote(sip_uri, safe='')}"


def _line(one: Mapping[str, Any]) -> str:
    """One user for a person's eyes."""
    marks = [
        "" if one["enabled"] else "disabled",
        "" if one["home"] == "here" else f"home {one['home']}",
        "Enterprise Voice" if one["enterprise_voice"] else "",
        "SIP digest" if one["sip_digest"] else "",
        "" if one["source"] == "local" else one["source"],
    ]
    return "  ".join(filter(None, (one["uri"], one["name"], one["work_phone"], *marks)))
