"""The Hugging Face hub as a source of embedded models.

A model of the catalog flows in, the path of an unchecked file flows out. Invariant: a hub
that is out of reach is found out by one short request; what it gives proves nothing here.
"""

from __future__ import annotations

import errno
import importlib
import os
from pathlib import Path
from typing import Any

import httpx2

from latm.errors import ModelFileError
from latm.models.catalog import EmbeddedModel, partial_of
from latm.models.progress import Report

_REACH_SECONDS = 5.0


def from_hub(
    model: EmbeddedModel, folder: Path, report: Report, *, endpoint: str | None = None
) -> Path:
    """Download the file to its partial file, going on where that ends.

    Args:
        endpoint: base URL of a mirror; None leaves it to the library and ``HF_ENDPOINT``.

    Raises:
        ModelFileError: the hub is out of reach or does not have the file.
        OSError: the disk is full.
    """
    # `hf_hub_download` would start anew after an interruption, and try for half a minute to
    # reach a hub that is not there; these are the two calls that it makes itself.
    hub: Any = importlib.import_module("huggingface_hub.file_download")
    partial = partial_of(model, folder)
    try:
        url = hub.hf_hub_url(model.repository, model.file, endpoint=endpoint)
        found = hub.get_hf_file_metadata(url, token=False, timeout=_REACH_SECONDS)
        if found.size != model.size:
            raise ModelFileError(f"the hub has a file of {found.size} bytes, not {model.size}")
        with partial.open("ab") as file:
            if file.tell() > model.size:
                file.truncate(0)
            hub.http_get(
                found.location,
                file,
                resume_size=file.seek(0, os.SEEK_END),
                headers=hub.build_hf_headers(token=False),
                expected_size=model.size,
                tqdm_class=_bar(model, report),
            )
    except (OSError, httpx2.HTTPError, RuntimeError, ValueError) as error:
        if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise
        why = " ".join(str(error).split())[:100] or type(error).__name__
        raise ModelFileError(f"the hub does not give it ({why})") from error
    return partial


def _bar(model: EmbeddedModel, report: Report) -> Any:  # noqa: ANN401 - the library's bar has no types
    tqdm: Any = importlib.import_module("tqdm").tqdm

    class Bar(tqdm):
        """Shows nothing itself; the count goes to the report."""

        def __init__(self, *args: object, **options: Any) -> None:  # noqa: ANN401
            tqdm.__init__(self, *args, **{**options, "disable": True})
            self._done = int(options.get("initial") or 0)

        def update(self, n: float | None = 1) -> None:
            self._done += int(n or 0)
            report("hub", min(self._done, model.size), model.size)

    return Bar
