"""The figures that the text model is judged by, beside `moderation evaluate`.

Run: python benchmarks/text_goals.py --data FOLDER [--model FOLDER] [--rows 1000]

FOLDER holds dev/ and test/ with parquet files (see moderation.tuning.training_rows). Figures on
test/ are for reading once, when a recipe is fixed.
"""

from __future__ import annotations

import argparse
import json
import random
from pathlib import Path
from typing import Any

import numpy as np
from ruamel.yaml import YAML

from moderation.classifiers.text import LanguageIdentifier, TextClassifier
from moderation.classifiers.text.model import ENCOURAGEMENT
from moderation.policy import load_packs
from moderation.settings import Settings
from moderation.taxonomy import DATA_LABELS
from moderation.tuning.evaluation import evaluate
from moderation.tuning.identity_sentences import measure_identity
from moderation.tuning.labelled import EvaluationRow, read_labelled, score_rows
from moderation.tuning.policy_thresholds import thresholds_of
from moderation.tuning.training_patterns import FunctionalPairs, functional_sentence
from moderation.tuning.training_recipe import read_recipe
from moderation.tuning.training_rows import SEED_FOLDER, LabelledText, read_seed

REVIEW = 0.5
POLICY = thresholds_of(load_packs(Settings().policies_dir))
CUTS = (0.02, 0.03, 0.05, 0.07, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5)
SIX = {
    "博彩": "gambling",
    "低俗色情": "adult_sexual",
    "谩骂引战": "abuse",
    "欺诈": "fraud_phishing",
    "黑产广告": "prohibited_goods",
    "不违规": "none",
}


def scores(classifier: TextClassifier, rows: list[EvaluationRow]) -> dict[str, np.ndarray]:
    found = score_rows(classifier, rows)
    return {c: found.scores[:, i] for i, c in enumerate(found.categories)}


def f1(truth: np.ndarray, found: np.ndarray) -> float:
    return float(2 * (truth & found).sum() / max(1, truth.sum() + found.sum()))


def six_classes(classifier: TextClassifier, data: Path) -> dict[str, Any]:
    """ChineseHarm's six classes on the whole development third: the strongest output, or `none`
    if no output reaches a cut. The cut is .3, and as a second figure the best one, chosen for each
    fifth of the rows on the other four."""
    import pyarrow.parquet as parquet

    table = parquet.read_table(data / "dev" / "chineseharm_third.parquet").to_pylist()
    random.Random(1).shuffle(table)
    found = scores(classifier, [EvaluationRow(r["text"], "zh", "x", {}) for r in table])
    names = np.array(["gambling", "adult_sexual", "abuse", "fraud_phishing", "prohibited_goods"])
    abuse = np.max([found[c] for c in ("toxicity", "hate", "harassment")], axis=0)
    stack = np.stack([abuse if n == "abuse" else found[n] for n in names], axis=1)
    truth = np.array([SIX[r["orig_label"]] for r in table])
    strongest, height = names[stack.argmax(axis=1)], stack.max(axis=1)

    def told(rows: np.ndarray, cut: float) -> np.ndarray:
        return np.where(height[rows] >= cut, strongest[rows], "none")

    def each(truth: np.ndarray, guess: np.ndarray) -> dict[str, float]:
        return {n: round(f1(truth == n, guess == n), 3) for n in (*names.tolist(), "none")}

    def macro(truth: np.ndarray, guess: np.ndarray) -> float:
        return round(float(np.mean(list(each(truth, guess).values()))), 3)

    every, fifth = np.arange(len(table)), np.arange(len(table)) % 5
    chosen = np.empty(len(table), dtype=object)
    cuts = []
    for fold in range(5):
        others = every[fifth != fold]
        gains = [macro(truth[others], told(others, cut)) for cut in CUTS]
        cuts.append(CUTS[int(np.argmax(gains))])
        chosen[fifth == fold] = told(every[fifth == fold], cuts[-1])
    return {
        "rows": len(table),
        "macro_f1": macro(truth, told(every, 0.3)),
        **each(truth, told(every, 0.3)),
        "cut_chosen": {"cuts": cuts, "macro_f1": macro(truth, chosen), **each(truth, chosen)},
    }


