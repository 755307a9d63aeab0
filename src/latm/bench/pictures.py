"""Pictures of measurements, as PNG files.

Measured values and a path flow in, a file flows out. Invariant: a picture shows only
numbers that were handed in, with their units on the axes.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

from latm.bench.dispatch import Scale
from latm.bench.made import GROUPS, Row
from latm.bench.stream import Row as Stretch
from latm.bench.toolsets import KINDS
from latm.errors import InputError
from latm.ledger import Rates, break_even, cost_curve


def draw_costs(rates: Rates, price: str, path: Path) -> Path:
    """Draw the cost of the first n requests with and without the tool.

    Args:
        price: whose list price the dollars are, a model's name.

    Raises:
        InputError: the extra for pictures is not installed.
    """
    plt = _pyplot()
    even = break_even(rates)
    points = cost_curve(rates, range(max(10, 4 * even if isinstance(even, int) else 0) + 1))
    counts = [point.requests for point in points]
    figure, axes = plt.subplots(figsize=(7.2, 4.0), layout="constrained")
    axes.plot(counts, [p.without_tool for p in points], label="every question to the model")
    axes.plot(counts, [p.with_tool for p in points], label="tool made once, then 0 tokens each")
    if isinstance(even, int):
        axes.axvline(even, color="grey", linestyle=":")
        axes.annotate(
            f"break-even: {even} question{'s' * (even != 1)}",
            (even, rates.making),
            xytext=(8, -16),
            textcoords="offset points",
        )
    axes.set_xlabel("questions")
    axes.set_ylabel(f"US dollars, list price of {price}")
    axes.set_ylim(bottom=0)
    axes.legend(loc="upper left", frameon=False)
    return _saved(figure, axes, path)


def draw_making(rows: Sequence[Row], path: Path) -> Path:
    """Draw what each making spent, and whether a tool came of it.

    Args:
        rows: in the order to draw them, the first on top.

    Raises:
        InputError: the extra for pictures is not installed.
    """
    plt = _pyplot()
    families = list(dict.fromkeys(row.family for row in rows))
    height = 1.4 + 0.17 * len(families)
    figure, axes = plt.subplots(figsize=(7.2, height), layout="constrained")
    for n, group in enumerate(GROUPS):
        for made in (True, False):
            drawn = [row for row in rows if row.group == group and row.made == made]
            axes.scatter(
                [row.usage.total for row in drawn],
                [families.index(row.family) for row in drawn],
                s=26,
                facecolors=f"C{n}" if made else "none",
                edgecolors=f"C{n}",
                label=f"{group}: {'made' if made else 'not made'}" if drawn else None,
            )
    axes.set_yticks(range(len(families)), families, fontsize=6)
    axes.set_ylim(len(families) - 0.5, -0.5)
    # Tools that only copy cost no token, and a logarithm has no zero.
    axes.set_xscale("symlog", linthresh=100)
    axes.set_xlim(left=-4)
    axes.set_xlabel("tokens of one making (linear below 100)")
    axes.grid(axis="x", alpha=0.3)
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.8 / height), ncols=4, fontsize=6)
    return _saved(figure, axes, path)


def draw_dispatch(scales: Sequence[Scale], path: Path) -> Path:
    """Draw how long finding a tool takes, as the number of tools grows.

    Raises:
        InputError: the extra for pictures is not installed.
    """
    plt = _pyplot()
    figure, axes = plt.subplots(figsize=(7.2, 4.0), layout="constrained")
    for n, kind in enumerate(dict.fromkeys(scale.kind for scale in scales)):
        drawn = [scale for scale in scales if scale.kind == kind]
        tools = [scale.tools for scale in drawn]
        label, colour = KINDS[kind][0], f"C{n}"
        axes.plot(tools, [s.hit_us for s in drawn], marker="o", color=colour, label=label)
        axes.plot(tools, [s.miss_us for s in drawn], linestyle=":", color=colour)
    axes.set_xscale("log")
    axes.set_ylim(bottom=0)
    axes.set_xlabel("tools")
    axes.set_ylabel("p50, microseconds (dotted: has no tool)")
    axes.legend(loc="center left", bbox_to_anchor=(1, 0.5), frameon=False, fontsize=7)
    return _saved(figure, axes, path)


def draw_stream(rows: Sequence[Stretch], path: Path) -> Path:
    """Draw what tools answer of a stream, and what it costs, as it goes on.

    Raises:
        InputError: the extra for pictures is not installed.
    """
    plt = _pyplot()
    figure, axes = plt.subplots(figsize=(7.2, 4.0), layout="constrained")
    ends = [row.first + row.requests - 1 for row in rows]
    shares = [100 * row.hit_rate for row in rows]
    costs = [100 * float(row.usd / row.alone_usd) if row.alone_usd else 0.0 for row in rows]
    axes.plot(ends, shares, marker="o", label="toolable requests answered by tools")
    axes.plot(ends, costs, marker="s", label="cost, upstream and maker, of upstream only")
    wrong = [(end, row.wrong) for end, row in zip(ends, rows, strict=True) if row.wrong]
    axes.scatter([end for end, _ in wrong], [0] * len(wrong), marker="x", color="C3")
    for end, count in wrong:
        axes.annotate(f"{count} wrong", (end, 0), xytext=(0, 6), textcoords="offset points")
    axes.set_xlabel("requests")
    axes.set_ylabel("percent")
    axes.set_ylim(bottom=0)
    axes.legend(loc="center right", frameon=False)
    return _saved(figure, axes, path)


def _saved(figure: Any, axes: Any, path: Path) -> Path:  # noqa: ANN401 - the extra may be absent
    axes.spines[["top", "right"]].set_visible(False)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=144)
    _pyplot().close(figure)
    return path


def _pyplot() -> Any:  # noqa: ANN401 - the extra may be absent
    try:
        import_module("matplotlib").use("Agg")
        return import_module("matplotlib.pyplot")
    except ImportError as error:
        raise InputError("pictures need matplotlib: install 'latm[plot]'") from error
