"""How often harmless pictures are taken for nudity: false alarms of the nudity model.

    python benchmarks/image_nudity.py --photos FOLDER [--out TABLE.md]

What it finds on other pictures is not measured here: no unsafe picture is sought, kept or used.
Drawn flat colours of skin are the hardest harmless pictures known, and are told apart.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from PIL import Image

from moderation.classifiers.image.nsfw import NsfwClassifier

#: From very light to very dark.
SKIN = ("#ffe0bd", "#ffcd94", "#eac086", "#e0ac69", "#c68642", "#8d5524", "#5c3a21", "#3b2219")
LEVELS = (0.1, 0.2, 0.5, 0.8)


def photos(folder: Path) -> dict[str, np.ndarray]:
    kinds = {".png", ".jpg", ".jpeg", ".gif", ".webp"}
    files = sorted(path for path in folder.iterdir() if path.suffix.lower() in kinds)
    return {path.name: np.asarray(Image.open(path).convert("RGB")) for path in files}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--photos", type=Path, required=True, help="Harmless pictures only.")
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    model = NsfwClassifier()
    groups = {
        "photos and figures": photos(arguments.photos),
        "flat skin colours": {c: np.asarray(Image.new("RGB", (400, 400), c)) for c in SKIN},
    }
    head = " | ".join(f"above {level:g}" for level in LEVELS)
    lines = [f"| harmless pictures | number | median | {head} | highest |", "|---" * 8 + "|"]
    for name, pictures in groups.items():
        scores = model.score(list(pictures.values()))
        above = " | ".join(str(int((scores > level).sum())) for level in LEVELS)
        worst = list(pictures)[int(scores.argmax())]
        lines.append(
            f"| {name} | {len(scores)} | {np.median(scores):.4f} | {above} "
            f"| {scores.max():.2f} ({worst}) |"
        )
    text = "\n".join(lines) + "\n"
    print(text)
    if arguments.out:
        arguments.out.write_text(text, "utf-8")


if __name__ == "__main__":
    main()
