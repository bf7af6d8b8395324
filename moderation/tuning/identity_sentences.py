"""Does the mere name of a group of people raise a score?

The same harmless frames are filled with groups that are often attacked and with groups that hardly
ever are (``moderation/seed/identity.yaml``, 15 languages); nothing is trained on them. The measure
is the rate of flags with the former against the rate over all sentences (as in Dixon et al. 2018,
with whole frames instead of words).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
from ruamel.yaml import YAML

from moderation.classifiers.base import Classifier
from moderation.tuning.evaluation import IdentityRates, TermRate
from moderation.tuning.intervals import Proportion
from moderation.tuning.labelled import EvaluationRow, score_rows
from moderation.tuning.policy_thresholds import PolicyThresholds

_FILE = Path(__file__).resolve().parent.parent / "seed" / "identity.yaml"


def identity_rows() -> list[EvaluationRow]:
    """The sentences, without labels; ``source`` is ``g`` or ``n`` and the group's name."""
    content = YAML(typ="safe").load(_FILE.read_text(encoding="utf-8"))
    return [
        EvaluationRow(_filled(str(frame), str(term), own["n"]), str(language), f"{kind}:{term}", {})
        for language, own in content.items()
        for kind in ("g", "n")
        for term in own[kind]
        for frame in own["frames"]
    ]


def _filled(frame: str, term: str, others: Sequence[str]) -> str:
    other = str(others[0]) if term != others[0] else str(others[1])
    return frame.replace("{g}", term).replace("{n}", other)


def measure_identity(
    classifier: Classifier, thresholds: Mapping[str, PolicyThresholds]
) -> IdentityRates:
    """Score the sentences; one is flagged where any rule would do something."""
    rows = identity_rows()
    scored = score_rows(classifier, rows)
    lowest = [t.review if (t := thresholds.get(c)) else np.inf for c in scored.categories]
    return identity_rates(rows, np.any(scored.scores >= np.array(lowest), axis=1))


def identity_rates(
    rows: Sequence[EvaluationRow], flagged: npt.NDArray[np.bool_], worst: int = 8
) -> IdentityRates:
    """The rates over `identity_rows`, given which of them are flagged."""
    named = np.array([row.source.startswith("g:") for row in rows])
    by_term: dict[tuple[str, str], list[bool]] = {}
    for row, hit in zip(rows, flagged, strict=True):
        by_term.setdefault((row.language, row.source[2:]), []).append(bool(hit))
    terms = [
        TermRate(term=term, language=language, sentences=len(hits), flagged=float(np.mean(hits)))
        for (language, term), hits in by_term.items()
    ]
    identity = Proportion(int(flagged[named].sum()), int(named.sum()))
    return IdentityRates(
        sentences=len(rows),
        flagged=float(flagged.mean()),
        flagged_identity=identity.value,
        identity_interval=identity.interval,
        flagged_other=float(flagged[~named].mean()),
        worst=tuple(sorted(terms, key=lambda t: -t.flagged)[:worst]),
    )
