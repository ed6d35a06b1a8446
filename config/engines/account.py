"""Chooses the account that PostgreSQL runs as: it refuses to run as root, and as a user id without a name.

1. An ordinary user with a name: PostgreSQL runs as that user.
2. Otherwise: in a user namespace that maps this user to the id of another account. The files still belong to this user, and
   no folder has to be opened to others. The other account must not be nobody: the kernel shows every id that is *not*
   mapped as the overflow id (user_namespaces(7); 65534, nobody), so every other user's file would look like PostgreSQL's own.
3. Otherwise, for root: as nobody, who then owns the data. The home lets nobody's group pass; the folders above it must too.
"""

import os
import pwd
import subprocess
from dataclasses import dataclass
from pathlib import Path

from config import home as homes
from core.errors import DomainError, Kind

OVERFLOW_UID = Path("/proc/sys/kernel/overflowuid")


class NoAccountForPostgresql(DomainError):
    """The embedded PostgreSQL cannot run as this user, and this machine offers no other account for it."""

    code = "no_account_for_postgresql"
    kind = Kind.UNAVAILABLE


@dataclass(frozen=True, slots=True)
class Account:
    """The account that PostgreSQL runs as.

    Attributes:
        prefix: Put before each of PostgreSQL's command lines.
        owner: The user id that owns its files.
    """

    prefix: tuple[str, ...]
    owner: int


def choose_account(home: Path) -> Account:
    """Return the first account of the three that works on this machine for this home.

    Raises:
        NoAccountForPostgresql: when none works.
    """
    uid = os.getuid()
    if uid != 0 and _has_name(uid):
        return Account(prefix=(), owner=uid)
    if (account := map_to_other_user()) and _runs((*account.prefix, "true")):
        return account
    if uid == 0 and (account := switch_to_nobody()) and _reaches(account, home):
        return account
    raise NoAccountForPostgresql(
        f"The embedded PostgreSQL runs neither as root nor as a user without a name. Run as an ordinary user, or allow user"
        f" namespaces, or (as root) choose a MODELFLEET_HOME that user nobody can reach (now {home}), or set DATABASE_URL."
    )


def map_to_other_user() -> Account | None:
    """Return the account in a new user namespace; None if the only ids with a name are root's and the overflow id."""
    refused = {0, int(OVERFLOW_UID.read_text())}
    other = next((entry for entry in pwd.getpwall() if entry.pw_uid not in refused), None)
    if other is None:
        return None
    prefix = ("unshare", "--user", f"--map-user={other.pw_uid}", f"--map-group={other.pw_gid}", "--")
    return Account(prefix=prefix, owner=os.getuid())


def switch_to_nobody() -> Account | None:
    """Return the account of nobody, which only root can switch to; None if there is no such user."""
    try:
        nobody = pwd.getpwnam("nobody")
    except KeyError:
        return None
    # The switch clears the parent-death signal that `launch` has asked for; --pdeathsig=keep asks for it again.
    ids = (f"--reuid={nobody.pw_uid}", f"--regid={nobody.pw_gid}", "--clear-groups")
    return Account(prefix=("setpriv", *ids, "--pdeathsig=keep", "--"), owner=nobody.pw_uid)


def _reaches(account: Account, home: Path) -> bool:
    """Let the account pass through the home, and return whether it gets there."""
    if not _runs((*account.prefix, "test", "-x", str(home.parent))):
        return False
    homes.let_pass(home, group=pwd.getpwuid(account.owner).pw_gid)
    return True


def _has_name(uid: int) -> bool:
    try:
        pwd.getpwuid(uid)
    except KeyError:
        return False
    return True


def _runs(command: tuple[str, ...]) -> bool:
    try:
        return subprocess.run(command, capture_output=True, check=False).returncode == 0  # noqa: S603 - our own command line
    except OSError:
        return False
