"""``latm bench stream``: a plan in, a gateway's learning measured, tables and a picture out.

Invariant: what is printed was measured in this run.
"""

from __future__ import annotations

import asyncio
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from latm.bench.pictures import draw_stream
from latm.bench.rivals import CACHES, Tally, tallied
from latm.bench.stream import SCRIPTED, Plan, Row, run
from latm.bench.streamed import ending, side_by_side, table, totals
from latm.bench.traffic import stream as traffic
from latm.cli.output import print_json, say
from latm.errors import InputError, ModelFileError
from latm.identity import canonical_json


def stream(
    *,
    requests: int = 3000,
    seed: int = 1,
    maker: str = SCRIPTED,
    max_error: float = 0.05,
    audit_calls: int = 100,
    block: int = 125,
    out: Path = Path("out/stream"),
    json: Annotated[bool, Parameter(negative=())] = False,
) -> int:
    """Send a mixed, drifting stream through a gateway that learns. Minutes.

    Example: latm bench stream --requests 3000 --out docs/results/stream

    Parameters
    ----------
    requests
        How many.
    seed
        Of the stream.
    maker
        Model that makes tools; the default one has the classes' functions written down.
    max_error
        Greatest wrong-answer rate of a live tool, a share.
    audit_calls
        Calls of the upstream a day for audits; the whole stream is one day.
    block
        Requests after which the stream waits until the background is idle; divides 250.
    out
        Folder of the results: rows, tables, a picture.
    json
        Print one JSON object.
    """
    if block < 1 or 250 % block:
        raise InputError(f"--block {block}: it has to divide 250")
    sent = list(traffic(seed, requests))
    with tempfile.TemporaryDirectory(prefix="latm-stream-") as home:
        plan = Plan(Path(home), maker, block=block, max_error=max_error, audit_calls=audit_calls)
        result = asyncio.run(run(sent, plan, _progress))
    others: list[Tally] = []
    for name in CACHES:
        try:
            others.append(tallied(name, sent))
        except ModelFileError as error:  # an extra; the rest is there all the same
            say(f"{name}: {error}")
    rows = result.rows
    text = f"{table(rows)}\n{side_by_side(rows, others)}"
    out.mkdir(parents=True, exist_ok=True)
    lines = "".join(f"{canonical_json(_plain(row))}\n" for row in rows)
    (out / "results.jsonl").write_text(lines, encoding="utf-8")
    (out / "table.md").write_text(text, encoding="utf-8")
    try:
        say(f"picture: {draw_stream(rows, out / 'stream.png')}")
    except InputError as error:  # without the extra the numbers are there all the same
        say(str(error))
    for one in result.wrong:
        say(f"wrong: {one.request.kind} {one.request.question!r}: {one.answer!r}")
    for name, state, right, wrong in result.tools:
        say(f"{name}: {state}, compared {right} right, {wrong} wrong")
    whole, end = totals(rows), totals(ending(rows))
    if json:
        print_json({"rows": [_plain(row) for row in rows]})
        return 0
    print(text)
    print(
        f"whole stream: {whole.hit_rate:.1%} of toolable by tools, {whole.cost_share:.0%} of the "
        f"cost of upstream only; its last {end.requests}: {end.hit_rate:.1%}, {end.cost_share:.0%}"
    )
    return 0


def _progress(row: Row) -> None:
    say(
        f"to {row.first + row.requests - 1}: {row.hit_rate:.0%} by tools, {row.wrong} wrong, "
        f"{row.live} tools live"
    )


def _plain(row: Row) -> dict[str, object]:
    return {name: str(v) if "usd" in name else v for name, v in asdict(row).items()}
