"""What `mobility proxy-config` prints, made ready to run on loopback."""

from pathlib import Path

from tests.interop.front_end_process import FrontEndProcess, command

MOST_CONNECTIONS = ("maxconn 40000", "maxconn 100")
"""HAProxy refuses to start when it may not open so many descriptors."""

_FRAME = """\
error_log stderr;
pid {directory}/nginx.pid;
daemon off;
worker_processes 1;
events {{ worker_connections 512; }}
http {{
    access_log off;
    client_body_temp_path {directory}/body;
    proxy_temp_path {directory}/proxy;
    fastcgi_temp_path {directory}/fastcgi;
    uwsgi_temp_path {directory}/uwsgi;
    scgi_temp_path {directory}/scgi;
    include {directory}/mobility.conf;
}}
"""


def proxy_config(process: FrontEndProcess, kind: str, *options: str, http_port: int) -> str:
    """A configuration of nginx or HAProxy that publishes a front end where it says it is.

    The proxy listens on 127.0.0.1, and has the front end's own certificate.
    """
    tls = process.directory / "tls"
    certificate = tls / "server.pem"
    if kind == "haproxy":
        certificate = tls / "proxy.pem"
        certificate.write_bytes(
            (tls / "server.pem").read_bytes() + (tls / "server.key").read_bytes()
        )
    made = command(
        "proxy-config",
        kind,
        f"--config={process.config}",
        "--listen=127.0.0.1",
        f"--http-port={http_port}",
        f"--certificate={certificate}",
        f"--key={tls / 'server.key'}",
        f"--authority={tls / 'ca.pem'}",
        *options,
    )
    if made.returncode or made.stderr:
        raise RuntimeError(made.stderr)
    return made.stdout.replace(*MOST_CONNECTIONS)


def nginx_directory(directory: Path, text: str) -> Path:
    """A directory in which nginx runs with this text in its http block."""
    directory = directory.absolute()
    directory.mkdir()
    (directory / "mobility.conf").write_text(text)
    (directory / "nginx.conf").write_text(_FRAME.format(directory=directory))
    return directory
