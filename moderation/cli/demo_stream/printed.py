"""Painted cards with words: captions, posters, menus, chats, news, screens, QR codes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from moderation.cli.demo_stream.painting import HEIGHT, WIDTH, Canvas, Colour, font, mix, rgb


def caption(
    canvas: Canvas,
    rows: Sequence[str],
    *,
    size: float = 92,
    top: float = 150,
    language: str = "zh",
    colour: Colour = "#ffffff",
    small: str = "",
) -> Canvas:
    """Big words over a photo, as community covers have them: light on a veil, or dark on light."""
    light = sum(rgb(colour)) > 380
    if light:
        foot = top + size * 1.5 * len(rows) + 130
        canvas.ellipse((-100, top - 190, WIDTH + 100, foot), "#0b1020", opacity=0.2, blur=70)
    shadow = 0.8 if light else 0.0
    y = canvas.lines(
        (540, top), rows, size, colour, anchor="ma", language=language, shadow=shadow, leading=1.34
    )
    if small:
        at = (540, y + 24)
        canvas.text(at, small, 42, colour, anchor="ma", language=language, shadow=shadow)
    return canvas


def sticker(
    canvas: Canvas,
    words: str,
    *,
    at: tuple[float, float] = (540, 1300),
    size: float = 52,
    ink: Colour = "#1d2433",
    paper: Colour = "#ffffff",
    language: str = "zh",
) -> Canvas:
    """A small label stuck on a photo."""
    half = font(size, language=language).getlength(words) / 4 + 46
    x, y = at
    canvas.rounded(
        (x - half, y - size * 0.95, x + half, y + size * 0.95),
        size * 0.9,
        paper,
        shadow=0.35,
        lift=10,
    )
    canvas.text((x, y), words, size, ink, anchor="mm", language=language)
    return canvas


def poster(
    dice: np.random.Generator,
    ground: Sequence[Colour],
    title: Sequence[str],
    rows: Sequence[str],
    *,
    accent: Colour = "#ffffff",
    signs: Sequence[str] = (),
    language: str = "zh",
    size: float = 112,
    foot: str = "",
) -> Canvas:
    """A poster: big title, short lines on a card, a foot line."""
    canvas = Canvas(*ground)
    for _ in range(7):
        x, y, r = dice.uniform(0, WIDTH), dice.uniform(0, HEIGHT), dice.uniform(90, 330)
        canvas.disc(x, y, r, accent, opacity=0.09)
    canvas.glow(900, 140, 380, accent, 0.3)
    y = canvas.lines(
        (80, 130), title, size, "#ffffff", language=language, leading=1.28, shadow=0.35
    )
    canvas.rounded((80, y + 12, 250, y + 26), 7, accent)
    top = max(y + 110, 560)
    bottom = min(top + 106 * len(rows) + 110, 1300)
    canvas.rounded((70, top, 1010, bottom), 44, "#ffffff", opacity=0.95, shadow=0.3)
    canvas.lines(
        (120, top + 56), rows, 56, mix(ground[-1], "#101420", 0.65), language=language, leading=1.9
    )
    for k, sign in enumerate(signs):
        canvas.emoji(890 - 190 * k, max(top - 60, 200), 190, sign)
    if foot:
        canvas.text((540, 1372), foot, 44, "#ffffff", anchor="mm", language=language, shadow=0.4)
    return canvas


def menu(
    paper: Colour,
    ink: Colour,
    title: str,
    rows: Sequence[tuple[str, str]],
    *,
    sign: str,
    language: str = "zh",
    foot: str = "",
) -> Canvas:
    """A menu or price list on paper."""
    canvas = Canvas(mix(ink, "#ffffff", 0.35), mix(ink, "#000000", 0.15))
    canvas.rounded((80, 80, 1000, 1360), 20, mix(paper, "#ffffff", 0.5), to=paper, shadow=0.45)
    canvas.rounded((112, 112, 968, 1328), 10, ink, opacity=0.25)
    canvas.rounded((116, 116, 964, 1324), 8, mix(paper, "#ffffff", 0.5), to=paper)
    canvas.emoji(540, 230, 150, sign)
    canvas.text((540, 370), title, 84, ink, anchor="mm", language=language)
    canvas.rounded((390, 436, 690, 444), 4, ink, opacity=0.6)
    step = min(118, 780 / max(1, len(rows)))
    for k, (name, price) in enumerate(rows):
        y = 530 + step * k
        canvas.text((180, y), name, 48, mix(ink, "#000000", 0.3), anchor="lm", language=language)
        canvas.text((900, y), price, 48, ink, anchor="rm", language=language)
        for x in range(190, 880, 22):
            canvas.disc(x, y + 40, 2.2, ink, opacity=0.4)
    canvas.text((540, 1276), foot, 34, ink, anchor="mm", bold=False, language=language)
    return canvas


def chat(
    title: str,
    turns: Sequence[tuple[bool, Sequence[str]]],
    *,
    tint: Colour = "#95d475",
    language: str = "zh",
    ground: Colour = "#eef0f4",
) -> Canvas:
    """A screenshot of a chat; a turn is (mine, lines)."""
    canvas = Canvas(mix(ground, "#ffffff", 0.4), ground)
    canvas.rounded((-10, -10, WIDTH + 10, 170), 0, "#ffffff", shadow=0.12, lift=6)
    canvas.text((60, 36), "23:47", 34, "#20242c")
    for k in range(3):
        canvas.rounded((900 + 40 * k, 44, 926 + 40 * k, 66), 5, "#20242c", opacity=0.4 + 0.3 * k)
    canvas.text((540, 122), title, 46, "#20242c", anchor="mm", language=language)
    canvas.line([(76, 104), (56, 122), (76, 140)], 7, "#20242c")
    y = 220.0
    for mine, rows in turns:
        wide = max(font(44, bold=False, language=language).getlength(row) for row in rows) / 2 + 72
        tall = 66 * len(rows) + 44
        x0 = WIDTH - 150 - wide if mine else 150
        canvas.rounded(
            (x0, y, x0 + wide, y + tall), 30, tint if mine else "#ffffff", shadow=0.1, lift=5
        )
        face = (WIDTH - 84, y + 44) if mine else (84, y + 44)
        canvas.disc(
            *face, 46, "#f2b5a7" if mine else "#8fb3d9", to="#d98c7c" if mine else "#5f86b3"
        )
        canvas.emoji(*face, 62, "🐻" if mine else "🦊")
        canvas.lines((x0 + 36, y + 16), rows, 44, "#20242c", bold=False, language=language)
        y += tall + 40
    canvas.rounded((-10, 1330, WIDTH + 10, HEIGHT + 10), 0, "#ffffff")
    canvas.rounded((60, 1352, 850, 1420), 34, "#eef0f4")
    canvas.emoji(920, 1386, 60, "😀")
    canvas.emoji(1010, 1386, 56, "➕")
    return canvas


def news(
    paper_name: str,
    headline: Sequence[str],
    body: Sequence[str],
    picture: Canvas,
    *,
    language: str = "zh",
    tint: Colour = "#b23a48",
) -> Canvas:
    """A page of an invented news site with a picture."""
    canvas = Canvas("#ffffff", "#f6f4f0")
    canvas.rounded((-10, -10, WIDTH + 10, 120), 0, tint)
    canvas.text((60, 60), paper_name, 54, "#ffffff", anchor="lm", language=language)
    y = canvas.lines((60, 170), headline, 70, "#16181d", language=language, leading=1.34)
    canvas.text((60, y + 6), "2026-11-19", 34, "#7a7f87", bold=False)
    side = (1920, 1000)
    crop = picture.image.crop((0, 700, 2160, 1825)).resize(side)
    canvas.image.paste(crop, (120, round((y + 76) * 2)))
    canvas.lines((60, y + 620), body, 42, "#33373f", bold=False, language=language, leading=1.6)
    return canvas


def code_card(
    ground: Sequence[Colour],
    title: str,
    link: str,
    rows: Sequence[str],
    *,
    language: str = "zh",
    sign: str = "✨",
) -> Canvas:
    """A QR code on a card."""
    canvas = Canvas(*ground)
    canvas.glow(200, 200, 420, "#ffffff", 0.35)
    canvas.glow(950, 1250, 420, "#ffffff", 0.25)
    canvas.rounded((130, 190, 950, 1270), 60, "#ffffff", shadow=0.35)
    canvas.emoji(540, 190, 150, sign)
    canvas.text((540, 350), title, 66, "#1d2433", anchor="mm", language=language)
    canvas.rounded((270, 430, 810, 970), 28, mix(ground[0], "#ffffff", 0.8))
    canvas.code((290, 450, 790, 950), link)
    canvas.lines((540, 1010), rows, 46, "#4a5160", anchor="ma", language=language, leading=1.5)
    return canvas


def game(
    name: str,
    words: Sequence[str],
    *,
    language: str = "zh",
    boss: str = "🐉",
    heroes: Sequence[str] = ("🧙", "🛡️", "🏹"),
) -> Canvas:
    """A screen of an invented game: a boss, its life bar, the party's chat."""
    canvas = Canvas("#1b1036", "#4a1f5e", "#12233f")
    canvas.glow(540, 560, 620, "#ff6b6b", 0.45)
    canvas.emoji(540, 580, 620, boss)
    canvas.rounded((120, 110, 960, 168), 28, "#0b0a18", opacity=0.8)
    canvas.rounded((128, 118, 372, 160), 22, "#ff8a5c", to="#d7263d")
    canvas.text((540, 140), name, 38, "#ffffff", anchor="mm", language=language, shadow=0.6)
    for k, sign in enumerate(heroes):
        x = 250 + 290 * k
        canvas.ellipse((x - 110, 1060, x + 110, 1110), "#000000", opacity=0.5, blur=14)
        canvas.emoji(x, 980, 200, sign)
    canvas.rounded((60, 1140, 1020, 1390), 26, "#0b0a18", opacity=0.75)
    canvas.lines((96, 1158), words, 42, "#d7e6ff", language=language, leading=1.62)
    return canvas


