"""Measures the alert scores on files with known faults, into the section of alerts in ``docs/quality.md``.

``python -m meterwise.commands.alert_quality FOLDER ...``: each folder holds ``reads.csv`` (wide) and ``labels.csv``
(meter_id, label, type). The figures are means over the folders.
"""

import sys
from pathlib import Path

import pandas as pd

from meterwise.commands.document_blocks import write_block
from meterwise.settings import get_settings
from meterwise.sources.cube import read_wide
from models.alerts.files import measure as measure_score
from models.alerts.files import score_cube, with_labels
from models.alerts.params import AlertParams
from models.alerts.suspicion import certain

NAMES = {
    "auc": "AUC",
    "average_precision": "average precision",
    "recall_at_1_per_100": "recall at 1 false alarm per 100 sound meters",
}
TEXT = """\
## Quality of the alert scores

Files of reads into which faults of known kinds were planted: {files} files, {meters:,} meters each, {faulty:.0f} of
them faulty. Means over the files, worst file in brackets.

| | unsupervised | its trees alone | supervised, 5 folds by meter |
|---|---|---|---|
{rows}
| kind of fault named right, of the faulty | - | - | {type_right} |
| told as a matter of the meter, not of use, of the faulty | {type_meter} | - | - |

- *Unsupervised* sees reads alone. Trees tell the meters of the file from copies of them into which faults of our own
  kinds were planted (`models/alerts/faults.py`); a meter is never scored by trees that saw it. Two patterns that no
  home makes (one value again and again, hours newly at zero every day) count as certain. They were written after a look
  at faults of the kinds measured here, so on other kinds expect less (decision 0165); *its trees alone* is the score
  without them.
- *Supervised* learns from labels of the other meters, the unsupervised score being one of its features; its settings
  were chosen on other draws of the same kinds of faults in the same homes. It names the kinds that the labels name; the
  unsupervised score can only say what a fault looks like, in the alert types.
- A fault that a home could cause itself (half the use from one day on) cannot be told from it by reads alone.
"""


def measure(folders: list[Path]) -> pd.DataFrame:
    """Return the figures of ``with_labels``, a row a folder, with the number of meters and faulty ones."""
    params = AlertParams()
    rows = []
    for folder in folders:
        labels = pd.read_csv(folder / "labels.csv", dtype={"meter_id": str, "type": str})
        scored = score_cube(read_wide(folder / "reads.csv", "meter", "date"), params)
        figures = with_labels(scored, labels, params)[1]
        score = scored.meters.set_index("meter_id")["score"].reindex(scored.found.index)
        is_faulty = labels.set_index("meter_id")["label"].reindex(scored.found.index).to_numpy() == 1
        by_trees = measure_score(is_faulty, score.to_numpy() - certain(scored.found, params))
        figures |= {f"trees_{name}": value for name, value in by_trees.items()}
        rows.append({**figures, "meters": len(scored.meters), "faulty": int(labels["label"].sum())})
    return pd.DataFrame(rows)


def render(found: pd.DataFrame) -> str:
    """Return the section."""

    def _cell(name: str) -> str:
        return f"{found[name].mean():.3f} ({found[name].min():.3f})"

    scores = ("unsupervised", "trees", "supervised")
    rows = [
        f"| {words} | {' | '.join(_cell(f'{score}_{name}') for score in scores)} |" for name, words in NAMES.items()
    ]
    return TEXT.format(
        files=len(found),
        meters=int(found["meters"].mean()),
        faulty=found["faulty"].mean(),
        rows="\n".join(rows),
        type_right=_cell("supervised_type_right"),
        type_meter=_cell("unsupervised_type_of_meter"),
    )


def write(folders: list[Path]) -> None:
    """Measure, and put the section into the page, in the place of the one before."""
    write_block(get_settings().project / "docs" / "quality.md", "alerts", render(measure(folders)))


if __name__ == "__main__":
    write([Path(name) for name in sys.argv[1:]])
