"""Files that root makes where the front end runs as a user of its own.

An operator who runs a command as root while no front end runs makes what the front end would:
database, keys, log.  They belong to the owner of their directory then, as SQLite has it with the
files of its own, or that user could not start the front end any more.
"""

import os
import stat
from collections.abc import Iterable
from pathlib import Path

ROOT = 0


def hand_over(files: Iterable[Path]) -> None:
    """Give each file of root's that is in a directory of another user to that user.

    For anybody but root, and for what is no plain file with one name, nothing happens.
    """
    if os.geteuid() != ROOT:
        return
    for file in files:
        try:
            owner, found = file.parent.stat(), file.lstat()
            if (
                owner.st_uid != ROOT
                and found.st_uid == ROOT
                and stat.S_ISREG(found.st_mode)
                and found.st_nlink == 1
            ):
                os.chown(file, owner.st_uid, owner.st_gid, follow_symlinks=False)
        except FileNotFoundError:
            continue
