"""How well drawn text is read: character error rate by language and style.

    python benchmarks/image_text.py --font NotoSansCJK-Bold.ttc [--other-fonts FOLDER]
        [--tesseract] [--out TABLE.md]

Sentences are drawn on a busy ground. The error rate is the edit distance between what was drawn and
the block of text that comes nearest, over its length; case, spaces and punctuation width ignored.
"""

from __future__ import annotations

import argparse
import io
import statistics
import unicodedata
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFilter, ImageFont

from moderation.classifiers.base import DecodedImage
from moderation.classifiers.image.drawn_text import DrawnTextReader
from moderation.settings import Settings

#: Language → lines. The number is the face of the font collection for that language.
TEXTS: dict[str, tuple[int, list[str]]] = {
    "zh": (2, ["今天去了新开的咖啡店", "味道真的很不错，下次", "还要再来一次"]),
    "zh-Hant": (3, ["今天去了新開的咖啡店", "味道真的很不錯，下次", "還要再來一次"]),
    "ja": (0, ["今日は新しいカフェに", "行ってきました。また", "すぐに行きたいです"]),
    "en": (0, ["We went to the new cafe", "today and it was really", "good, see you soon"]),
    "de": (0, ["Wir waren heute im neuen", "Café und es war wirklich", "schön, bis bald"]),
    "fr": (0, ["Nous sommes allés au", "nouveau café, c'était", "très bon, à bientôt"]),
    "es": (0, ["Hoy fuimos al nuevo café", "y estuvo muy bueno, el", "año próximo volvemos"]),
    "pt": (0, ["Hoje fomos ao novo café", "e foi muito bom, não", "vamos esquecer a manhã"]),
    "tr": (0, ["Bugün yeni kafeye gittik", "çok güzeldi, yakında", "görüşürüz"]),
    "ko": (1, ["오늘 새로 생긴 카페에", "다녀왔어요 정말", "좋았어요"]),
    "ru": (0, ["Сегодня мы ходили в", "новое кафе, и было", "очень вкусно"]),
}

#: Scripts that the collection lacks: file name, lines. Left out where the font is not given.
OTHER_FONTS: dict[str, tuple[str, list[str]]] = {
    "ar": (
        "NotoSansArabic-Bold.ttf",
        ["ذهبنا اليوم إلى المقهى", "الجديد وكان جيدا", "نراكم قريبا"],
    ),
    "th": ("NotoSansThai-Bold.ttf", ["วันนี้เราไปคาเฟ่ใหม่", "และมันดีมาก", "แล้วเจอกัน"]),
    "hi": ("NotoSansDevanagari-Bold.ttf", ["आज हम नए कैफे गए", "और वह बहुत अच्छा था", "फिर मिलेंगे"]),
}
STYLES = ("plain", "outlined", "banner", "faint", "small", "8 degrees", "90 degrees",
          "180 degrees", "mirrored", "JPEG 15")  # fmt: skip


def ground(seed: int) -> Image.Image:
    rng = np.random.default_rng(seed)
    coarse = rng.integers(40, 200, (12, 9, 3), dtype=np.uint8)
    return Image.fromarray(coarse).resize((1080, 1440), Image.Resampling.BICUBIC)


def page(lines: list[str], font_file: Path, face: int, style: str) -> Image.Image:
    picture = ground(len(style))
    size = 24 if style == "small" else 64
    font = ImageFont.truetype(str(font_file), size, index=face)
    layer = Image.new("RGBA", picture.size)
    pen = ImageDraw.Draw(layer)
    opacity = 110 if style == "faint" else 255
    for n, line in enumerate(lines):
        at = (100, 400 + int(n * size * 1.5))
        if style == "banner":
            pen.rectangle((60, at[1] - 10, 1020, at[1] + size * 1.4), fill=(20, 20, 20, 230))
        width = 3 if style in {"outlined", "JPEG 15"} else 0
        pen.text(at, line, (255, 255, 255, opacity), font, stroke_width=width, stroke_fill="black")
    picture.paste(layer, mask=layer)
    return finished(picture, style)


def finished(picture: Image.Image, style: str) -> Image.Image:
    if style.endswith("degrees"):
        turn = int(style.split()[0])
        return picture.rotate(turn, Image.Resampling.BICUBIC, expand=True)
    if style == "mirrored":
        return picture.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    if style == "JPEG 15":
        buffer = io.BytesIO()
        picture.filter(ImageFilter.GaussianBlur(1)).save(buffer, "JPEG", quality=15)
        return Image.open(buffer).convert("RGB")
    return picture


def plain(text: str) -> str:
    folded = unicodedata.normalize("NFKC", text).casefold()
    return "".join(c for c in folded if not c.isspace())


def edit_distance(one: str, other: str) -> int:
    row = list(range(len(other) + 1))
    for i, a in enumerate(one, start=1):
        before, row[0] = row[0], i
        for j, b in enumerate(other, start=1):
            before, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, before + (a != b))
    return row[-1]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--font", type=Path, required=True, help="Noto Sans CJK as a collection.")
    parser.add_argument("--other-fonts", type=Path, help="Folder with Noto Sans of other scripts.")
    parser.add_argument("--tesseract", action="store_true", help="Read what is left with it.")
    parser.add_argument("--languages", nargs="*", help="Only these.")
    parser.add_argument("--styles", nargs="*", default=STYLES)
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    settings = Settings(image_ocr_fallback="tesseract" if arguments.tesseract else "")
    reader = DrawnTextReader.from_settings(settings)
    head = ["language", *arguments.styles, "mean", "reported as unread"]
    rows = [f"{reader.version}", "", "| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    samples = {name: (arguments.font, face, lines) for name, (face, lines) in TEXTS.items()}
    if arguments.other_fonts:
        for name, (file, lines) in OTHER_FONTS.items():
            samples[name] = (arguments.other_fonts / file, 0, lines)
    for language, (font, face, lines) in samples.items():
        if arguments.languages and language not in arguments.languages:
            continue
        expected = plain("".join(lines))
        pages = [page(lines, font, face, style) for style in arguments.styles]
        images = [DecodedImage(0, np.asarray(p), p.size, "") for p in pages]
        found = reader.read(images)
        rates = []
        for drawn in found:
            read = plain("".join(text.text for text in drawn.texts))
            rates.append(min(1.0, edit_distance(expected, read) / len(expected)))
        unread = sum(any(s.name == "unread_text" for s in drawn.signals) for drawn in found)
        cells = [f"{rate:.3f}" for rate in (*rates, statistics.mean(rates))]
        rows.append(f"| {language} | {' | '.join(cells)} | {unread} of {len(found)} |")
        print(rows[-1], flush=True)
    text = "\n".join(rows) + "\n"
    print(text)
    if arguments.out:
        arguments.out.write_text(text, "utf-8")


if __name__ == "__main__":
    main()