def cold(classifier: TextClassifier, data: Path, rows: int) -> dict[str, float]:
    own = list(read_labelled(data / "test" / "cold.parquet"))
    random.Random(1).shuffle(own)
    own = own[:rows]
    found = scores(classifier, own)["toxicity"] >= REVIEW
    truth = np.array([row.labels["toxicity"] == 1 for row in own])
    return {"rows": len(own), "accuracy": round(float((found == truth).mean()), 3)}


def as_rows(texts: list[LabelledText]) -> list[EvaluationRow]:
    return [
        EvaluationRow(t.text, t.language, t.source,
                      {DATA_LABELS[k]: v for k, v in t.labels.items() if k in DATA_LABELS})
        for t in texts
    ]  # fmt: skip


def functional(classifier: TextClassifier, rows: int) -> dict[str, object]:
    recipe = read_recipe("sharpen")
    pairs = FunctionalPairs(
        recipe.held_out_functions, recipe.held_out_languages, held_out_only=True
    )
    rng = random.Random(5)
    drawn = [pairs.draw(rng) for _ in range(rows)]
    probability = scores(classifier, as_rows(drawn))["hate"]
    found = probability >= REVIEW
    truth = np.array([t.labels["hate"] == 1 for t in drawn])
    result: dict[str, object] = {"macro_f1": macro_f1(truth, found)}
    result["macro_f1_at_.3"] = macro_f1(truth, probability >= 0.3)
    strange = np.array([t.language in recipe.held_out_languages for t in drawn])
    result["macro_f1_languages"] = macro_f1(truth[strange], found[strange])
    kinds = np.array([f"{t.language} {t.aspect}" for t in drawn])
    for name in recipe.held_out_functions:
        own = np.array([t.aspect == name for t in drawn]) & ~strange
        result[f"right_{name}"] = round(float((found == truth)[own].mean()), 3)
    right = {k: round(float((found == truth)[kinds == k].mean()), 2) for k in set(kinds[strange])}
    result["least_right"] = dict(sorted(right.items(), key=lambda pair: pair[1])[:6])
    return result


def macro_f1(truth: np.ndarray, found: np.ndarray) -> float:
    return round((f1(truth, found) + f1(~truth, ~found)) / 2, 3)


def identity_terms(classifier: TextClassifier) -> dict[str, object]:
    """Flags on harmless sentences that name groups of people: in 15 languages with frames that
    nothing is trained on, and with training patterns in the languages held out of training."""
    rates = measure_identity(classifier, POLICY)
    low, high = rates.identity_interval
    rng = random.Random(6)
    kinds = ("n_neutral", "n_praise", "n_support", "n_mention")
    about = [
        functional_sentence(language, kind, rng)
        for language in read_recipe("sharpen").held_out_languages
        for kind in kinds
        for _ in range(40)
    ]
    found = scores(classifier, as_rows(about))
    flagged = np.max(np.stack(list(found.values())), axis=0) >= REVIEW
    return {
        "sentences": rates.sentences,
        "flagged_at_review": round(rates.flagged, 4),
        "attacked_groups": round(rates.flagged_identity, 4),
        "attacked_groups_95%": [round(low, 4), round(high, 4)],
        "other_groups": round(rates.flagged_other, 4),
        "attacked_against_average": None if rates.ratio is None else round(rates.ratio, 2),
        "worst": [[t.term, t.language, round(t.flagged, 2)] for t in rates.worst],
        "patterns_held_out_languages_at_.5": round(float(flagged.mean()), 3),
    }


