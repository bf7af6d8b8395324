"""How early is a scam recognised, at which false-alarm rate? Against the worst single turn.

Seed conversations are predicted by models that never saw their *idea* (or their *language group*);
TeleAntiFraud transcripts, where the folder is given, by a model trained on its training part.
An alarm is the first turn at which the rolling probability reaches the threshold; the threshold is
the one at which so many of the harmless conversations would raise an alarm at any of their turns.

    python benchmarks/conversation_evaluation.py [--data FOLDER] [--split dev] [--transcripts N]
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np

from moderation.classifiers.conversation.classifier import ConversationClassifier
from moderation.classifiers.conversation.labelled import (
    Labelled,
    fold_of,
    seed_conversations,
    two_party_transcripts,
)
from moderation.classifiers.conversation.marks import IN_CONTEXT, MARK_NAMES, MarkWeights
from moderation.classifiers.conversation.minor_risk import RestrictedLexicon
from moderation.classifiers.conversation.model import FOLDER, ConversationModel
from moderation.classifiers.conversation.progress import Progress
from moderation.classifiers.conversation.state import ConversationState, ReadTurn
from moderation.classifiers.conversation.training import (
    Example,
    by_idea,
    fit_marks,
    fit_parts,
    held_out_curves,
    leanings_of,
    read_all,
)
from moderation.classifiers.text.calibration import Floats
from moderation.classifiers.text.reading import reading_model
from moderation.settings import Settings

FALSE_ALARMS = (0.02, 0.05, 0.10)
GROUPS = ("zh", "zh-en", "en", "es pt fr it", "de nl pl ru tr", "ja ko")


def by_language(labelled: Labelled) -> int:
    """Seven groups; the last has every other language."""
    for number, names in enumerate(GROUPS):
        if labelled.language in names.split():
            return number
    return len(GROUPS)


def area(positive: Sequence[float], negative: Sequence[float]) -> float:
    """Area under the ROC curve, ties counted half."""
    p, n = np.asarray(positive), np.asarray(negative)
    return float(((p[:, None] > n) + 0.5 * (p[:, None] == n)).mean())


def row(name: str, examples: Sequence[Example], curves: Mapping[str, Floats]) -> str:
    """One line of the table: AUC, then per false-alarm rate recall / before money / lead."""
    scams = [e.labelled for e in examples if e.labelled.is_scam]
    harmless = [e.labelled for e in examples if not e.labelled.labels]
    now = area([curves[c.id][-1] for c in scams], [curves[c.id][-1] for c in harmless])
    peaks = sorted((float(curves[c.id].max()) for c in harmless), reverse=True)
    cells = [f"{name:44s} | {len(scams):4d} | {len(harmless):4d} | {now:.3f}"]
    for rate in FALSE_ALARMS:
        threshold = peaks[int(rate * len(peaks))] + 1e-9
        first = {c.id: _first(curves[c.id], threshold) for c in scams}
        recall = np.mean([first[c.id] is not None for c in scams])
        paid = [c for c in scams if c.money is not None]
        if paid:
            leads = [
                c.money - at if (at := first[c.id]) is not None else -99 for c in paid if c.money
            ]
            before = np.mean([lead > 0 for lead in leads])
            in_time = [lead for lead in leads if lead > -99]
            lead = f"{np.median(in_time):+.0f}" if in_time else "–"
            cells.append(f"{recall:.2f} {before:.2f} {lead}")
        else:
            at = [(first[c.id] or 0) + 1 for c in scams if first[c.id] is not None]
            cells.append(f"{recall:.2f} at turn {np.median(at):.0f}" if at else f"{recall:.2f}")
    return " | ".join(cells)


def _first(curve: Floats, threshold: float) -> int | None:
    reached = np.flatnonzero(curve >= threshold)
    return int(reached[0]) if len(reached) else None


def by_stage(examples: Sequence[Example], curves: Mapping[str, Floats], rate: float) -> list[str]:
    """At which stage the first alarm comes, at one false-alarm rate."""
    harmless = [e.labelled for e in examples if not e.labelled.labels]
    peaks = sorted((float(curves[c.id].max()) for c in harmless), reverse=True)
    threshold = peaks[int(rate * len(peaks))] + 1e-9
    counts: dict[str, int] = {}
    scams = [e.labelled for e in examples if e.labelled.is_scam]
    for c in scams:
        at = _first(curves[c.id], threshold)
        stage = "never"
        if at is not None:
            stage = next((n for n, a, b in c.stages if a <= at <= b), "between stages")
        counts[stage] = counts.get(stage, 0) + 1
    return [f"{n} {k}" for n, k in sorted(counts.items(), key=lambda kv: -kv[1])]


def single_turns(examples: Sequence[Example], outputs: Sequence[str]) -> dict[str, Floats]:
    """The baseline: the highest fraud score of any turn so far."""
    column = list(outputs).index("fraud_phishing")
    return {
        e.labelled.id: np.maximum.accumulate([float(r.probabilities[column]) for r in e.readings])
        for e in examples
    }


def heads_table(
    examples: Sequence[Example], curves: Mapping[str, Mapping[str, Floats]], outputs: Sequence[str]
) -> list[str]:
    """Luring and self-harm, held out by idea, against the worst turn."""
    lines = []
    for head, label, category in (
        ("luring", "luring", "offplatform_luring"),
        ("self_harm", "self_harm", "self_harm"),
    ):
        column = list(outputs).index(category)
        worst = {
            e.labelled.id: max(float(r.probabilities[column]) for r in e.readings) for e in examples
        }
        yes = [e.labelled.id for e in examples if label in e.labelled.labels]
        no = [e.labelled.id for e in examples if not e.labelled.labels]
        ours = area([curves[head][i][-1] for i in yes], [curves[head][i][-1] for i in no])
        base = area([worst[i] for i in yes], [worst[i] for i in no])
        lines.append(
            f"{head:12s} {len(yes):3d} conversations: AUC {ours:.3f}, worst turn {base:.3f}"
        )
    return lines


def crowd_table(
    examples: Sequence[Example], classifier: ConversationClassifier, threshold: float = 0.5
) -> list[str]:
    """Hand-set detectors, with marks that were fitted without the conversation's language."""
    kinds = {
        "conversation.raid": "raid",
        "conversation.pile_on": "pile_on",
        "conversation.minor_risk": "channel_moving_minor_risk",
        "conversation.escalation": "violence",
        "conversation.encouragement": "self_harm",
    }
    found: dict[str, dict[str, float]] = {name: {} for name in kinds}
    right = told = 0
    outputs = classifier.reader.outputs
    for fold in range(len(GROUPS) + 1):
        parts = fit_parts([e for e in examples if by_language(e.labelled) != fold], outputs)
        for e in [e for e in examples if by_language(e.labelled) == fold]:
            reads = []
            for turn, reading in zip(e.labelled.transcript.turns, e.readings, strict=True):
                own, lent = parts.marks.of_turn(reading)
                scores = dict(zip(outputs, map(float, reading.probabilities), strict=True))
                reads.append(ReadTurn(turn, scores, own, lent))
            state = ConversationState()
            people = e.labelled.transcript.participants
            for i, read in enumerate(reads):
                heard = state.add(read, people, RestrictedLexicon(), parts.lines)
                if i < len(e.labelled.targets) and e.labelled.targets[i] is not None:
                    told += 1
                    right += heard.target == e.labelled.targets[i]
            for finding in state.findings(
                classifier.model, has_minor=e.labelled.transcript.has_minor
            ):
                if finding.name in found:
                    found[finding.name][e.labelled.id] = finding.probability
    lines = []
    for name, label in kinds.items():
        yes = [e.labelled for e in examples if label in e.labelled.labels]
        no = [e.labelled for e in examples if not e.labelled.labels]
        scores = found[name]
        hits = sum(scores.get(c.id, 0.0) >= threshold for c in yes)
        alarms = [c.id for c in no if scores.get(c.id, 0.0) >= threshold]
        auc = area([scores.get(c.id, 0.0) for c in yes], [scores.get(c.id, 0.0) for c in no])
        lines.append(
            f"{name.split('.')[1]:14s} found {hits} of {len(yes)} ({label}), "
            f"false alarms {len(alarms)} of {len(no)} harmless, AUC {auc:.3f}"
        )
    lines.append(f"target of a turn: {right} of {told} as noted by the authors")
    return lines


