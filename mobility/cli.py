"""The `mobility` command: one line an error, exit 0 (done), 1 (found a problem), 2 (wrong use).

Each subcommand lives in a module of its own, which is imported when it is asked for.
"""

import json
import re
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import Any

import click

from mobility import __version__
from mobility.domain.setting_rules import nearest
from mobility.errors import OperatorFault

COMMANDS = {
    "check": "mobility.commands.check:check",
    "csr": "mobility.commands.csr:csr",
    "demo": "mobility.commands.demo:demo",
    "directory": "mobility.commands.directory:directory",
    "dns-plan": "mobility.commands.dns_plan:dns_plan",
    "export": "mobility.commands.export:export",
    "firewall": "mobility.commands.firewall:firewall",
    "group": "mobility.commands.group:group",
    "import": "mobility.commands.importing:import_all",
    "init": "mobility.commands.init:init",
    "mcx": "mobility.commands.mcx:mcx",
    "policy": "mobility.commands.policy:policy",
    "proxy-config": "mobility.commands.proxy_config:proxy_config",
    "push": "mobility.commands.push:push",
    "service-account": "mobility.commands.service_account:service_account",
    "status": "mobility.commands.status:status",
    "user": "mobility.commands.user:user",
    "voice": "mobility.commands.voice:voice",
}
"""Subcommand to the place of its click command."""

_UNKNOWN = re.compile(r"No such command '([^']*)'")
_GIVEN = re.compile(r"'([^']*)' is not one of")
"""How click tells of a word that it does not know."""


class Program(click.Group):
    """The group of all subcommands, and the funnel of their failures."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002  # the same for all
        return sorted(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        if cmd_name not in COMMANDS:
            return None
        module, _, name = COMMANDS[cmd_name].partition(":")
        command: click.Command = getattr(import_module(module), name)
        return command

    def main(
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = "mobility",
        complete_var: str | None = None,
        standalone_mode: bool = True,
        windows_expand_args: bool = True,
        **extra: Any,
    ) -> Any:
        """Run a command line and end the process, unless `standalone_mode` is false."""
        given = sys.argv[1:] if args is None else list(args)
        try:
            result = super().main(
                given,
                prog_name,
                complete_var,
                standalone_mode=False,
                windows_expand_args=windows_expand_args,
                **extra,
            )
        except click.ClickException as error:
            if not standalone_mode:
                raise
            _fail(_told(error), error.exit_code, given)
        except OperatorFault as fault:
            if not standalone_mode:
                raise
            _fail(str(fault), 2, given)
        except click.Abort:
            if not standalone_mode:
                raise
            _fail("interrupted", 1, given)
        if standalone_mode:
            sys.exit(result if isinstance(result, int) else 0)
        return result


def _told(error: click.ClickException) -> str:
    """What is wrong with a command line, with the right names or the nearest one."""
    message = error.format_message()
    context = error.ctx if isinstance(error, click.UsageError) else None
    group = context.command if context is not None else None
    if isinstance(error, click.BadParameter) and error.param is not None:
        choices = error.param.type
        if isinstance(choices, click.Choice) and (given := _GIVEN.search(message)):
            return f"{message.rstrip('.')}{nearest(given[1], choices.choices) or '.'}"
    elif context is not None and isinstance(group, click.Group):
        names = group.list_commands(context)
        if message.startswith("Missing command"):
            return f"{message} There are {', '.join(names)}."
        if given := _UNKNOWN.match(message):
            return f"No such command '{given[1]}'{nearest(given[1], names) or '.'}"
    return message


def _fail(message: str, exit_code: int, arguments: Sequence[str]) -> None:
    """One line on standard error, a JSON object for who asked for JSON, and the end."""
    line = " ".join(message.split())
    as_json = "--json" in arguments
    click.echo(json.dumps({"error": line}) if as_json else f"mobility: {line}", err=True)
    sys.exit(exit_code)


@click.command(
    cls=Program,
    no_args_is_help=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.version_option(__version__, message="mobility %(version)s")
def program() -> None:
    """Set up and administer a mobility front end."""


def main() -> None:
    """The entry point of the `mobility` script."""
    program.main()


if __name__ == "__main__":
    main()
