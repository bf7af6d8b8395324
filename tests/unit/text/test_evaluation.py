"""Measures of how good scores are."""

from __future__ import annotations

import numpy as np
import pytest

from moderation.policy import load_packs
from moderation.settings import Settings
from moderation.tuning.evaluation import (
    NothingToEvaluate,
    ScoredRows,
    average_precision,
    best_f1,
    calibration_error,
    evaluate,
    f1,
    roc_auc,
)
from moderation.tuning.evaluation_report import report_html
from moderation.tuning.identity_sentences import identity_rates, identity_rows
from moderation.tuning.policy_thresholds import PolicyThresholds, thresholds_of

GENERATOR = np.random.default_rng(5)
LABELS = (GENERATOR.random(400) < 0.3).astype(float)
SCORES = np.round(np.clip(0.4 * LABELS + GENERATOR.random(400) * 0.7, 0, 1), 2)  # with ties


def test_auc_is_the_share_of_pairs_in_the_right_order() -> None:
    positives, negatives = SCORES[LABELS == 1], SCORES[LABELS == 0]
    gaps = positives[:, None] - negatives[None, :]
    pairs = ((gaps > 0) + 0.5 * (gaps == 0)).mean()
    assert roc_auc(LABELS, SCORES) == pytest.approx(float(pairs))


def test_average_precision_is_the_mean_precision_at_each_positive() -> None:
    labels = np.array([1.0, 0.0, 1.0, 0.0, 1.0])
    scores = np.array([0.9, 0.8, 0.7, 0.6, 0.5])
    assert average_precision(labels, scores) == pytest.approx((1 / 1 + 2 / 3 + 3 / 5) / 3)


def test_equal_scores_count_as_one_step() -> None:
    labels = np.array([1.0, 0.0, 0.0, 1.0])
    assert average_precision(labels, np.full(4, 0.3)) == pytest.approx(0.5)


def test_f1_counts_hits_misses_and_false_alarms() -> None:
    labels = np.array([1.0, 1.0, 0.0, 0.0])
    assert f1(labels, np.array([True, False, True, False])) == pytest.approx(0.5)
    assert f1(labels, np.zeros(4, bool)) == 0
    assert best_f1(labels, np.array([0.9, 0.8, 0.1, 0.2])) == 1


def test_true_probabilities_have_no_calibration_error_and_doubled_ones_do() -> None:
    truth = GENERATOR.random(20_000)
    labels = (GENERATOR.random(20_000) < truth).astype(float)
    assert calibration_error(labels, truth) < 0.02
    assert calibration_error(labels, np.clip(truth * 2, 0, 1)) > 0.2


THRESHOLDS = {"toxicity": PolicyThresholds(review=0.4, act=0.6)}


def rows() -> ScoredRows:
    labels = np.stack([LABELS, np.full(400, np.nan), np.zeros(400)], axis=1)
    scores = np.stack([SCORES, SCORES, SCORES * 0.5], axis=1)
    languages = tuple("en" if i % 2 else "zh" for i in range(400))
    return ScoredRows(
        ("toxicity", "hate", "spam"), labels, scores, languages, tuple(["<set>"] * 400)
    )


def test_unknown_labels_make_no_cell_and_slices_have_their_own() -> None:
    found = evaluate(rows(), "model", resamples=20)
    assert {c.category for c in found.cells} == {"toxicity"}
    assert {(c.by, c.slice) for c in found.cells} == {
        ("all", "all"),
        ("language", "en"),
        ("language", "zh"),
        ("source", "<set>"),
    }
    cell = found.cell("toxicity")
    assert cell is not None
    assert cell.average_precision.low is not None
    assert cell.average_precision.high is not None
    assert cell.average_precision.low < cell.average_precision.value < cell.average_precision.high


def test_harmless_rows_are_those_with_several_labels_and_no_violation() -> None:
    data = rows()
    labels = data.labels.copy()
    labels[:, 1] = 0
    clean = ScoredRows(data.categories, labels, data.scores, data.languages, data.sources)
    rate = evaluate(clean, "model", resamples=2).harmless[0]
    flagged = (SCORES[LABELS == 0] >= 0.5).mean()
    assert rate.rows == int((LABELS == 0).sum())
    assert rate.flagged["0.5"] == pytest.approx(flagged)


def test_rows_without_any_label_are_refused() -> None:
    data = rows()
    nothing = np.full_like(data.labels, np.nan)
    with pytest.raises(NothingToEvaluate):
        evaluate(
            ScoredRows(data.categories, nothing, data.scores, data.languages, data.sources), "m"
        )


def test_the_report_escapes_names_from_files() -> None:
    identity = identity_rates(identity_rows(), np.zeros(len(identity_rows()), bool))
    found = evaluate(rows(), "<b>m</b>", thresholds=THRESHOLDS, identity=identity, resamples=2)
    page = report_html([found] * 2)
    assert "<b>m</b>" not in page
    assert "&lt;set&gt;" in page
    assert "<svg" in page


def test_figures_are_given_at_the_thresholds_of_the_policy() -> None:
    cell = evaluate(rows(), "model", thresholds=THRESHOLDS, resamples=5).cell("toxicity")
    assert cell is not None
    review, act = cell.at_policy
    assert (review.purpose, review.threshold, act.threshold) == ("review", 0.4, 0.6)
    assert review.f1.value == pytest.approx(f1(LABELS, SCORES >= 0.4))
    assert act.recall < review.recall


def test_thresholds_come_from_the_packs_in_force() -> None:
    found = thresholds_of(load_packs(Settings().policies_dir))
    assert 0 < found["hate"].review < (found["hate"].act or 0) <= 1


def test_a_language_that_is_flagged_more_shows_in_the_ratio() -> None:
    labels = np.zeros((400, 3))
    scores = np.zeros((400, 3))
    scores[:60:2, 0] = 0.9  # zh
    scores[1:20:2, 0] = 0.9  # en
    clean = ScoredRows(
        ("toxicity", "hate", "spam"), labels, scores, rows().languages, rows().sources
    )
    found = evaluate(clean, "model", thresholds=THRESHOLDS, resamples=2).harmless_ratio()
    assert found == (pytest.approx(3.0), "zh", "en")


def test_names_of_attacked_groups_are_measured_in_frames_that_take_any_group() -> None:
    sentences = identity_rows()
    assert len({row.language for row in sentences}) == 15
    assert not [row.text for row in sentences if "{" in row.text]
    flagged = np.array([row.source == "g:Jews" or row.source == "n:pilots" for row in sentences])
    rates = identity_rates(sentences, flagged)
    assert rates.flagged_identity == rates.flagged_other
    assert rates.ratio == pytest.approx(1)
    assert {term.term for term in rates.worst[:2]} == {"Jews", "pilots"}
