"""The system calls that the sandbox refuses, and the program by which the kernel refuses them (seccomp(2)).

Pure: tables, and an assembler for classic BPF. Sources: ``linux/seccomp.h`` (struct seccomp_data, return values),
``linux/filter.h`` and ``linux/bpf_common.h`` (instructions), ``linux/audit.h`` (architectures), ``asm/unistd.h`` (numbers).

The filter lists what is refused, not what is allowed: the tools are large, and their next release may need another harmless
call. A refused call fails with an error, and does not end the process, so that a library may do without it.
"""

import errno
import struct
from typing import Final, NamedTuple

# struct seccomp_data: int nr; __u32 arch; __u64 instruction_pointer; __u64 args[6]; both processors have the low half first.
_NUMBER_OFFSET, _ARCHITECTURE_OFFSET, _FIRST_ARGUMENT_OFFSET, _SECOND_ARGUMENT_OFFSET = 0, 4, 16, 24
# BPF_LD|BPF_W|BPF_ABS, BPF_JMP|BPF_JEQ|BPF_K, BPF_JMP|BPF_JGE|BPF_K, BPF_JMP|BPF_JSET|BPF_K, BPF_RET|BPF_K
_LOAD, _JUMP_IF_EQUAL, _JUMP_IF_AT_LEAST, _JUMP_IF_ANY_BIT, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_RETURN_ALLOW, _RETURN_ERROR = 0x7FFF0000, 0x00050000
# Numbers from here on are a second set of calls on x86-64 (x32), which would pass a filter of the first set.
_X32_BIT: Final = 0x40000000


class Architecture(NamedTuple):
    """A processor's name in ``uname``, in the audit subsystem, and its place in the tables below."""

    machine: str
    audit: int
    column: int


ARCHITECTURES: Final = (
    Architecture(machine="x86_64", audit=0xC000003E, column=0),
    Architecture(machine="aarch64", audit=0xC00000B7, column=1),
)
# Each call with its numbers on x86-64 and on AArch64; None where the processor does not have it.
REFUSED: Final[dict[str, tuple[int, int | None]]] = {
    # No way to talk to another process or another machine: engines, name services, kernel interfaces of netlink.
    "socket": (41, 198),
    "socketpair": (53, 199),
    "connect": (42, 203),
    "bind": (49, 200),
    "listen": (50, 201),
    "accept": (43, 202),
    "accept4": (288, 242),
    "sendto": (44, 206),
    "sendmsg": (46, 211),
    "sendmmsg": (307, 269),
    # No way into another process: its memory, its open files.
    "ptrace": (101, 117),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "pidfd_getfd": (438, 438),
    "kcmp": (312, 272),
    "pidfd_send_signal": (424, 424),
    # No change of a file's rights: Landlock limits which files are opened, and not these. A task writes new files only.
    "chmod": (90, None),
    "fchmod": (91, 52),
    "fchmodat": (268, 53),
    "fchmodat2": (452, 452),
    "chown": (92, None),
    "fchown": (93, 55),
    "lchown": (94, None),
    "fchownat": (260, 54),
    "setxattr": (188, 5),
    "lsetxattr": (189, 6),
    "fsetxattr": (190, 7),
    "setxattrat": (463, 463),
    "removexattr": (197, 14),
    "lremovexattr": (198, 15),
    "fremovexattr": (199, 16),
    "removexattrat": (466, 466),
    "file_setattr": (469, 469),
    "utime": (132, None),
    "utimes": (235, None),
    "futimesat": (261, None),
    "utimensat": (280, 88),
    # No memory and no messages that are shared with other processes by a number (sysvipc(7)).
    "shmget": (29, 194),
    "shmat": (30, 196),
    "shmctl": (31, 195),
    "msgget": (68, 186),
    "msgsnd": (69, 189),
    "msgrcv": (70, 188),
    "msgctl": (71, 187),
    "semget": (64, 190),
    "semop": (65, 193),
    "semctl": (66, 191),
    "semtimedop": (220, 192),
    # No change of how other processes run.
    "setpriority": (141, 140),
    "ioprio_set": (251, 30),
    "sched_setparam": (142, 118),
    "sched_setscheduler": (144, 119),
    "sched_setattr": (314, 274),
    "migrate_pages": (256, 238),
    "move_pages": (279, 239),
    # Parts of the kernel that no tool needs, and in which flaws have given processes more rights.
    "bpf": (321, 280),
    "userfaultfd": (323, 282),
    "perf_event_open": (298, 241),
    "add_key": (248, 217),
    "request_key": (249, 218),
    "keyctl": (250, 219),
    # No other view of the file system. In a container the server may run as root without a user namespace.
    "mount": (165, 40),
    "umount2": (166, 39),
    "pivot_root": (155, 41),
    "chroot": (161, 51),
    "open_tree": (428, 428),
    "move_mount": (429, 429),
    "fsopen": (430, 430),
    "fsconfig": (431, 431),
    "fsmount": (432, 432),
    "fspick": (433, 433),
    "mount_setattr": (442, 442),
    "open_tree_attr": (467, 467),
    "open_by_handle_at": (304, 265),
    "unshare": (272, 97),
    "setns": (308, 268),
    "init_module": (175, 105),
    "finit_module": (313, 273),
    "kexec_load": (246, 104),
    "kexec_file_load": (320, 294),
}
# These fail as on a kernel without them. io_uring makes sockets by entries of a ring, and clone3 has its flags in memory: a filter
# sees neither. The C library starts threads and processes by clone instead.
ABSENT: Final[dict[str, tuple[int, int]]] = {
    "clone3": (435, 435),
    "io_uring_setup": (425, 425),
    "io_uring_enter": (426, 426),
    "io_uring_register": (427, 427),
}
# Starts threads and processes, so only these flags are refused. They are in its first argument on both processors (clone(2)).
CLONE: Final = (56, 220)
# A process may change these for itself, with 0 in the first argument (prlimit(2), sched_setaffinity(2)), and for no other.
FOR_ITSELF: Final[dict[str, tuple[int, int]]] = {"prlimit64": (302, 261), "sched_setaffinity": (203, 122)}
# Orders of fcntl(2), in its second argument, by which the kernel sends signals to another process: F_SETOWN, F_SETSIG, F_SETOWN_EX.
FCNTL: Final = (72, 25)
SIGNAL_ORDERS: Final = (8, 10, 15)
# A lone process may send a signal to itself, as abort(3) does, with its own id in the first argument.
SIGNALS: Final[dict[str, tuple[int, int]]] = {
    "kill": (62, 129),
    "tgkill": (234, 131),
    "rt_sigqueueinfo": (129, 138),
    "rt_tgsigqueueinfo": (297, 240),
}
# Refused to a lone process: a thread's id may be that of another process, and these start processes without flags.
LONE_REFUSED: Final[dict[str, tuple[int, int | None]]] = {"tkill": (200, 130), "fork": (57, None), "vfork": (58, None)}
# linux/sched.h: CLONE_NEWNS, NEWCGROUP, NEWUTS, NEWIPC, NEWUSER, NEWPID, NEWNET. clone has no flag for a time namespace.
NAMESPACES: Final = 0x00020000 | 0x02000000 | 0x04000000 | 0x08000000 | 0x10000000 | 0x20000000 | 0x40000000
THREAD: Final = 0x00010000


