"""Sentences made from patterns of our own: functional pairs, harmless look-alikes, adverts.

Ordinary corpora do not teach that "nobody here thinks X are scum" and "X are scum" differ. The
files in ``seed/functions`` hold, per language, groups of people, things, insults, and patterns
for each *function*: derogation, exclusion, threat, question, quotation, counter-speech, praise,
the same words about things. What is labelled follows from the function, never from the words.
"""

from __future__ import annotations

import random
import re
import string
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from moderation.classifiers.text.model import ENCOURAGEMENT
from moderation.tuning.training_rows import LABELS, SEED_FOLDER, LabelledText

#: Function → labels that its sentences carry; those not named here are harmless.
FUNCTION_LABELS: dict[str, tuple[str, ...]] = {
    "h_derogation": ("hate", "toxicity"),
    "h_contempt": ("hate", "toxicity"),
    "h_exclusion": ("hate",),
    "h_threat": ("hate", "violence"),
    "h_reference": ("hate", "toxicity"),
    "h_question": ("hate",),
    "h_negated": ("hate",),
    "h_profane": ("hate", "toxicity"),
    "h_polite": ("hate",),
    "t_unprotected": ("toxicity",),
    "t_person": ("toxicity", "harassment"),
    "t_threat_person": ("violence", "harassment"),
    "s_encouragement": ("self_harm", "harassment"),
    "s_distress": ("self_harm",),
}
#: Outputs left unknown for a function, where people would disagree.
_OPEN: dict[str, tuple[str, ...]] = {
    "h_exclusion": ("toxicity", "violence"),
    "h_threat": ("toxicity",),
    "h_question": ("toxicity",),
    "h_negated": ("toxicity", "violence"),
    "h_polite": ("toxicity",),
    "h_contempt": ("toxicity",),
    "t_unprotected": ("harassment",),
    "t_threat_person": ("toxicity",),
    "s_encouragement": ("toxicity", "violence"),
    "n_object": ("toxicity",),
    "n_swearing": ("toxicity",),
}
_PEOPLE = re.compile(r"\{([gk])\}")
_SLOT = re.compile(r"\{([a-z_]+?)(\d*)\}")


@cache
def _yaml(path: Path) -> dict[str, Any]:
    loaded: dict[str, Any] = YAML(typ="safe").load(path.read_text(encoding="utf-8"))
    return loaded


def function_languages() -> tuple[str, ...]:
    """Languages that have functional patterns."""
    return tuple(sorted(file.stem for file in (SEED_FOLDER / "functions").glob("*.yaml")))


class FunctionalPairs:
    """Draws sentences with a known function.

    Args:
        held_out_functions: never drawn, to measure what carries over to a function not trained.
        held_out_languages: likewise.
        held_out_only: draws *only* what the two above name: the suite for measuring.
    """

    def __init__(
        self,
        held_out_functions: Iterable[str] = (),
        held_out_languages: Iterable[str] = (),
        *,
        held_out_only: bool = False,
    ) -> None:
        functions, languages = set(held_out_functions), set(held_out_languages)
        self._choices: dict[str, list[tuple[str, str]]] = {"h": [], "other": []}
        for language in function_languages():
            for function in _yaml(SEED_FOLDER / "functions" / f"{language}.yaml"):
                held_out = function in functions or language in languages
                if "_" in function and held_out is held_out_only:
                    kind = "h" if function.startswith("h_") else "other"
                    self._choices[kind].append((language, function))

    def draw(self, rng: random.Random) -> LabelledText:
        """One sentence; hateful and other functions are equally frequent."""
        kind = "h" if self._choices["h"] and rng.random() < 0.45 else "other"
        language, function = rng.choice(self._choices[kind] or self._choices["h"])
        return functional_sentence(language, function, rng)


def functional_sentence(language: str, function: str, rng: random.Random) -> LabelledText:
    """A sentence of this function, about a group drawn at random."""
    words = _yaml(SEED_FOLDER / "functions" / f"{language}.yaml")
    pattern = rng.choice(words[function])
    person = rng.randrange(len(words["g"]))
    text = _PEOPLE.sub(lambda m: str(words[m[1]][person]), pattern)
    for slot in "nop":
        text = text.replace("{" + slot + "}", str(rng.choice(words[slot])))
    text = text.replace("{a}", str(rng.choice(words["a"])))
    positive = FUNCTION_LABELS.get(function, ())
    unknown = _OPEN.get(function, ())
    labels = {label: float(label in positive) for label in LABELS if label not in unknown}
    if function.startswith("s_"):
        labels[ENCOURAGEMENT] = float(function == "s_encouragement")
    return LabelledText(_dressed(text, rng), language, "functions", labels, aspect=function)


class Harmless:
    """Draws harmless sentences with frightening words."""

    def __init__(self) -> None:
        content = _yaml(SEED_FOLDER / "harmless.yaml")
        self._slots = content["slots"]
        self._patterns = [
            (language, pattern)
            for language, patterns in content.items()
            if language != "slots"
            for pattern in patterns
        ]

    def draw(self, rng: random.Random) -> LabelledText:
        """One sentence; all thirteen labels are 0."""
        language, pattern = rng.choice(self._patterns)
        text = _fill(pattern, self._slots, rng)
        return LabelledText(
            _dressed(text, rng), language, "harmless", dict.fromkeys(LABELS, 0.0), twin=True
        )


class Adverts:
    """Draws short Chinese adverts, insults and the ordinary remarks that stand among them."""

    def __init__(self) -> None:
        content = _yaml(SEED_FOLDER / "zh_adverts.yaml")
        self._slots = content["slots"]
        self._groups = content["groups"]

    def draw(self, rng: random.Random) -> LabelledText:
        """One line. Whether a contact moves people off the platform is left unknown."""
        group = rng.choice(self._groups)
        text = _fill(rng.choice(group["patterns"]), self._slots, rng)
        unknown = {"spam", "luring", "hate"} if group["labels"] else set()
        labels = {n: float(n in group["labels"]) for n in LABELS if n not in unknown}
        if "harassment" in group["labels"]:
            labels.pop("harassment")
        return LabelledText(text, "zh", "adverts", labels)


def _fill(pattern: str, slots: dict[str, list[str]], rng: random.Random) -> str:
    def value(match: re.Match[str]) -> str:
        name, count = match[1], match[2]
        if name == "d" and count:
            return "".join(rng.choice(string.digits) for _ in range(int(count)))
        if name == "w":
            return "".join(rng.choice("aeioubdfghklmnprst") for _ in range(rng.randint(3, 6)))
        return _fill(str(rng.choice(slots[name])), slots, rng)

    return _SLOT.sub(value, pattern)


def _dressed(text: str, rng: random.Random) -> str:
    """The small differences of people's typing: capitals, marks, a word before."""
    if rng.random() < 0.4:
        text = text[:1].upper() + text[1:]
    if rng.random() < 0.05:
        text = text.upper()
    if text[-1:].isalnum() and rng.random() < 0.5:
        text += rng.choice([".", "!", "!!", "...", " 😡", " 🙂", " lol", "。"])
    return text
