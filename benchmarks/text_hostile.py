"""How much slower the worst text is than an ordinary one, through the whole text path.

Run: python benchmarks/text_hostile.py [--characters 100000] [--rounds 300] [--model]

A search over repeated units, sizes and mixtures looks for the text that takes longest, in
language identification, rules of contacts and links, phrases, readings, the gloss, and with
`--model` the text model as well. The floor is the median of ordinary texts of the seed corpus in
the same run; a second floor is ordinary text repeated to the same length.
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime

from moderation.classifiers.base import LocatedText, Prepared
from moderation.classifiers.matching.known_phrases import find_phrases
from moderation.classifiers.matching.phrase_matcher import PhraseMatcher
from moderation.classifiers.matching.phrases import NewPhrase, Phrase
from moderation.classifiers.text import ContactTokens, LanguageIdentifier, TextClassifier
from moderation.classifiers.text.normalise import readings
from moderation.errors import ModerationError
from moderation.items import Item
from moderation.normal_form import nfkc
from moderation.settings import Settings
from moderation.translation import ChineseGloss
from moderation.tuning.training_rows import read_seed

UNITS = [
    "a", "1", "1 ", "1-", "a.", ".", "@", "a@", "@.", "a@a.", "http://", "www.", "-", "a.com ",
    "+1 ", "(", "(555) 123-4567 ", "wx", "vx:", "微", "微_", "v❤", "😀", "\u0301", "\u0301\u0323",
    "\ud800", "\0", "\u202e", "\u0378", "\u200d", "аa", "a1", "@1", " ", "\u3000", "\ufdfa", "亻尔",
    "威信", "vx ", "110101199001011237", "a ", "\u0e4d", "א", "_", "#a", "\u1100\u1161", "这麼",
    "4111 ", "his address ", "add me ", "12 a street ", "路1号", "로 1", "wei信", "xn--a.", "%",
    "\n", "1.1.1.", "е́", "A", "ⓥ", "🅰", "１", "日本", "cheap ", "ー",
]  # fmt: skip


def stages(with_model: bool) -> dict[str, Callable[[str], object]]:
    languages, contacts, gloss = LanguageIdentifier(), ContactTokens(), ChineseGloss()
    now = datetime.now(UTC)
    forms = [f"cheap item {n}" for n in range(5000)] + ["aa", "aaaa", "微信", "日本", "1-1-"]
    phrases = PhraseMatcher(
        [
            Phrase(n, NewPhrase(form, "spam", "benchmark", anywhere=n % 2 == 0), "", now)
            for n, form in enumerate(forms)
        ]
    )

    def prepared(text: str) -> list[Prepared]:
        item = Item.from_row({"id": "1", "text": "x"})
        return [Prepared(item=item, texts=(LocatedText(text, "text:0", "zh"),))]

    found: dict[str, Callable[[str], object]] = {
        "item": lambda text: Item.from_row({"id": "1", "text": text or "x"}),
        "normal form": nfkc,
        "language": languages.guess,
        "language runs": languages.runs,
        "contacts": lambda text: contacts.classify(prepared(text)),
        "readings": lambda text: readings(text, "zh"),
        "phrases": lambda text: find_phrases(phrases, text, "und"),
        "gloss": gloss.gloss,
    }
    if with_model:
        model = TextClassifier.from_settings(Settings())
        found["model"] = lambda text: model.classify(prepared(text))
    return found


def seconds(run: Callable[[str], object], text: str) -> float:
    start = time.perf_counter()
    with suppress(ModerationError):  # a refusal with its reason is an answer
        run(text)
    return time.perf_counter() - start


def measure(runs: dict[str, Callable[[str], object]], text: str) -> dict[str, float]:
    return {name: seconds(run, text) for name, run in runs.items()}


def draw(rng: random.Random, best: list[list[str]], characters: int) -> tuple[list[str], str]:
    """Units and the text made of them; half of the time a change of one of the worst so far."""
    if best and rng.random() < 0.5:
        units = list(rng.choice(best))
        units[rng.randrange(len(units))] = rng.choice(UNITS)
        if rng.random() < 0.3:
            units.append(rng.choice(UNITS))
    else:
        units = [rng.choice(UNITS) for _ in range(rng.choice((1, 1, 2, 3)))]
    # Readings are only made of short texts, so the worst may be short.
    size = rng.choice((characters, characters, 2000, 4000, 40_000))
    unit = "".join(units[:6])
    return units[:6], (unit * (size // len(unit) + 1))[:size]


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--characters", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=300)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--model", action="store_true")
    options = parser.parse_args()
    rng = random.Random(options.seed)
    runs = stages(options.model)
    ordinary = [row.text for row in read_seed(kept_back=True)]
    rng.shuffle(ordinary)
    for text in ordinary[:5]:
        measure(runs, text)  # loads what is loaded when first needed
    usual = [measure(runs, text) for text in ordinary[:100]]
    median = {name: statistics.median(row[name] for row in usual) for name in runs}
    whole = statistics.median(sum(row.values()) for row in usual)
    joined = " ".join(ordinary)
    long = measure(runs, (joined * (options.characters // len(joined) + 1))[: options.characters])

    worst: list[tuple[float, list[str], int, dict[str, float]]] = []
    for number in range(options.rounds):
        if number < len(UNITS):
            units = [UNITS[number]]
            text = (units[0] * options.characters)[: options.characters]
        else:
            units, text = draw(rng, [entry[1] for entry in worst[:8]], options.characters)
        found = measure(runs, text)
        worst.append((sum(found.values()), units, len(text), found))
        worst = sorted(worst, key=lambda entry: -entry[0])[:40]
    total, units, length, found = worst[0]
    print(json.dumps({
        "ordinary_ms": round(1000 * whole, 2),
        "ordinary_text_of_this_length_ms": round(1000 * sum(long.values()), 1),
        "worst_ms": round(1000 * total, 1),
        "worst_units": units,
        "worst_characters": length,
        "worst_against_ordinary": round(total / whole, 1),
        "worst_against_ordinary_of_this_length": round(total / sum(long.values()), 2),
        "stages": {
            name: {
                "ordinary_ms": round(1000 * median[name], 3),
                "long_ms": round(1000 * long[name], 2),
                "in_worst_ms": round(1000 * found[name], 2),
                "own_worst_ms": round(1000 * max(e[3][name] for e in worst), 2),
            }
            for name in runs
        },
        "next": [[round(1000 * e[0], 1), e[1], e[2]] for e in worst[1:6]],
    }, indent=1, ensure_ascii=True))  # fmt: skip


if __name__ == "__main__":
    main()
