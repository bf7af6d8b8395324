"""How fast the text model is, against a network of XLM-R-base's shape in the same run.

Run on a quiet machine: python benchmarks/text_throughput.py [--texts 256] [--data FILE]

The peer has random weights, which cost what trained ones cost. Both score the same texts in fp32
with all cores; quote the ratio, not the numbers, since machines and neighbours differ.
"""

from __future__ import annotations

import argparse
import json
import resource
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from transformers import XLMRobertaConfig, XLMRobertaModel

from moderation.classifiers.base import LocatedText, Prepared
from moderation.classifiers.text import TextClassifier
from moderation.classifiers.text.network import pad_batch
from moderation.items import Item
from moderation.settings import Settings
from moderation.tuning.labelled import read_labelled
from moderation.tuning.training_rows import SEED_FOLDER


def texts_of(path: Path | None, count: int) -> list[str]:
    rows = read_labelled(path or SEED_FOLDER / "corpus")
    found = [row.text for row in rows]
    return [found[i] for i in np.random.default_rng(1).permutation(len(found))[:count]]


def seconds(work: Callable[[], object], repeats: int) -> float:
    work()
    taken = []
    for _ in range(repeats):
        start = time.perf_counter()
        work()
        taken.append(time.perf_counter() - start)
    return float(np.median(taken))


def prepared(text: str) -> Prepared:
    item = Item.from_row({"id": "a", "text": "x"})
    return Prepared(item=item, texts=(LocatedText(text, "text:0", "en"),))


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--texts", type=int, default=256)
    parser.add_argument("--data", type=Path)
    options = parser.parse_args()
    classifier = TextClassifier.from_settings(Settings())
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    texts = texts_of(options.data, options.texts)
    model = classifier.model
    windows = [window for text in texts for window in model.windows(text)]

    start = time.perf_counter()
    classifier.classify([prepared(text) for text in texts])
    whole = time.perf_counter() - start
    ours = seconds(lambda: model.logits(windows), 3)

    peer = XLMRobertaModel(XLMRobertaConfig(vocab_size=250_002), add_pooling_layer=False).eval()

    def ask_peer() -> None:
        with torch.inference_mode():
            for at in range(0, len(windows), 32):
                ids, mask = pad_batch([w.ids for w in windows[at : at + 32]], 1)
                peer(input_ids=ids, attention_mask=mask.long())

    theirs = seconds(ask_peer, 1)
    (short,) = model.windows(
        "a line of about two dozen tokens, as people write under a video clip, ok"
    )
    bare = seconds(lambda: model.logits([short]), 20)
    lines = iter(
        f"line {i} of about two dozen tokens, as people write under a video" for i in range(99)
    )
    pipeline = seconds(lambda: classifier.classify([prepared(next(lines))]), 20)
    print(
        json.dumps(
            {
                "texts_per_second_network": round(len(texts) / ours, 1),
                "texts_per_second_with_evidence_and_readings": round(len(texts) / whole, 1),
                "texts_per_second_xlmr_base": round(len(texts) / theirs, 1),
                "times_faster_than_xlmr_base": round(theirs / ours, 1),
                "one_text_ms": round(1000 * pipeline, 1),
                "one_text_over_bare_network": round(pipeline / bare, 2),
                "memory_mb": round(memory),
            },
            indent=1,
        )
    )


if __name__ == "__main__":
    main()
