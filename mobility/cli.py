"""The `mobility` command: one line an error, exit 0 (done), 1 (found a problem), 2 (wrong use).

Each subcommand lives in a module of its own, which is imported when it is asked for.
"""

import json
import re
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import Any

import attrs
import click

from mobility import __version__
from mobility.domain.setting_rules import nearest
from mobility.errors import OperatorFault


@attrs.frozen(slots=True)
class Subcommand:
    """Where the click command is, and the first sentence of its help.

    The sentence stands here so that `mobility --help` imports no command.
    """

    place: str
    summary: str

    def load(self) -> click.Command:
        module, _, name = self.place.partition(":")
        command: click.Command = getattr(import_module(f"mobility.commands.{module}"), name)
        return command


COMMANDS = {
    "check": Subcommand(
        "check:check",
        "Look at the deployment: topology, dns, certificates, ports, proxy, push, host.",
    ),
    "csr": Subcommand(
        "csr:csr",
        "Write a certificate signing request with the names for all SIP domains.",
    ),
    "demo": Subcommand(
        "demo:demo",
        "Play a scene on a front end of its own, then keep serving.",
    ),
    "directory": Subcommand(
        "directory:directory",
        "Look at the LDAP directory that the configuration names.",
    ),
    "dns-plan": Subcommand(
        "dns_plan:dns_plan",
        "Print zone file fragments: what internal and what public DNS must hold.",
    ),
    "export": Subcommand(
        "export:export",
        "Write users, groups, voice routing and what users have set to FILE; - is standard output.",
    ),
    "firewall": Subcommand(
        "firewall:firewall",
        "Print which connections firewalls must let through, from whom, to whom, and why.",
    ),
    "group": Subcommand(
        "group:group",
        "Administer distribution groups.",
    ),
    "import": Subcommand(
        "importing:import_all",
        "Take in a configuration: FILE is one of `mobility export`; `skype FILE` of PowerShell.",
    ),
    "init": Subcommand(
        "init:init",
        "Write a configuration, development certificates and an empty database into DIR.",
    ),
    "mcx": Subcommand(
        "mcx:mcx",
        "See who still uses the Mobility Service of Lync 2010.",
    ),
    "policy": Subcommand(
        "policy:policy",
        "Administer mobility policies.",
    ),
    "proxy-config": Subcommand(
        "proxy_config:proxy_config",
        "Print a configuration that publishes a web site of one or more front ends.",
    ),
    "push": Subcommand(
        "push:push",
        "Wake sleeping devices: switches, tests, and what became of a notification.",
    ),
    "service-account": Subcommand(
        "service_account:service_account",
        "Administer the accounts of bots, kiosks and boards.",
    ),
    "status": Subcommand(
        "status:status",
        "Show whether the front end runs and is ready (exit 1 when it is not).",
    ),
    "user": Subcommand(
        "user:user",
        "Administer users.",
    ),
    "voice": Subcommand(
        "voice:voice",
        "Administer voice routing.",
    ),
}
"""The subcommands by their names."""

_UNKNOWN = re.compile(r"No such command '([^']*)'")
_GIVEN = re.compile(r"'([^']*)' is not one of")
"""How click tells of a word that it does not know."""


class Program(click.Group):
    """The group of all subcommands, and the funnel of their failures."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002  # the same for all
        return sorted(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        known = COMMANDS.get(cmd_name)
        return None if known is None else known.load()

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The subcommands and what they do, without importing one."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, COMMANDS[name].summary) for name in self.list_commands(ctx)])

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
