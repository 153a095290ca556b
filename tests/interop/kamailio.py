"""Kamailio as a child process: registrar of a domain, and proxy between its phones and ours."""

from datetime import UTC, datetime
from pathlib import Path

from mobility import pki
from tests.interop.child import Child, free_port, program

MODULES = ("tm", "sl", "rr", "maxfwd", "usrloc", "registrar", "textops", "siputils", "pv", "tls")

CONFIGURATION = """\
debug=1
log_stderror=yes
children=1
tcp_children=1
enable_tls=yes
dns_cache_init=off
listen=udp:127.0.0.1:{udp}
listen=tls:127.0.0.1:{tls}
alias="{domain}"
mpath="/usr/lib/x86_64-linux-gnu/kamailio/modules/"
{modules}
modparam("tls", "config", "{directory}/tls.cfg")
modparam("usrloc", "db_mode", 0)
modparam("registrar", "append_branches", 1)

request_route {{
    if (!mf_process_maxfwd_header("10")) {{ sl_send_reply("483", "Too Many Hops"); exit; }}
    if (has_totag()) {{
        if (loose_route()) {{ t_relay(); exit; }}
        if (is_method("ACK")) {{ if (t_check_trans()) {{ t_relay(); }} exit; }}
        sl_send_reply("404", "Not here");
        exit;
    }}
    if (is_method("CANCEL")) {{ if (t_check_trans()) {{ t_relay(); }} exit; }}
    t_check_trans();
    if (is_method("INVITE|SUBSCRIBE")) {{ record_route(); }}
    if (is_method("REGISTER")) {{ save("location"); exit; }}
    if (is_method("OPTIONS") && $rU == $null) {{ sl_send_reply("200", "OK"); exit; }}
    if ($rd == "{domain}") {{
        if (!lookup("location")) {{ sl_send_reply("404", "Not Found"); exit; }}
        t_relay();
        exit;
    }}
    $du = "sip:127.0.0.1:{front_end};transport=tls";
    t_relay();
}}
"""

EDGE_MODULES = (*MODULES, "path")

EDGE = """\
debug=1
log_stderror=yes
children=1
tcp_children=1
enable_tls=yes
dns_cache_init=off
listen=tls:127.0.0.1:{tls}
mpath="/usr/lib/x86_64-linux-gnu/kamailio/modules/"
{modules}
modparam("tls", "config", "{directory}/tls.cfg")
modparam("path", "use_received", 1)

request_route {{
    if (!mf_process_maxfwd_header("10")) {{ sl_send_reply("483", "Too Many Hops"); exit; }}
    if (is_method("CANCEL")) {{ if (t_check_trans()) {{ t_relay(); }} exit; }}
    if (loose_route() || $rd != "{domain}") {{ t_relay(); exit; }}
    if (is_method("ACK")) {{ if (t_check_trans()) {{ t_relay(); }} exit; }}
    t_check_trans();
    if (is_method("REGISTER")) {{ add_path_received(); }}
    if (is_method("INVITE|SUBSCRIBE")) {{ record_route(); }}
    $du = "sip:127.0.0.1:{front_end};transport=tls";
    t_relay();
}}
"""

TLS = """\
[server:default]
method = TLSv1.2+
verify_certificate = yes
require_certificate = {require}
private_key = {directory}/proxy.key
certificate = {directory}/proxy.pem
ca_list = {directory}/ca.pem

[client:default]
method = TLSv1.2+
verify_certificate = yes
require_certificate = yes
private_key = {directory}/proxy.key
certificate = {directory}/proxy.pem
ca_list = {directory}/ca.pem
"""


class Kamailio:
    """Registers phones of `domain` over UDP at `udp`, and sends all else on to the front end.

    It speaks TLS at `tls` with a certificate for `name` and for its address, which `authority` has
    signed; its own authorities are that one and those of `ca`.
    """

    configuration, modules, require = CONFIGURATION, MODULES, "yes"

    def __init__(
        self,
        directory: Path,
        domain: str,
        name: str,
        authority: pki.Identity,
        ca: Path,
        front_end: int,
    ) -> None:
        command = program("kamailio", "kamailio kamailio-tls-modules")
        self.directory = directory.absolute()
        self.directory.mkdir()
        self.udp, self.tls = free_port(), free_port()
        made = pki.server_certificate(authority, [name, "127.0.0.1"], datetime.now(UTC))
        (self.directory / "proxy.pem").write_bytes(made.certificate_pem)
        (self.directory / "proxy.key").write_bytes(made.key_pem)
        (self.directory / "ca.pem").write_bytes(ca.read_bytes() + authority.certificate_pem)
        (self.directory / "tls.cfg").write_text(
            TLS.format(directory=self.directory, require=self.require)
        )
        (self.directory / "kamailio.cfg").write_text(
            self.configuration.format(
                udp=self.udp,
                tls=self.tls,
                domain=domain,
                directory=self.directory,
                front_end=front_end,
                modules="\n".join(f'loadmodule "{one}.so"' for one in self.modules),
            )
        )
        configuration = str(self.directory / "kamailio.cfg")
        self.child = Child(
            [command, "-DD", "-E", "-f", configuration, "-Y", str(self.directory), "-m", "64"],
            self.directory,
        )

    async def ready(self) -> None:
        """Wait until it listens."""
        await self.child.listening(self.tls)

    async def stop(self) -> None:
        await self.child.stop()


class Edge(Kamailio):
    """Stands between phones and the front end: it speaks TLS with both, and is trusted by neither.

    Phones register with the front end through it (RFC 3327).
    """

    configuration, modules, require = EDGE, EDGE_MODULES, "no"
