"""Memory of a process that holds the text model and has scored a few texts.

Run: python benchmarks/text_memory.py

`resident` is all of it; `anonymous` is what no other process shares (the rest are files that are
mapped from disk: word embeddings and libraries, which the system may drop at any time).
"""

from __future__ import annotations

import json
from pathlib import Path

from moderation.classifiers.base import LocatedText, Prepared
from moderation.classifiers.text import TextClassifier
from moderation.items import Item
from moderation.settings import Settings


def status(name: str) -> int:
    lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    return next(int(line.split()[1]) // 1024 for line in lines if line.startswith(f"{name}:"))


def report() -> None:
    classifier = TextClassifier.from_settings(Settings())
    item = Item.from_row({"id": "a", "text": "x"})
    texts = [f"line {i}: we met at the river and talked about the boats. " * 3 for i in range(64)]
    classifier.classify(
        [Prepared(item=item, texts=(LocatedText(text, "text:0", "en"),)) for text in texts]
    )
    print(
        json.dumps(
            {
                "resident": status("VmRSS"),
                "peak": status("VmHWM"),
                "anonymous": status("RssAnon"),
            }
        )
    )


if __name__ == "__main__":
    report()