def cards(felt: Sequence[Colour], faces: Sequence[tuple[str, str]], chips: int) -> Canvas:
    """Playing cards and chips on felt."""
    canvas = Canvas(*felt)
    canvas.ellipse((-200, -100, 1000, 900), "#ffffff", opacity=0.12, blur=120)
    for k, (rank, suit) in enumerate(faces):
        x, y = 110 + 160 * k, 450 + 36 * abs(k - len(faces) // 2)
        red = suit in "♥♦"
        ink = "#c62839" if red else "#1d2433"
        canvas.rounded((x, y, x + 240, y + 350), 22, "#ffffff", to="#eceff3", shadow=0.35)
        canvas.text((x + 26, y + 14), rank, 70, ink)
        canvas.text((x + 120, y + 200), suit, 150, ink, anchor="mm")
    for k in range(chips):
        x, base = 190 + 180 * (k % 5), 1180 - 210 * (k // 5)
        shade = ("#d7263d", "#1f5fa8", "#2e8b57", "#20242c", "#e3b04b")[k % 5]
        for level in range(2 + (k * 2) % 4):
            y = base - 24 * level
            canvas.ellipse(
                (x - 84, y - 50, x + 84, y + 62), mix(shade, "#000000", 0.35), shadow=0.25, lift=6
            )
            canvas.ellipse((x - 84, y - 60, x + 84, y + 50), shade, to=mix(shade, "#ffffff", 0.15))
            canvas.ellipse((x - 46, y - 34, x + 46, y + 24), "#ffffff", opacity=0.85)
    return canvas


def paper(
    title: str, rows: Sequence[str], stamp: str, *, ground: Sequence[Colour], language: str = "zh"
) -> Canvas:
    """A certificate or a label lying on a desk, with a red stamp."""
    canvas = Canvas(*ground)
    canvas.rounded((110, 250, 970, 1190), 14, "#fffdf4", to="#f3e9cf", shadow=0.45)
    canvas.rounded((146, 286, 934, 1154), 6, "#b98b3e", opacity=0.7)
    canvas.rounded((152, 292, 928, 1148), 5, "#fffdf4", to="#f6eed8")
    canvas.text((540, 390), title, 78, "#7a2e1d", anchor="mm", language=language)
    canvas.lines((200, 490), rows, 46, "#33302a", language=language, leading=1.75, bold=False)
    canvas.disc(770, 1010, 112, "#c62839", opacity=0.85)
    canvas.disc(770, 1010, 98, "#fbf3df")
    canvas.text((770, 1008), stamp, 58, "#c62839", anchor="mm", language=language)
    return canvas


def chart(title: str, figures: Sequence[str], *, language: str = "zh", up: bool = True) -> Canvas:
    """A screen of an invented trading app with a steep line."""
    canvas = Canvas("#0f1b2d", "#14304a")
    canvas.text((80, 110), title, 62, "#e8f1ff", language=language)
    canvas.rounded((60, 230, 1020, 930), 36, "#0b1420", opacity=0.7)
    tint = "#33d69f" if up else "#ff6b6b"
    points = []
    for k in range(25):
        rise = (k / 24) ** 1.7 * 520
        points.append(
            (100 + 35 * k, 860 - (rise if up else 520 - rise) + 22 * float(np.sin(k * 1.9)))
        )
    canvas.polygon([*points, (940, 900), (100, 900)], tint, to="#0b1420", opacity=0.35)
    canvas.line(points, 10, tint)
    canvas.glow(*points[-1], 80, tint, 0.8)
    canvas.disc(*points[-1], 18, "#ffffff")
    for k, figure in enumerate(figures):
        y = 980 + 130 * k
        canvas.rounded((60, y, 1020, y + 108), 28, "#ffffff", opacity=0.1)
        canvas.text((100, y + 54), figure, 48, "#e8f1ff", anchor="lm", language=language)
    return canvas
