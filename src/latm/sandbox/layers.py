"""The walls of a sandbox, by name, so that a test can take one away.

Nothing flows in. Invariant: production code passes `ALL` (the default everywhere) and no
setting reaches a `layers` argument; a smaller set exists only to prove that every wall
carries weight (tests/sandbox/test_layers.py).
"""

from __future__ import annotations

from enum import Enum


class Layer(Enum):
    """One wall.

    Attributes:
        NAMESPACES: own mount, PID, network, IPC and user namespaces (bubblewrap).
        LANDLOCK: read access to the interpreter's files only, where there is no bubblewrap.
        SECCOMP: allow-list of system calls for the process that runs the program.
        RLIMITS: memory, CPU time, file size, descriptors.
        ENVIRONMENT: no environment variables of ours.
        DESCRIPTORS: no open files of ours.
        WALL_CLOCK: the parent kills at the deadline.
        STRICT_REPLY: the parent reads the reply with the strict parser.
    """

    NAMESPACES = "namespaces"
    LANDLOCK = "landlock"
    SECCOMP = "seccomp"
    RLIMITS = "rlimits"
    ENVIRONMENT = "environment"
    DESCRIPTORS = "descriptors"
    WALL_CLOCK = "wall-clock"
    STRICT_REPLY = "strict-reply"


ALL: frozenset[Layer] = frozenset(Layer)