def marks_table(examples: Sequence[Example]) -> list[str]:
    """Held out by idea: how well each mark tells its turns."""
    truth, guess = [], []
    for fold in range(5):
        marks = fit_marks([e for e in examples if by_idea(e.labelled) != fold])
        for e in [e for e in examples if by_idea(e.labelled) == fold]:
            guess.append(_strengths(e, marks))
            truth.append(e.labelled.marks())
    y, s = np.vstack(truth), np.vstack(guess)
    return [
        f"{name} {area(s[y[:, i] == 1, i], s[y[:, i] == 0, i]):.2f} ({int(y[:, i].sum())} turns)"
        for i, name in enumerate(MARK_NAMES)
    ]


def _strengths(example: Example, marks: MarkWeights) -> Floats:
    progress = Progress()
    rows = []
    for turn, reading in zip(example.labelled.transcript.turns, example.readings, strict=True):
        own, lent = marks.of_turn(reading)
        rows.append(progress.add(own, lent, {}, turn.seconds, {}).marks)
    return np.asarray(rows)


def context_table(examples: Sequence[Example], outputs: Sequence[str]) -> list[str]:
    """Turns where they stand against turns alone, idea held out: AUC over all turns, AUC among the
    turns of conversations with that label, and turns found where 2 % of the turns of harmless
    conversations would be called; then the worst turn as the conversation's score."""
    lines = []
    alone: dict[str, dict[str, Floats]] = {name: {} for name in IN_CONTEXT}
    placed: dict[str, dict[str, Floats]] = {name: {} for name in IN_CONTEXT}
    for fold in range(5):
        parts = fit_parts([e for e in examples if by_idea(e.labelled) != fold], outputs)
        for e in [e for e in examples if by_idea(e.labelled) == fold]:
            leanings = leanings_of(e, parts.marks)
            for column, name in enumerate(IN_CONTEXT):
                own = [float(r.probabilities[list(outputs).index(name)]) for r in e.readings]
                line = parts.lines[name]
                alone[name][e.labelled.id] = np.asarray(own)
                placed[name][e.labelled.id] = np.asarray(
                    [
                        line.probability(p, float(x))
                        for p, x in zip(own, leanings[:, column], strict=True)
                    ]
                )
    for name, label in IN_CONTEXT.items():
        cells = [_context_cells(examples, label, scores) for scores in (alone[name], placed[name])]
        lines.append(f"{name:20s} alone {cells[0]} | where it stands {cells[1]}")
    return lines


