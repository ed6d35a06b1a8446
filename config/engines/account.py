"""As whom PostgreSQL runs: it refuses root, and an id without a name.

1. An ordinary user with a name: as that user.
2. Else in a user namespace in which we are mapped to another account's id: files stay ours, and no folder has to be opened.
   The kernel shows every id that is *not* mapped as the overflow id (user_namespaces(7); 65534, nobody), so mapping
   ourselves to nobody would let peer authentication take everyone for us. Any other id that exists will do.
3. Else, as root, by switching to nobody, who then owns the data and has to be able to reach it.
"""

import os
import pwd
import subprocess
from dataclasses import dataclass
from pathlib import Path

from core.errors import DomainError, Kind

OVERFLOW_UID = Path("/proc/sys/kernel/overflowuid")


class NoAccountForPostgresql(DomainError):
    """The embedded PostgreSQL cannot run as root, and there is no way here to run it as anybody else."""

    code = "no_account_for_postgresql"
    kind = Kind.UNAVAILABLE


@dataclass(frozen=True, slots=True)
class Account:
    """How to run PostgreSQL's programs, who owns its files, and the name its peer authentication gives to us."""

    prefix: tuple[str, ...]
    owner: int
    peer_name: str


def choose_account(home: Path) -> Account:
    """Return the first way that works on this machine for this home.

    Raises:
        NoAccountForPostgresql: when none does.
    """
    uid = os.getuid()
    if uid != 0 and (name := _find_name(uid)):
        return Account(prefix=(), owner=uid, peer_name=name)
    if (account := map_to_other_user()) and _runs((*account.prefix, "true")):
        return account
    if uid == 0 and (account := switch_to_nobody()) and _runs((*account.prefix, "test", "-x", str(home))):
        return account
    raise NoAccountForPostgresql(
        f"The embedded PostgreSQL runs neither as root nor as a user without a name. Run as an ordinary user, or allow user"
        f" namespaces, or (as root) choose a MODELFLEET_HOME that user nobody can reach (now {home}), or set DATABASE_URL."
    )


def map_to_other_user() -> Account | None:
    """Return the account of a user namespace of our own, with an id in it that is neither root's nor the overflow's."""
    refused = {0, int(OVERFLOW_UID.read_text())}
    other = next((entry for entry in pwd.getpwall() if entry.pw_uid not in refused), None)
    if other is None:
        return None
    prefix = ("unshare", "--user", f"--map-user={other.pw_uid}", f"--map-group={other.pw_gid}", "--")
    return Account(prefix=prefix, owner=os.getuid(), peer_name=other.pw_name)


def switch_to_nobody() -> Account | None:
    """Return the account of user nobody, for root; setpriv sets the parent-death signal again that the switch clears."""
    try:
        nobody = pwd.getpwnam("nobody")
    except KeyError:
        return None
    ids = (f"--reuid={nobody.pw_uid}", f"--regid={nobody.pw_gid}", "--clear-groups")
    return Account(prefix=("setpriv", *ids, "--pdeathsig=keep", "--"), owner=nobody.pw_uid, peer_name="root")


def _find_name(uid: int) -> str | None:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return None


def _runs(command: tuple[str, ...]) -> bool:
    try:
        return subprocess.run(command, capture_output=True, check=False).returncode == 0  # noqa: S603 - our own command line
    except OSError:
        return False
