"""How fast the text pipeline is, against a network of XLM-R-base's shape in the same run.

Run on a quiet machine: python benchmarks/text_throughput.py --data FOLDER [--texts 1024]

FOLDER holds test/*.parquet. The peer has random weights, which cost what trained ones cost, and
runs as its users run it: torch in float32 through transformers, texts in the order they come, 32
at a time, cut at 512 tokens; `sorted` is the same with texts sorted by length. Ours is everything
from string to signals: readings of disguises, tokens, network, calibration. Ours and the peer
take turns on the same slices of the stream, so that a busy neighbour slows both. Quote ratios.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch
from transformers import XLMRobertaConfig, XLMRobertaModel

from moderation.classifiers.base import LocatedText, Prepared
from moderation.classifiers.text import TextClassifier
from moderation.classifiers.text.network import pad_batch
from moderation.classifiers.text.tokenizer import BOS, EOS, Tokenizer
from moderation.items import Item
from moderation.settings import Settings
from moderation.signals import TextSpan
from moderation.tuning.training_rows import LabelledText, read_seed, read_split

SLICE = 128
ITEM = Item.from_row({"id": "a", "text": "x"})


def prepared(text: str, language: str = "und") -> Prepared:
    return Prepared(item=ITEM, texts=(LocatedText(text, "text:0", language),))


def classifier(*, cascade: bool) -> TextClassifier:
    return TextClassifier.from_settings(Settings(text_cascade=cascade))


def rows_of(data: Path | None) -> list[LabelledText]:
    rows = list(read_split(data, "test") if data else read_seed(kept_back=True))
    distinct = list({row.text: row for row in rows if row.text.strip()}.values())
    return [distinct[i] for i in np.random.default_rng(1).permutation(len(distinct))]


def violating(row: LabelledText) -> bool:
    return any(value == 1 for value in row.labels.values())


def stream(rows: Sequence[LabelledText], size: int, benign: float) -> list[LabelledText]:
    """Rows of which a share is harmless, in random order."""
    good = [row for row in rows if not violating(row)][: round(size * benign)]
    bad = [row for row in rows if violating(row)][: size - len(good)]
    both = good + bad
    return [both[i] for i in np.random.default_rng(2).permutation(len(both))]


class Peer:
    """XLM-R-base with random weights."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        config = XLMRobertaConfig(vocab_size=250_002)
        self._model = XLMRobertaModel(config, add_pooling_layer=False).eval()
        self._tokenizer = tokenizer

    def score(self, texts: Sequence[str], *, by_length: bool) -> None:
        whole = self._tokenizer.ids_of_all([text[:20_000] for text in texts])
        ids = [[BOS, *own[:510], EOS] for own in whole]
        if by_length:
            ids.sort(key=len)
        with torch.inference_mode():
            for at in range(0, len(ids), 32):
                tokens, mask = pad_batch(ids[at : at + 32], 1)
                self._model(input_ids=tokens, attention_mask=mask.long())


def seconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def throughput(
    ours: TextClassifier, peer: Peer, rows: Sequence[LabelledText], *, sort_too: bool = False
) -> dict[str, float]:
    """Seconds of both on the same slices in turn; the peer only sees every fourth slice."""
    ours.classify([prepared("a line to warm up with")])
    totals = {"ours": 0.0, "ours_same": 0.0, "peer": 0.0, "peer_sorted": 0.0}
    peered = 0
    for at in range(0, len(rows), SLICE):
        own = rows[at : at + SLICE]
        batch = [prepared(row.text, row.language) for row in own]
        taken = seconds(lambda batch=batch: ours.classify(batch))
        totals["ours"] += taken
        if at // SLICE % 4 == 0:
            texts = [row.text for row in own]
            totals["ours_same"] += taken
            totals["peer"] += seconds(lambda t=texts: peer.score(t, by_length=False))
            if sort_too:
                totals["peer_sorted"] += seconds(lambda t=texts: peer.score(t, by_length=True))
            peered += len(own)
    found = {
        "texts_per_second": round(len(rows) / totals["ours"], 1),
        "xlmr_texts_per_second": round(peered / totals["peer"], 2),
        "times_xlmr": round(totals["peer"] / totals["ours_same"], 1),
    }
    if sort_too:
        found["times_xlmr_sorted"] = round(totals["peer_sorted"] / totals["ours_same"], 1)
    return found


def one_post(ours: TextClassifier, count: int) -> dict[str, float]:
    """Posts of 24 tokens one by one, each also through the bare network."""
    bare, whole = [], []
    words = "maybe we could meet there after work and bring the old books".split()
    rng = np.random.default_rng(3)
    while len(bare) < count:
        text = " ".join(words[i] for i in rng.integers(0, len(words), 22))
        (window,) = ours.model.windows(text)
        if len(window.ids) != 24:
            continue
        bare.append(seconds(lambda w=window: ours.model.logits([w])))
        whole.append(seconds(lambda t=text: ours.classify([prepared(t, "en")])))
    return {
        "pipeline_ms_p50": round(1000 * float(np.median(whole[3:])), 1),
        "network_ms_p50": round(1000 * float(np.median(bare[3:])), 1),
        "ratio": round(float(np.median(whole[3:]) / np.median(bare[3:])), 2),
    }


