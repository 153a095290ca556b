"""`mobility csr`: a key and a certificate signing request with every name that is needed."""

from pathlib import Path

import click

from mobility import pki
from mobility.commands.options import config_option, json_option
from mobility.commands.planning_options import (
    NOT_RECOMMENDED,
    discovery_option,
    show_text,
    warn,
)
from mobility.config import Config
from mobility.errors import OperatorFault
from mobility.planning.deployment import deployment_of
from mobility.planning.names import Role, names_of_role
from mobility.planning.requests import key_pem, new_key, read_key, signing_request
from mobility.urls import dns_name


@click.command()
@click.option(
    "--role",
    type=click.Choice([role.value for role in Role]),
    help="Whose certificate it is to be.  [default: this server's role in the topology]",
)
@click.option(
    "--key",
    "key_file",
    type=click.Path(dir_okay=False, path_type=Path),
    required=True,
    metavar="FILE",
    help="The private key; it is made when it is not there.",
)
@click.option(
    "--key-type", type=click.Choice(["ec", "rsa"]), default="ec", show_default=True,
    help="What is made: P-256, or RSA of 2048 bits.",
)  # fmt: skip
@click.option("--name", "more", multiple=True, metavar="HOST", help="A further name.")
@click.option(
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Where the request goes instead of standard output.",
)
@discovery_option
@config_option
@json_option
def csr(
    config: Config,
    role: str | None,
    key_file: Path,
    key_type: str,
    more: tuple[str, ...],
    output: Path | None,
    discovery_over_http: bool,
    as_json: bool,
) -> None:
    """Write a certificate signing request with the names for all SIP domains."""
    deployment = deployment_of(config)
    own = Role.DIRECTOR if deployment.director else Role.FRONT_END
    whose = Role(role) if role else own
    names = names_of_role(deployment, whose, discovery=not discovery_over_http)
    names = tuple(dict.fromkeys([*names, *(dns_name(name) for name in more)]))
    if output is not None and output.exists():
        raise OperatorFault(str(output), "is there already, and is not overwritten")
    made = not key_file.exists()
    try:
        if made:
            key = new_key(key_type)
            pki.write(key_file, key_pem(key), mode=pki.PRIVATE)
        else:
            key = read_key(key_file.read_bytes(), str(key_file))
        request = signing_request(key, names, client=whose is Role.FRONT_END)
        if output is not None:
            pki.write(output, request, mode=pki.PUBLIC)
    except OSError as error:
        reason = error.strerror or str(error)
        raise OperatorFault(str(error.filename), f"cannot be used: {reason}") from error
    if discovery_over_http:
        warn(NOT_RECOMMENDED)
    content = {
        "role": whose.value,
        "names": names,
        "key": str(key_file),
        "key_made": made,
        "request": request.decode(),
        "recommended": not discovery_over_http,
    }
    text = request.decode()
    if output is not None:
        lines = [f"wrote {output} for {whose.value}", *(f"  {name}" for name in names)]
        text = "\n".join(lines) + "\n"
    if made and not as_json:
        warn(f"made the private key {key_file}")
    show_text(content, text, as_json=as_json)
