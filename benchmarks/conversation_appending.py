"""What appending a turn costs: in a long room against a short one, and against the text alone.

The text alone is scored twice: by the bare text model, and as a comment by all classifiers that
read a turn. Also how fast whole transcripts are screened, in tokens a second, against the bare text
model on the same turns. All by turns in one run.

    python benchmarks/conversation_appending.py [--long 10000] [--samples 60] [--transcripts 40]
        [--participants 97]
"""

from __future__ import annotations

import argparse
import gc
import tempfile
import time
from pathlib import Path
from statistics import median

from moderation.classifiers.conversation import ConversationClassifier, Participant
from moderation.classifiers.conversation.labelled import seed_conversations
from moderation.classifiers.text.model import MODELS_FOLDER, TextModel
from moderation.items import Item, TextSegment, Turn
from moderation.records import open_database
from moderation.screening import Screener
from moderation.service.live_rooms import LiveRooms
from moderation.settings import Settings

_WORDS = (
    "the clay is too wet today",
    "那个杯子的把手怎么接",
    "add more slip at the joint",
    "好看,求链接",
    "how long do you fire it",
    "slow down please",
    "この釉薬は何ですか",
    "정말 예쁘네요",
)


def turns(first: int, count: int, speakers: int = 97) -> list[Turn]:
    """Small talk, every turn different; with six digits or fewer, since more look like a phone
    number and are looked up as one."""
    return [
        Turn(
            id=str(i),
            speaker=f"s{i % speakers}",
            text=f"{_WORDS[i % len(_WORDS)]} {i}",
            seconds=float(i),
            language="en",
        )
        for i in range(first, first + count)
    ]


def people_of(said: list[Turn], introduced: set[str]) -> list[Participant]:
    """What a platform tells of each speaker with their first turn."""
    new = {turn.speaker for turn in said} - introduced
    introduced |= new
    return [Participant(id=name, account_age_days=int(name[1:]) % 900) for name in sorted(new)]


def transcripts_against_text(screener: Screener, settings: Settings, count: int) -> None:
    """Tokens a second of whole conversations, and of a text model of its own on their turns."""
    bare = TextModel(
        MODELS_FOLDER / "base",
        settings.model_cache,
        settings.threads,
        runtime=settings.text_runtime,
        cascade=False,
    )
    taken = {"transcripts": 0.0, "bare text model": 0.0}
    tokens = 0
    first, *rest = seed_conversations()[: count + 1]
    screener.screen([Item(id=first.id, surface="live_chat", turns=first.transcript.turns)])
    for number, labelled in enumerate(rest):
        item = Item(id=labelled.id, surface="live_chat", turns=labelled.transcript.turns)
        texts = [turn.text for turn in item.turns]
        tokens += sum(len(window.ids) for text in texts for window in bare.windows(text))

        def whole(item: Item = item) -> None:
            screener.screen([item])

        def alone(texts: list[str] = texts) -> None:
            bare.score(texts, ["und"] * len(texts))

        works = {"transcripts": whole, "bare text model": alone}
        for name in sorted(works, reverse=number % 2 == 0):
            start = time.perf_counter()
            works[name]()
            taken[name] += time.perf_counter() - start
    for name, seconds in taken.items():
        print(f"{name:16s} {tokens / seconds:.0f} tokens/s")
    print(f"transcripts / bare text model: {taken['transcripts'] / taken['bare text model']:.2f}")


def main() -> None:
    """Prints medians and ratios."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--long", type=int, default=10_000)
    parser.add_argument("--samples", type=int, default=60)
    parser.add_argument("--transcripts", type=int, default=40)
    parser.add_argument("--participants", type=int, default=97, help="of the long room")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(data_dir=Path(folder), classifiers=("conversation", "text", "contacts"))
        screener = Screener.from_settings(settings)
        classifier = ConversationClassifier.from_settings(settings)
        transcripts_against_text(screener, settings, options.transcripts)
        with open_database(f"sqlite:///{folder}/rooms.sqlite") as database:
            rooms = LiveRooms(database, screener, classifier)
            introduced: dict[str, set[str]] = {"long": set(), "short": set()}
            began = time.perf_counter()
            for at in range(0, options.long, 500):
                said = turns(at, min(500, options.long - at), options.participants)
                rooms.append("long", said, people_of(said, introduced["long"]))
            rate = options.long / (time.perf_counter() - began)
            print(f"filled a room with {options.long} turns at {rate:.0f} turns/s, 500 a call")
            first = turns(100_000, 10)
            rooms.append("short", first, people_of(first, introduced["short"]))
            gc.collect()
            gc.freeze()  # as the service does when it has started
            names = ("text model", "as a comment", "short", "long")
            taken: dict[str, list[float]] = {name: [] for name in names}
            for sample in range(options.samples):
                base = 200_000 + 10 * sample
                for number, name in enumerate(("short", "long")):
                    speakers = options.participants if name == "long" else 97
                    [turn] = turns(base + number, 1, speakers)
                    people = people_of([turn], introduced[name])
                    start = time.perf_counter()
                    rooms.append(name, [turn], people)
                    taken[name].append(time.perf_counter() - start)
                [turn] = turns(base + 5, 1)
                start = time.perf_counter()
                classifier.reader.score([turn.text], ["en"])
                taken["text model"].append(time.perf_counter() - start)
                # Scored with the classifiers that read a turn too, no policy and no database.
                [turn] = turns(base + 7, 1)
                comment = Item(id=turn.id, texts=[TextSegment(text=turn.text)])
                start = time.perf_counter()
                screener.ensemble.look([comment])
                taken["as a comment"].append(time.perf_counter() - start)
            middle = {name: median(values) for name, values in taken.items()}
            for name, value in middle.items():
                print(f"{name:12s} median {1000 * value:.1f} ms")
            print(f"long / short: {middle['long'] / middle['short']:.2f}")
            for name in ("text model", "as a comment"):
                print(f"short / text alone, {name}: {middle['short'] / middle[name]:.2f}")


if __name__ == "__main__":
    main()