def evidence(ours: TextClassifier, rows: Sequence[LabelledText], count: int) -> dict[str, object]:
    """Time of `explain`, and what removing its span does against five random ones as long."""
    taken, drops, random_drops = [], [], []
    rng = np.random.default_rng(4)
    for row in (r for r in rows if violating(r)):
        entry = prepared(row.text, row.language)
        signals = ours.classify([entry])
        if not any(s.category and s.probability >= 0.5 for s in signals[0]):
            continue
        start = time.perf_counter()
        (found,) = ours.explain([entry], signals)
        taken.append(time.perf_counter() - start)
        signal = max((s for s in found if s.category), key=lambda s: s.probability)
        span = next((e for e in signal.evidence if isinstance(e, TextSpan)), None)
        size = span.end - span.start if span else 0
        if span and size <= 0.6 * len(row.text):
            starts = [span.start, *rng.integers(0, len(row.text) - size + 1, 5)]
            column = ours.model.outputs.index(signal.category or "")
            language = row.language.split("-")[0]
            texts = [row.text, *(row.text[:a] + row.text[a + size :] for a in starts)]
            scores = ours.model.score(texts, [language] * len(texts))
            values = [float(score.best[column]) for score in scores]
            drops.append(values[0] - values[1])
            random_drops.append(values[0] - float(np.mean(values[2:])))
        if len(taken) == count:
            break
    own, other = np.array(drops), np.array(random_drops)
    return {
        "texts": len(taken),
        "ms_p50": round(1000 * float(np.median(taken)), 1),
        "ms_p95": round(1000 * float(np.percentile(taken, 95)), 1),
        "with_a_part_as_evidence": len(drops),
        "probability_lost_without_it": round(float(own.mean()), 3),
        "probability_lost_without_random_spans": round(float(other.mean()), 3),
        "share_where_it_matters_more": round(float((own > other).mean()), 3),
    }


def cascade_loss(
    whole: TextClassifier, ours: TextClassifier, rows: Sequence[LabelledText]
) -> dict[str, object]:
    """Of the violations found at .5 without the first stage, those lost with it; by language."""

    def tops(model: TextClassifier) -> np.ndarray:
        found = []
        for at in range(0, len(rows), SLICE):
            batch = [prepared(row.text, row.language) for row in rows[at : at + SLICE]]
            found += [
                max((s.probability for s in signals if s.category), default=0.0)
                for signals in model.classify(batch)
            ]
        return np.array(found)

    bad = np.array([violating(row) for row in rows])
    before, after = tops(whole), tops(ours)
    found = bad & (before >= 0.5)
    lost = found & (after < 0.5)
    languages = np.array([row.language.split("-")[0] for row in rows])
    return {
        "found": int(found.sum()),
        "lost": int(lost.sum()),
        "by_language": {
            name: f"{int((lost & (languages == name)).sum())}/{count}"
            for name in sorted(set(languages[found]))
            if (count := int((found & (languages == name)).sum())) >= 20
        },
        "harmless_rows_flagged": [
            round(float((before[~bad] >= 0.5).mean()), 4),
            round(float((after[~bad] >= 0.5).mean()), 4),
        ],
    }


def memory() -> dict[str, int]:
    """Of a fresh process that has loaded the classifier and scored 64 texts, in MB."""
    out = subprocess.run(
        [sys.executable, str(Path(__file__).with_name("text_memory.py"))],
        capture_output=True,
        text=True,
        check=True,
    )
    found: dict[str, int] = json.loads(out.stdout.strip().splitlines()[-1])
    return found


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--texts", type=int, default=1024)
    parser.add_argument("--evidence", type=int, default=150)
    parser.add_argument("--loss", type=int, default=4000, help="rows for the cascade's recall loss")
    parser.add_argument("--data", type=Path)
    options = parser.parse_args()
    rows = rows_of(options.data)
    result: dict[str, object] = {"memory_mb": memory()}
    whole, staged = classifier(cascade=False), classifier(cascade=True)
    result["runs_on"] = dict(staged.runs_on)
    peer = Peer(whole.model._tokenizer)
    peer.score(["warm up"] * 32, by_length=False)
    mix = rows[: options.texts]
    result["test_mix_without_cascade"] = throughput(whole, peer, mix, sort_too=True)
    calm = stream(rows[options.texts :], options.texts, 0.9)
    result["benign_90_percent_with_cascade"] = throughput(staged, peer, calm)
    result["benign_90_percent_without_cascade"] = throughput(whole, peer, calm)
    del peer
    result["one_post_without_cascade"] = one_post(whole, 40)
    result["evidence"] = evidence(whole, rows, options.evidence)
    result["cascade_loss"] = cascade_loss(whole, staged, rows[-options.loss :])
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
