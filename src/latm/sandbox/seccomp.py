"""Build seccomp filters: lists of system calls flow in, a BPF program as bytes flows out.

Invariant: a system call that is not named gets the filter's default, and a call of a foreign
architecture or ABI ends the process. It does not cover what an allowed call does with its
pointers: files are the business of namespaces or Landlock, amounts of the resource limits.
"""

from __future__ import annotations

import platform
import struct
from enum import IntEnum

from latm.sandbox.syscalls import NUMBERS

_LOAD = 0x20  # BPF_LD | BPF_W | BPF_ABS
_JUMP_EQUAL = 0x15
_JUMP_AT_LEAST = 0x35
_RETURN = 0x06
_OFFSET_NUMBER, _OFFSET_ARCH, _OFFSET_ARGUMENTS = 0, 4, 16
_X32_BIT = 0x40000000
_ARCHITECTURES = {"x86_64": (0xC000003E, 0), "aarch64": (0xC00000B7, 1)}
_EPERM = 1


class Action(IntEnum):
    KILL = 0x80000000
    DENY = 0x00050000 | _EPERM
    ALLOW = 0x7FFF0000


# What pure computation by CPython and its standard library needs, the frequent ones first.
_ALLOWED = (
    "read",
    "write",
    "openat",
    "newfstatat",
    "fstat",
    "lseek",
    "close",
    "mmap",
    "munmap",
    "mprotect",
    "mremap",
    "madvise",
    "brk",
    "futex",
    "rt_sigaction",
    "rt_sigprocmask",
    "rt_sigreturn",
    "sigaltstack",
    "clock_gettime",
    "readv",
    "writev",
    "pread64",
    "getdents64",
    "statx",
    "getcwd",
    "readlinkat",
    "faccessat",
    "faccessat2",
    "getrandom",
    "clock_getres",
    "clock_nanosleep",
    "nanosleep",
    "gettimeofday",
    "times",
    "getrusage",
    "getpid",
    "gettid",
    "getppid",
    "getuid",
    "geteuid",
    "getgid",
    "getegid",
    "sched_yield",
    "sched_getaffinity",
    "ppoll",
    "pselect6",
    "uname",
    "sysinfo",
    "umask",
    "set_robust_list",
    "rseq",
    "dup",
    "close_range",
    "exit",
    "exit_group",
    "restart_syscall",
    "open",
    "stat",
    "lstat",
    "access",
    "readlink",
    "poll",
    "select",
    "time",
)
# Allowed for certain values of one argument: (call, index of the argument, values).
# fcntl: no F_SETOWN, which sends signals; prlimit64: only the process itself.
_ALLOWED_WITH = (
    ("fcntl", 1, (0, 1, 2, 3, 1030)),
    ("prlimit64", 0, (0,)),
)
# No tool has a reason for these: asking is a security event.
_ATTACKS = (
    "ptrace",
    "process_vm_readv",
    "process_vm_writev",
    "mount",
    "umount2",
    "pivot_root",
    "chroot",
    "unshare",
    "setns",
    "bpf",
    "perf_event_open",
    "userfaultfd",
    "kexec_load",
    "kexec_file_load",
    "init_module",
    "finit_module",
    "delete_module",
    "keyctl",
    "add_key",
    "request_key",
    "io_uring_setup",
    "io_uring_enter",
    "io_uring_register",
    "open_by_handle_at",
    "name_to_handle_at",
    "reboot",
    "swapon",
    "swapoff",
    "acct",
    "pidfd_getfd",
    "move_mount",
    "open_tree",
    "fsopen",
    "fsmount",
    "mount_setattr",
    "process_madvise",
    "quotactl",
    "sethostname",
    "settimeofday",
    "clock_settime",
    "clock_adjtime",
    "adjtimex",
    "iopl",
    "ioperm",
    "modify_ldt",
)
# What the interpreter process of another engine never needs.
_DENIED = (
    "socket",
    "socketpair",
    "connect",
    "bind",
    "listen",
    "accept",
    "accept4",
    "fork",
    "vfork",
    "shmget",
    "shmat",
    "msgget",
    "semget",
    "mq_open",
    "memfd_create",
    "pidfd_send_signal",
    "pidfd_open",
    "rt_sigqueueinfo",
    "rt_tgsigqueueinfo",
    "sched_setaffinity",
)


def is_supported(machine: str | None = None) -> bool:
    """Are the system call numbers of this machine known?"""
    return (machine or platform.machine()) in _ARCHITECTURES


def program_filter(machine: str | None = None) -> bytes:
    """For the process that runs a program: an allow-list. Attacks kill, the rest is EPERM."""
    build = _Builder(machine or platform.machine())
    for name in _ALLOWED:
        build.rule(name, Action.ALLOW)
    for name, index, values in _ALLOWED_WITH:
        build.rule_with(name, index, values)
    for name in _ATTACKS:
        build.rule(name, Action.KILL)
    return build.finish(Action.DENY)


def worker_filter(machine: str | None = None) -> bytes:
    """For a foreign interpreter's process: what it never needs is denied, attacks kill."""
    build = _Builder(machine or platform.machine())
    for name in _DENIED:
        build.rule(name, Action.DENY)
    for name in _ATTACKS:
        build.rule(name, Action.KILL)
    return build.finish(Action.ALLOW)


class _Builder:
    def __init__(self, machine: str) -> None:
        architecture, self._column = _ARCHITECTURES[machine]
        self._code: list[bytes] = [
            _instruction(_LOAD, _OFFSET_ARCH),
            _instruction(_JUMP_EQUAL, architecture, 1, 0),
            _instruction(_RETURN, Action.KILL),
            _instruction(_LOAD, _OFFSET_NUMBER),
        ]
        if machine == "x86_64":
            self._code += [
                _instruction(_JUMP_AT_LEAST, _X32_BIT, 0, 1),
                _instruction(_RETURN, Action.KILL),
            ]

    def rule(self, name: str, action: Action) -> None:
        number = NUMBERS[name][self._column]
        if number is not None:
            self._code += [
                _instruction(_JUMP_EQUAL, number, 0, 1),
                _instruction(_RETURN, action),
            ]

    def rule_with(self, name: str, index: int, values: tuple[int, ...]) -> None:
        """Allow for the given values of an argument (its low half), deny for others."""
        number = NUMBERS[name][self._column]
        assert number is not None
        tests = [_instruction(_LOAD, _OFFSET_ARGUMENTS + 8 * index)]
        for value in values:
            tests += [
                _instruction(_JUMP_EQUAL, value, 0, 1),
                _instruction(_RETURN, Action.ALLOW),
            ]
        tests.append(_instruction(_RETURN, Action.DENY))
        self._code += [_instruction(_JUMP_EQUAL, number, 0, len(tests)), *tests]

    def finish(self, default: Action) -> bytes:
        return b"".join((*self._code, _instruction(_RETURN, default)))


def _instruction(code: int, operand: int, if_true: int = 0, if_false: int = 0) -> bytes:
    return struct.pack("=HBBI", code, if_true, if_false, operand)
