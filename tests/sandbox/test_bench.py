"""The benchmark times every engine beside a plain process."""

from __future__ import annotations

from latm.bench.sandbox import run


async def test_every_engine_is_timed_beside_a_plain_process() -> None:
    timings = await run(13)
    assert [timing.engine for timing in timings] == ["monty", "jail", "process"]
    for timing in timings:
        assert timing.calls == (2 if timing.engine == "process" else 13)
        assert timing.median_ms is not None
        assert timing.p99_ms is not None
        assert timing.p99_ms >= timing.median_ms > 0
        assert timing.reason == ""
