"""Every database that latm supports passes the same checks."""

from __future__ import annotations

from pathlib import Path

import pytest

from latm.store import Store
from latm.store.conformance import CHECKS, Check


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("kind", ["memory", "file", "url"])
async def test_a_store_conforms(kind: str, check: Check, tmp_path: Path) -> None:
    file = tmp_path / "a directory" / "latm.db"
    location = {"memory": ":memory:", "file": file, "url": f"sqlite:///{file}"}[kind]
    async with await Store.open(location) as store:
        await check(store)