def find_architecture(machine: str) -> Architecture | None:
    """Return the architecture with this name in ``uname``; None if the tables do not have it."""
    return next((known for known in ARCHITECTURES if known.machine == machine), None)


def assemble(architecture: Architecture, *, lone_process: int | None = None) -> bytes:
    """Return the program as an array of ``struct sock_filter``.

    1. A call in another processor's manner (32-bit programs) is refused: its numbers mean other calls.
    2. A call of the x32 set is refused.
    3. A listed call is refused.
    4. A change of another process is refused, and an order to the kernel to send it signals.
    5. A lone process sends signals to itself only.
    6. ``clone`` into a new namespace is refused, and to a lone process every clone but a thread. Every other call is allowed.

    Args:
        architecture: The processor.
        lone_process: The id of a process that starts no other; None for a process that may.
    """
    column = architecture.column
    program = [
        _instruct(_LOAD, _ARCHITECTURE_OFFSET),
        _instruct(_JUMP_IF_EQUAL, architecture.audit, if_true=1),
        _REFUSE,
        _instruct(_LOAD, _NUMBER_OFFSET),
    ]
    if architecture.machine == "x86_64":
        program += [_instruct(_JUMP_IF_AT_LEAST, _X32_BIT, if_false=1), _REFUSE]
    refused = REFUSED if lone_process is None else REFUSED | LONE_REFUSED
    for calls, answer in ((refused, _REFUSE), (ABSENT, _PRETEND)):
        for numbers in calls.values():
            if (number := numbers[column]) is not None:
                program += [_instruct(_JUMP_IF_EQUAL, number, if_false=1), answer]
    for numbers in FOR_ITSELF.values():
        program += _when(numbers[column], _only_if_equal(0))
    program += _when(FCNTL[column], [_instruct(_LOAD, _SECOND_ARGUMENT_OFFSET), *_refuse_if_in(SIGNAL_ORDERS)])
    if lone_process is not None:
        for numbers in SIGNALS.values():
            program += _when(numbers[column], _only_if_equal(lone_process))
    program += _when(CLONE[column], _judge_clone(is_lone=lone_process is not None))
    return b"".join([*program, _ALLOW])


def _when(number: int, instructions: list[bytes]) -> list[bytes]:
    """Return these instructions for one call. The last of them must return: the call's number is not loaded any more."""
    return [_instruct(_JUMP_IF_EQUAL, number, if_false=len(instructions)), *instructions]


def _only_if_equal(value: int) -> list[bytes]:
    load = _instruct(_LOAD, _FIRST_ARGUMENT_OFFSET)
    return [load, _instruct(_JUMP_IF_EQUAL, value, if_true=1), _REFUSE, _ALLOW]


def _refuse_if_in(values: tuple[int, ...]) -> list[bytes]:
    return [*(part for value in values for part in (_instruct(_JUMP_IF_EQUAL, value, if_false=1), _REFUSE)), _ALLOW]


def _judge_clone(*, is_lone: bool) -> list[bytes]:
    load = _instruct(_LOAD, _FIRST_ARGUMENT_OFFSET)
    new_namespace = [_instruct(_JUMP_IF_ANY_BIT, NAMESPACES, if_false=1), _REFUSE]
    new_process = [_instruct(_JUMP_IF_ANY_BIT, THREAD, if_true=1), _REFUSE] if is_lone else []
    return [load, *new_namespace, *new_process, _ALLOW]


def _instruct(code: int, value: int, *, if_true: int = 0, if_false: int = 0) -> bytes:
    """Return one ``struct sock_filter``. A jump skips that many instructions."""
    return struct.pack("=HBBI", code, if_true, if_false, value)


_REFUSE: Final = _instruct(_RETURN, _RETURN_ERROR | errno.EPERM)
_PRETEND: Final = _instruct(_RETURN, _RETURN_ERROR | errno.ENOSYS)
_ALLOW: Final = _instruct(_RETURN, _RETURN_ALLOW)