def _context_cells(examples: Sequence[Example], label: str, scores: Mapping[str, Floats]) -> str:
    said = {
        e.labelled.id: np.asarray([label in t for t in e.labelled.turn_labels]) for e in examples
    }
    labels = {e.labelled.id: e.labelled.labels for e in examples}
    every = np.concatenate(list(scores.values()))
    truth = np.concatenate([said[i] for i in scores])
    inside = np.concatenate([np.full(len(s), label in labels[i]) for i, s in scores.items()])
    clean = np.concatenate([np.full(len(s), not labels[i]) for i, s in scores.items()])
    threshold = np.quantile(every[clean & ~truth], 0.98)
    yes = [float(s.max()) for i, s in scores.items() if label in labels[i]]
    no = [float(s.max()) for i, s in scores.items() if not labels[i]]
    return (
        f"{area(every[truth], every[~truth]):.3f} "
        f"{area(every[inside & truth], every[inside & ~truth]):.3f} "
        f"{np.mean(every[truth] > threshold):.2f}; conversation {area(yes, no):.3f}"
    )


def transcripts(data: Path, split: str, most: int, weight: float) -> list[Labelled]:
    """TeleAntiFraud transcripts of a split, the same ones every time."""
    import pyarrow.parquet as pq

    table = pq.read_table(data / split / "teleantifraud.parquet", columns=["id", "text", "fraud"])
    rows = [(str(r["id"]), r["text"], r["fraud"] == 1) for r in table.to_pylist()]
    rows.sort(key=lambda entry: fold_of(entry[0], 1_000_003))
    return two_party_transcripts(rows[:most], "zh", weight)


