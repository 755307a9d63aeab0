"""The maker's process beside the gateway."""

from __future__ import annotations

import os
from pathlib import Path

from latm.jobs.beside import Keeper, beside, pause_after
from latm.settings import Settings, load


def dies_once(settings: Settings) -> None:
    """Dies at its first start; at the second it stays until it is ended."""
    started = settings.home / "started"
    with started.open("a", encoding="utf-8") as file:
        file.write(f"{os.getpid()}\n")
    if len(started.read_text("utf-8").splitlines()) == 1:
        os._exit(3)
    (settings.home / "alive").write_bytes(b".")
    (settings.home / "never").read_bytes()


def at_once(pause: float, lived: float) -> float:
    """No pause."""
    return 0 * (pause + lived)


def is_there(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_a_process_that_dies_is_started_again_and_ends_with_its_keeper(tmp_path: Path) -> None:
    keeper = Keeper(load(home=tmp_path), dies_once, at_once)
    os.mkfifo(tmp_path / "alive")
    os.mkfifo(tmp_path / "never")
    keeper.start()
    assert (tmp_path / "alive").read_bytes() == b"."
    first, second = map(int, (tmp_path / "started").read_text("utf-8").split())
    assert first != second
    assert is_there(second)
    keeper.end()
    assert not is_there(second)


def test_pauses_grow_while_it_keeps_dying_and_begin_anew_after_a_steady_life() -> None:
    pauses = [0.0]
    for _ in range(12):
        pauses.append(pause_after(pauses[-1], lived=0.1))
    assert pauses[1:5] == [1, 2, 4, 8]
    assert pauses[-1] == 300
    assert pause_after(300, lived=3600) == 1


def test_without_making_no_process_is_started(tmp_path: Path) -> None:
    with beside(load(home=tmp_path, making=False)):
        pass
    assert not list(tmp_path.iterdir())
