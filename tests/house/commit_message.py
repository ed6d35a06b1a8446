"""The form of a commit message, as a hook of git: ``python -m tests.house.commit_message FILE``."""

import re
import sys
from pathlib import Path

LONGEST_SUBJECT = 72
_SUBJECT = re.compile(r"[a-z][a-z0-9_./-]*: [A-Z].*\.")
# Git's own: a merge, a revert, and what an interactive rebase will melt into another commit.
_BY_GIT = ("Merge ", "Revert ", "fixup! ", "squash! ", "amend! ")


def find_faults(message: str) -> list[str]:
    """Return each rule that the message breaks, as a sentence."""
    lines = [line.rstrip() for line in message.splitlines() if not line.startswith("#")]
    subject = next((line for line in lines if line), "")
    if subject.startswith(_BY_GIT):
        return []
    body = lines[lines.index(subject) + 1 :] if subject else []
    faults = []
    if not _SUBJECT.fullmatch(subject):
        faults.append(
            'Write the subject as "area: Imperative sentence.", for example "fleet: Refuse a second rollout."'
        )
    if len(subject) > LONGEST_SUBJECT:
        faults.append(f"The subject has {len(subject)} characters; {LONGEST_SUBJECT} at most.")
    if body and body[0]:
        faults.append("Leave a blank line between the subject and the body.")
    return faults


def main() -> int:
    """Check the message in the file that git names."""
    faults = find_faults(Path(sys.argv[1]).read_text(encoding="utf-8"))
    for fault in faults:
        print(fault, file=sys.stderr)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