def report(
    seed: Sequence[Example],
    train: Sequence[Example],
    held: Sequence[Example],
    split: str,
    outputs: Sequence[str],
    classifier: ConversationClassifier,
) -> list[str]:
    """All tables."""
    heading = (
        "rows | scams | harmless | AUC | at 2, 5, 10 % false alarms: recall, alarm before money, "
        "median lead in turns of those"
    )
    lines = [heading]
    waves = {
        "first 223": [e for e in seed if not e.labelled.id.startswith(("own", "conv-v"))],
        "second 70": [e for e in seed if e.labelled.id.startswith("own")],
        "third 80": [e for e in seed if e.labelled.id.startswith("conv-v")],
        f"all {len(seed)}": list(seed),
    }
    base = single_turns([*seed, *held], outputs)
    groupings: dict[str, Callable[[Labelled], int]] = {
        "idea held out": by_idea,
        "language held out": by_language,
    }
    all_curves = {name: held_out_curves(seed, outputs, g, train) for name, g in groupings.items()}
    for title, part in waves.items():
        lines.append(row(f"{title}: worst turn so far (baseline)", part, base))
        for name, curves in all_curves.items():
            lines.append(row(f"{title}: over turns, {name}", part, curves["scam"]))
    if held:
        for name, extra in (("without its training part", []), ("with its training part", train)):
            parts = fit_parts([*seed, *extra], outputs)
            curves = {e.labelled.id: parts.curve(e, outputs)["scam"] for e in held}
            lines.append(row(f"TeleAntiFraud {split}: over turns, {name}", held, curves))
        lines.append(row(f"TeleAntiFraud {split}: worst turn so far", held, base))
    lines += ["", "first alarm at 5 % false alarms, by stage, all"]
    lines.append("  worst turn: " + ", ".join(by_stage(seed, base, 0.05)))
    scam = all_curves["idea held out"]["scam"]
    lines.append("  over turns: " + ", ".join(by_stage(seed, scam, 0.05)))
    lines += ["", *heads_table(seed, all_curves["idea held out"], outputs)]
    lines += ["", *crowd_table(seed, classifier)]
    lines += ["", *context_table(seed, outputs)]
    lines += ["", "marks, AUC by turn, idea held out: " + ", ".join(marks_table(seed))]
    return lines


def main() -> None:
    """Prints the tables of docs/conversations.md."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path)
    parser.add_argument("--split", default="dev")
    parser.add_argument("--transcripts", type=int, default=250)
    options = parser.parse_args()
    reader = reading_model(Settings())
    seed = read_all(reader, seed_conversations(), print)
    train: list[Example] = []
    held: list[Example] = []
    if options.data is not None:
        train = read_all(reader, transcripts(options.data, "train", 200, 0.3))
        held = read_all(reader, transcripts(options.data, options.split, options.transcripts, 1.0))
    classifier = ConversationClassifier(reader, ConversationModel(FOLDER, reader.weights_sha256))
    print("\n".join(report(seed, train, held, options.split, reader.outputs, classifier)))


if __name__ == "__main__":
    main()
