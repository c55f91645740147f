"""Recall against length, one small plot a noise."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from provenance.selftest.disturb import CUT, RATED, RATES, UNRATED

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def plot_recall(record: Mapping[str, Any], folder: Path) -> Path:
    """Draw `quality.png`; returns its path."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(2, 3, figsize=(13, 7.5), sharey=True, layout="constrained")
    panels = axes.ravel()
    for axis, noise in zip(panels, RATED, strict=False):
        draw(axis, record, {f"{rate:.0%}": (noise, rate) for rate in RATES})
        axis.set_title(f"{noise}, of so many words", loc="left")
    kinds = [*UNRATED, CUT]
    draw(panels[4], record, {kind: (kind, 0.0) for kind in kinds[:4]})
    draw(panels[5], record, {kind: (kind, 0.0) for kind in kinds[4:]})
    panels[4].set_title("other changes", loc="left")
    panels[5].set_title("other changes", loc="left")
    for axis in panels:
        axis.set_xscale("log")
        lengths = sorted({cell["length"] for cell in record["cells"]})
        axis.set_xticks(lengths, [str(length) for length in lengths], minor=False)
        axis.minorticks_off()
        axis.set_ylim(-0.03, 1.03)
        axis.grid(alpha=0.3)
        axis.legend(fontsize=8, loc="lower right")
        axis.spines[["top", "right"]].set_visible(False)
    for axis in axes[1]:
        axis.set_xlabel("words of the passage")
    for axis in axes[:, 0]:
        axis.set_ylabel("recall, with 95 % Wilson interval")
    path = folder / "quality.png"
    figure.savefig(path, dpi=110)
    return path


def draw(axis: Axes, record: Mapping[str, Any], lines: Mapping[str, tuple[str, float]]) -> None:
    for name, (noise, rate) in lines.items():
        cells = sorted(
            (c for c in record["cells"] if c["noise"] == noise and c["rate"] == rate), key=lambda c: c["length"]
        )
        lengths, recalls = [c["length"] for c in cells], [c["recall"] for c in cells]
        bounds = [
            [max(0.0, r - c["wilson95"][0]) for r, c in zip(recalls, cells, strict=True)],
            [max(0.0, c["wilson95"][1] - r) for r, c in zip(recalls, cells, strict=True)],
        ]
        axis.errorbar(lengths, recalls, yerr=bounds, marker="o", markersize=3.5, capsize=2, linewidth=1.3, label=name)