def harmless_by_language(classifier: TextClassifier, data: Path, rows: int) -> dict[str, object]:
    """Flags at the policy's review thresholds on harmless rows of the 15 largest languages: those
    of dev/ with three known labels or more that are all 0, and the seed corpus's kept back."""
    own = [row for row in read_labelled(data / "dev")
           if len(row.labels) >= 3 and not any(row.labels.values())]  # fmt: skip
    own += as_rows([t for t in read_seed(kept_back=True) if not any(t.labels.values())])
    by_language: dict[str, list[EvaluationRow]] = {}
    for row in own:
        by_language.setdefault(row.language, []).append(row)
    largest = sorted(by_language, key=lambda language: -len(by_language[language]))[:15]
    drawn = []
    for language in largest:
        random.Random(3).shuffle(by_language[language])
        drawn += by_language[language][: max(60, rows // 5)]
    found = evaluate(
        score_rows(classifier, drawn), classifier.version, thresholds=POLICY, resamples=1
    )
    ratio = found.harmless_ratio()
    return {
        "most_against_least": None if ratio is None else [round(ratio[0], 2), *ratio[1:]],
        "by_language": {
            rate.slice: [rate.rows, round(rate.at_review or 0, 4)]
            for rate in found.harmless
            if rate.by == "language"
        },
    }


def flagged(found: dict[str, np.ndarray]) -> np.ndarray:
    """Whether a text reaches the policy's review threshold of any category."""
    return np.any(
        [p >= (POLICY[name].review if name in POLICY else REVIEW) for name, p in found.items()],
        axis=0,
    )


def harmless(classifier: TextClassifier, data: Path) -> dict[str, float]:
    rows = list(read_labelled(data / "test" / "xstest_safe.parquet"))
    safe = scores(classifier, rows)
    kept = [t for t in read_seed(kept_back=True) if t.source == "seed"]
    seed = scores(classifier, as_rows(kept))
    bad = np.array([any(t.labels.get(k) for k in DATA_LABELS) for t in kept])
    twin = np.array([t.twin for t in kept])
    result: dict[str, float] = {}
    for name, reaches in (
        ("review", flagged),
        (".5", lambda found: np.max(np.stack(list(found.values())), axis=0) >= REVIEW),
    ):
        of_seed = reaches(seed)
        for kind, where in (
            ("xstest_safe", reaches(safe)),
            ("seed_twins", of_seed[twin & ~bad]),
            ("seed_plain", of_seed[~twin & ~bad]),
            ("seed_violating_found", of_seed[bad]),
        ):
            result[f"{kind}_at_{name}"] = round(float(where.mean()), 3)
    return result


def disguised(classifier: TextClassifier) -> dict[str, float]:
    """At the policy's review thresholds."""
    content = YAML(typ="safe").load((SEED_FOLDER / "disguised.yaml").read_text(encoding="utf-8"))

    def caught(texts: list[str]) -> np.ndarray:
        return flagged(scores(classifier, [EvaluationRow(t, "und", "x", {}) for t in texts]))

    plain = caught([str(pair[0]) for pair in content["pairs"]])
    forms = [(i, str(form)) for i, pair in enumerate(content["pairs"]) for form in pair[1:]]
    found = caught([form for _, form in forms])
    after_plain = np.array([plain[i] for i, _ in forms])
    return {
        "plain_recall": round(float(plain.mean()), 3),
        "disguised_recall": round(float(found.mean()), 3),
        "kept_of_plain": round(float(found[after_plain].mean()), 3),
        "harmless_flagged": round(float(caught([str(t) for t in content["harmless"]]).mean()), 3),
        "harmless_flagged_as_written": round(as_written(classifier, content["harmless"]), 3),
    }


def as_written(classifier: TextClassifier, texts: list[object]) -> float:
    """Share of texts that the model flags without any reading."""
    own = [str(text) for text in texts]
    names = classifier.model.outputs
    scored = classifier.model.score(own, LanguageIdentifier().identify(own))
    best = np.stack([one.best for one in scored])
    found = {n: best[:, i] for i, n in enumerate(names) if n != ENCOURAGEMENT}
    return float(np.mean(flagged(found)))


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--model", type=Path)
    parser.add_argument("--rows", type=int, default=1000)
    parser.add_argument("--without-test", action="store_true")
    options = parser.parse_args()
    classifier = TextClassifier.from_settings(Settings(), options.model)
    result = {
        "model": classifier.version,
        "chineseharm_third": six_classes(classifier, options.data),
        "functional_held_out": functional(classifier, options.rows),
        "identity_terms": identity_terms(classifier),
        "harmless_by_language": harmless_by_language(classifier, options.data, options.rows),
        "disguised": disguised(classifier),
    }
    if not options.without_test:
        result["cold_test"] = cold(classifier, options.data, options.rows)
        result["harmless"] = harmless(classifier, options.data)
    print(json.dumps(result, indent=1, ensure_ascii=False))


if __name__ == "__main__":
    main()
