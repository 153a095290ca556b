"""Whether this machine is fit for a front end: versions, limits, clock and disk."""

from collections.abc import Iterator

import attrs

from mobility.check.findings import Finding, Report, Rule, Severity

MIN_PYTHON = (3, 11)
MIN_TWISTED = (24, 10)
MIN_OPENSSL = (3, 0)
MIN_DESCRIPTORS = 4096
"""Our choice: 256 are kept back, and each phone that waits for events takes one all the time."""

MIN_FREE_BYTES = 1024**3
MIN_FREE_INODES = 10_000
MIN_BACKLOG = 1024
"""Our choice: how many connections may wait to be accepted when all phones come back at once."""

MAX_CLOCK_ERROR_S = 5.0
"""Our choice; tickets and certificates are judged by the clock."""

NETWORK_FILE_SYSTEMS = (
    *("nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "afs", "ceph", "glusterfs", "fuse.glusterfs"),
    *("fuse.sshfs", "lustre", "beegfs"),
)

PYTHON = Rule(
    "host.python",
    Severity.ERROR,
    "Python is too old",
    "The front end needs what Python 3.11 has, and older ones get no security fixes for it.",
    "Install Python 3.11 or newer, and the front end into a new virtual environment.",
)
TWISTED = Rule(
    "host.twisted",
    Severity.ERROR,
    "Twisted is too old",
    "Listeners, TLS and DNS rely on Twisted 24.10; older ones have known faults in HTTP.",
    "Upgrade: pip install --upgrade 'Twisted[tls]'.",
)
OPENSSL = Rule(
    "host.openssl",
    Severity.ERROR,
    "OpenSSL is too old",
    "Versions before 3.0 get no security fixes; iOS clients need TLS 1.2 with forward secrecy.",
    "Upgrade: pip install --upgrade cryptography pyOpenSSL.",
)
DESCRIPTORS = Rule(
    "host.descriptors",
    Severity.WARNING,
    "a process may open few files",
    "Each phone keeps one connection open, all the time, for its events; when the descriptors are "
    "used up, further phones get 503.",
    "Raise LimitNOFILE of the systemd unit, or nofile in /etc/security/limits.conf.",
)
CLOCK = Rule(
    "host.clock",
    Severity.WARNING,
    "the clock is not synchronised",
    "Tokens, certificates and the time of messages are judged by it; with a wrong clock sign-in "
    "fails for reasons that nobody can see.",
    "Run an NTP client (systemd-timesyncd, chrony), on the host when this is a container.",
)
DISK = Rule(
    "host.disk",
    Severity.ERROR,
    "the disk of the data directory is almost full",
    "A message that cannot be stored is refused: clients get 503 until there is room.",
    "Make room, or move data_dir.",
)
NETWORK_DISK = Rule(
    "host.network-disk",
    Severity.ERROR,
    "the data directory is on a network file system",
    "SQLite's write-ahead log needs memory that all processes share, and locks that hold: on a "
    "network file system the database can be destroyed.",
    "Put data_dir on a disk of this machine.",
)
PERMISSIONS = Rule(
    "host.permissions",
    Severity.ERROR,
    "others may read the data directory",
    "It holds messages, password hashes and the operator's key.",
    "chmod 700 the data directory, and 600 what is in it.",
)
BACKLOG = Rule(
    "host.backlog",
    Severity.ADVICE,
    "the kernel lets few connections wait to be accepted",
    "After a restart of the front end or the proxy all phones come back at once; those that find "
    "the queue full wait for seconds.",
    "sysctl net.core.somaxconn=4096",
)
REACTOR = Rule(
    "host.reactor",
    Severity.ERROR,
    "this system has no epoll",
    "Other ways of waiting for connections get slower with each phone.",
    "Run the front end on Linux.",
)
RULES = (
    PYTHON,
    TWISTED,
    OPENSSL,
    DESCRIPTORS,
    CLOCK,
    DISK,
    NETWORK_DISK,
    PERMISSIONS,
    BACKLOG,
    REACTOR,
)


@attrs.frozen(slots=True)
class Machine:
    """What was seen of this machine; None where the system does not tell.

    Versions are (major, minor).  `clock_error_s` is how far the kernel thinks its clock may be
    off.  `readable_by_others` are files and directories below the data directory.
    """

    python: tuple[int, int]
    twisted: tuple[int, int]
    openssl: tuple[int, int]
    descriptors: int
    """The hard limit: the front end raises its own to it."""
    clock_synchronised: bool | None
    clock_error_s: float | None
    free_bytes: int | None
    free_inodes: int | None
    file_system: str
    readable_by_others: tuple[str, ...]
    backlog: int | None
    epoll: bool


def judge(machine: Machine) -> Report:
    """What is wrong with this machine."""
    looked = (
        f"Python {_version(machine.python)}, Twisted {_version(machine.twisted)}, "
        f"OpenSSL {_version(machine.openssl)}",
        f"{machine.descriptors} descriptors, backlog {machine.backlog}",
        f"data directory on {machine.file_system or 'an unknown file system'}",
    )
    notes = () if machine.clock_synchronised is not None else ("the kernel tells no clock state",)
    return Report((*_versions(machine), *_limits(machine), *_data(machine)), looked, (), notes)


def _versions(machine: Machine) -> Iterator[Finding]:
    for rule, name, found, least in (
        (PYTHON, "Python", machine.python, MIN_PYTHON),
        (TWISTED, "Twisted", machine.twisted, MIN_TWISTED),
        (OPENSSL, "OpenSSL", machine.openssl, MIN_OPENSSL),
    ):
        if found < least:
            yield Finding(rule, name, f"{name} is {_version(found)}, and not {_version(least)}")


def _limits(machine: Machine) -> Iterator[Finding]:
    if machine.descriptors < MIN_DESCRIPTORS:
        what = f"a process may open {machine.descriptors} files, and not {MIN_DESCRIPTORS}"
        yield Finding(DESCRIPTORS, "RLIMIT_NOFILE", what)
    if machine.clock_synchronised is False:
        yield Finding(CLOCK, "clock", "the kernel says that its clock is not synchronised")
    elif machine.clock_error_s is not None and machine.clock_error_s > MAX_CLOCK_ERROR_S:
        what = f"the clock may be {machine.clock_error_s:.1f} s off"
        yield Finding(CLOCK, "clock", what)
    if machine.backlog is not None and machine.backlog < MIN_BACKLOG:
        what = f"net.core.somaxconn is {machine.backlog}, and not {MIN_BACKLOG}"
        yield Finding(BACKLOG, "net.core.somaxconn", what)
    if not machine.epoll:
        yield Finding(REACTOR, "epoll", "Twisted's epoll reactor cannot be used here")


def _data(machine: Machine) -> Iterator[Finding]:
    if machine.free_bytes is not None and machine.free_bytes < MIN_FREE_BYTES:
        what = f"{machine.free_bytes // 1024**2} MiB are free, and not {MIN_FREE_BYTES // 1024**2}"
        yield Finding(DISK, "data_dir", what)
    elif machine.free_inodes is not None and machine.free_inodes < MIN_FREE_INODES:
        what = f"{machine.free_inodes} files can be made, and not {MIN_FREE_INODES}"
        yield Finding(DISK, "data_dir", what)
    if machine.file_system in NETWORK_FILE_SYSTEMS:
        what = f"the data directory is on {machine.file_system}"
        yield Finding(NETWORK_DISK, "data_dir", what)
    if machine.readable_by_others:
        what = f"others may read {', '.join(machine.readable_by_others)}"
        yield Finding(PERMISSIONS, "data_dir", what)


def _version(numbers: tuple[int, int]) -> str:
    return ".".join(map(str, numbers))
