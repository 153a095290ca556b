"""Looking at this machine: versions, limits, clock and disk."""

import ctypes
import os
import resource
import select
import stat
import sys
from collections.abc import Iterator
from pathlib import Path

from cryptography.hazmat.backends.openssl import backend

import twisted
from mobility.check.host import Machine

_TIME_ERROR = 5
"""adjtimex(2): the clock is not synchronised."""
_TIMEX_BYTES = 512
"""More than a struct timex has on any platform."""

MAX_FILES = 1_000
"""Files of the data directory whose permissions are looked at (our choice)."""


def look(data_dir: Path) -> Machine:
    """What can be seen of the machine whose data directory this is; it need not be there yet."""
    place = _existing(data_dir)
    free_bytes, free_inodes = _free(place)
    synchronised, error_s = _clock()
    release = twisted.__version__
    return Machine(
        python=sys.version_info[:2],
        twisted=_numbers(str(release)),
        openssl=_numbers(backend.openssl_version_text().split()[1]),
        descriptors=resource.getrlimit(resource.RLIMIT_NOFILE)[1],
        clock_synchronised=synchronised,
        clock_error_s=error_s,
        free_bytes=free_bytes,
        free_inodes=free_inodes,
        file_system=file_system(place, _mounts()),
        readable_by_others=tuple(_readable(data_dir)),
        backlog=_number(Path("/proc/sys/net/core/somaxconn")),
        epoll=hasattr(select, "epoll"),
    )


def _existing(place: Path) -> Path:
    """The directory itself, or the one above it that is there."""
    place = place.absolute()
    while not place.exists() and place != place.parent:
        place = place.parent
    return place.resolve()


def _numbers(version: str) -> tuple[int, int]:
    digits = ["".join(c for c in word if c.isdigit()) for word in version.split(".")[:2]]
    major, minor, *_ = [*(int(one or 0) for one in digits), 0, 0]
    return major, minor


def _free(place: Path) -> tuple[int | None, int | None]:
    """Bytes and files that an ordinary user may still write; None where it is not told."""
    try:
        found = os.statvfs(place)
    except OSError:
        return None, None
    # Some file systems (btrfs) have no fixed number of files, and say 0 of 0.
    return found.f_bavail * found.f_frsize, found.f_favail if found.f_files else None


def _clock() -> tuple[bool | None, float | None]:
    """Whether the kernel's clock is synchronised, and how far off it may be (adjtimex(2))."""
    try:
        adjtimex = ctypes.CDLL(None, use_errno=True).adjtimex
    except (OSError, AttributeError):
        return None, None
    room = ctypes.create_string_buffer(_TIMEX_BYTES)  # modes 0: nothing is changed
    state = adjtimex(room)
    if state < 0:
        return None, None
    # struct timex begins with modes (int), offset, freq, maxerror, esterror (long each).
    longs = ctypes.cast(room, ctypes.POINTER(ctypes.c_long))
    return state != _TIME_ERROR, longs[4] / 1e6


def _mounts() -> str:
    try:
        return Path("/proc/self/mounts").read_text("utf-8", "replace")
    except OSError:
        return ""


def file_system(place: Path, mounts: str) -> str:
    """The kind of the file system that `place` is on, by /proc/mounts; "" when it is not there."""
    best, kind = "", ""
    for line in mounts.splitlines():
        words = line.split()
        if len(words) < 3:
            continue
        point = words[1].replace(r"\040", " ")
        if len(point) >= len(best) and place.is_relative_to(point):
            best, kind = point, words[2]
    return kind


def _readable(data_dir: Path) -> Iterator[str]:
    """What of the data directory others may read: nothing when they cannot get into it."""
    try:
        mode = data_dir.stat().st_mode
        if not mode & (stat.S_IXOTH | stat.S_IROTH):
            return
        names = sorted(os.listdir(data_dir))[:MAX_FILES]
    except OSError:
        return
    for name in names:
        try:
            found = (data_dir / name).lstat().st_mode
        except OSError:
            continue
        if stat.S_ISREG(found) and found & stat.S_IROTH:
            yield name


def _number(file: Path) -> int | None:
    try:
        return int(file.read_text("ascii"))
    except (OSError, ValueError):
        return None
