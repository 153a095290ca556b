"""Kamailio (kamailio.org) as Debian has it, beside which the SIP side is measured.

It does the least that a SIP server can: it answers OPTIONS, keeps who registers without asking who
that is, and passes messages on without a transaction.  It is written in C.
"""

import os
import shutil
import time
from pathlib import Path

from benchmarks.server import SERVER_CORE, Certificate, Server, free_port, processor_time_s

MODULES = Path("/usr/lib/x86_64-linux-gnu/kamailio/modules")

WORKERS_S = 1.0
"""How long its processes take to be there once it listens."""

CONFIGURATION = """#!KAMAILIO
debug=-2
log_stderror=yes
children=1
tcp_children=1
tcp_max_connections=4096
tcp_connection_lifetime=3600
auto_aliases=no
enable_tls=yes
listen=tcp:127.0.0.1:{tcp}
listen=tls:127.0.0.1:{tls}
mpath="{modules}"
loadmodule "tls.so"
loadmodule "pv.so"
loadmodule "sl.so"
loadmodule "maxfwd.so"
loadmodule "textops.so"
loadmodule "usrloc.so"
loadmodule "registrar.so"
loadmodule "nathelper.so"
modparam("registrar|nathelper", "received_avp", "$avp(RECEIVED)")
modparam("tls", "tls_method", "TLSv1.2+")
modparam("tls", "certificate", "{certificate}")
modparam("tls", "private_key", "{key}")
request_route {{
    if (!mf_process_maxfwd_header("10")) {{ sl_send_reply("483", "Too Many Hops"); exit; }}
    if (is_method("OPTIONS")) {{ sl_send_reply("200", "OK"); exit; }}
    if (is_method("REGISTER")) {{ fix_nated_register(); save("location"); exit; }}
    if (!lookup("location")) {{ sl_send_reply("404", "Not Found"); exit; }}
    forward();
}}
"""


def installed() -> bool:
    """Whether there is a Kamailio that speaks TLS."""
    return _program() is not None and (MODULES / "tls.so").exists()


class Kamailio(Server):
    """A Kamailio with one worker, on a TCP port (`port`) and a TLS port (`tls_port`).

    What it uses is what all its processes use.
    """

    def __init__(self, certificate: Certificate, directory: Path) -> None:
        tcp, self.tls_port = free_port(), free_port()
        file = directory / "kamailio.cfg"
        file.write_text(
            CONFIGURATION.format(
                tcp=tcp,
                tls=self.tls_port,
                modules=MODULES,
                certificate=certificate.file,
                key=certificate.key,
            )
        )
        command = [_program() or "kamailio", "-f", str(file), "-DD", "-m", "256", "-M", "32"]
        super().__init__([*command, "-Y", str(directory)], tcp, directory / "kamailio.log")
        self._pids: list[int] = []

    def start(self) -> None:
        super().start()
        time.sleep(WORKERS_S)
        self._pids = [self.pid, *_children(self.pid)]
        for pid in self._pids:
            os.sched_setaffinity(pid, {SERVER_CORE})

    def cpu_s(self) -> float:
        return sum(map(processor_time_s, self._pids))


def _program() -> str | None:
    return shutil.which("kamailio", path=f"{os.environ.get('PATH', '')}:/usr/sbin")


def _children(pid: int) -> list[int]:
    """All processes that this one has started, and those that they have (proc(5))."""
    found: list[int] = []
    for file in Path("/proc").glob("[0-9]*/stat"):
        try:
            parent = int(file.read_text().rpartition(")")[2].split()[1])
        except OSError:  # it has ended
            continue
        if parent == pid:
            child = int(file.parent.name)
            found += [child, *_children(child)]
    return found
