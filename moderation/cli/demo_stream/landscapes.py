"""Painted views: mountains, sea, towns, woods."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from moderation.cli.demo_stream.painting import HEIGHT, WIDTH, Canvas, Colour, Point, mix


def _ridge(dice: np.random.Generator, y: float, rough: float, step: int = 54) -> list[Point]:
    """A ridge line across the picture with its ground below."""
    xs = np.arange(-60, WIDTH + 120, step)
    phase = dice.uniform(0, 6.28, 3)
    wave = np.sin(xs / 260 + phase[0]) + 0.6 * np.sin(xs / 120 + phase[1])
    heights = y - rough * (wave + 0.35 * dice.standard_normal(len(xs)))
    top = [(float(x), float(h)) for x, h in zip(xs, heights, strict=True)]
    return [*top, (WIDTH + 120, HEIGHT + 10), (-60, HEIGHT + 10)]


def mountains(
    dice: np.random.Generator,
    sky: Sequence[Colour],
    far: Colour,
    near: Colour,
    *,
    sun: Colour | None = "#fff1d0",
    snow: bool = False,
) -> Canvas:
    """Ridges that darken as they come nearer, under a low sun."""
    canvas = Canvas(*sky)
    x, y = dice.uniform(260, 820), dice.uniform(330, 520)
    if sun is not None:
        canvas.glow(x, y, 380, sun, 0.55)
        canvas.disc(x, y, 88, sun)
    for i in range(6):
        share = i / 5
        base = 640 + i * 145
        points = _ridge(dice, base, 74 - 6 * i, step=70 if snow else 54)
        colour = mix(far, near, share)
        canvas.polygon(points, mix(colour, "#ffffff", 0.05), to=mix(colour, sky[-1], 0.35))
        if snow and i < 3:
            peaks = [(px, py) for px, py in points if py < base - 20]
            for px, py in peaks:
                canvas.polygon(
                    [(px - 44, py + 52), (px, py + 2), (px + 44, py + 52), (px, py + 34)],
                    "#ffffff",
                    opacity=0.85 - 0.2 * i,
                    blur=3,
                )
        canvas.ellipse((-200, base + 60, WIDTH + 200, base + 190), sky[-1], opacity=0.22, blur=40)
    for _ in range(4):
        bx, by = dice.uniform(200, 900), dice.uniform(200, 560)
        canvas.line([(bx - 20, by - 9), (bx, by), (bx + 20, by - 9)], 4, mix(near, far, 0.3))
    return canvas


def sea(
    dice: np.random.Generator,
    sky: Sequence[Colour],
    water: Sequence[Colour],
    *,
    sun: Colour = "#fff3cf",
    boat: bool = False,
) -> Canvas:
    """The sea, a sun above it and its light on the water; sand in front."""
    canvas = Canvas(*sky, sky[-1])
    x, y = dice.uniform(380, 700), 560
    for _ in range(7):
        cx, cy, w = dice.uniform(0, WIDTH), dice.uniform(120, 460), dice.uniform(180, 420)
        canvas.ellipse((cx - w, cy - 26, cx + w, cy + 26), "#ffffff", opacity=0.2, blur=22)
    canvas.glow(x, y, 420, sun, 0.6)
    canvas.disc(x, y, 96, sun)
    canvas.rounded((-10, 700, WIDTH + 10, HEIGHT + 10), 0, water[0], to=water[-1])
    for i in range(64):
        depth = i / 64
        ly = 708 + depth**1.4 * 520
        width = dice.uniform(20, 90) * (0.5 + 1.8 * depth)
        lx = x + dice.normal(0, 40 + 150 * depth)
        height = 2.5 + 5 * depth
        canvas.ellipse((lx - width, ly - height, lx + width, ly + height), sun, opacity=0.5)
    if boat:
        bx, by = 250, 800
        canvas.ellipse((bx - 120, by + 20, bx + 120, by + 44), "#10243a", opacity=0.35, blur=10)
        canvas.polygon([(bx, by - 190), (bx + 96, by - 22), (bx, by - 22)], "#fffaf0")
        canvas.polygon([(bx - 8, by - 160), (bx - 70, by - 22), (bx - 8, by - 22)], "#ffd9b0")
        canvas.polygon(
            [(bx - 110, by - 8), (bx + 118, by - 8), (bx + 76, by + 34), (bx - 74, by + 34)],
            "#8a3b2e",
        )
    shore: list[Point] = [(-60, 1290), (180, 1250), (420, 1275), (700, 1225), (960, 1258)]
    shore = [*shore, (1160, 1230), (1160, 1480), (-60, 1480)]
    canvas.blob([(px, py - 20) for px, py in shore], "#ffffff", opacity=0.6, blur=5)
    canvas.blob(shore, "#f3dcb4", to="#d9b27c")
    return canvas


def city(
    dice: np.random.Generator,
    sky: Sequence[Colour],
    walls: Colour,
    *,
    light: Colour = "#ffd98a",
    rain: bool = False,
) -> Canvas:
    """A skyline by night with lit windows over its mirror in a river."""
    canvas = Canvas(*sky)
    canvas.glow(800, 250, 260, "#fff8e1", 0.35)
    canvas.disc(800, 250, 66, "#fff8e1")
    for _ in range(60):
        canvas.disc(dice.uniform(0, WIDTH), dice.uniform(0, 520), dice.uniform(1, 2.6), "#ffffff")
    for layer in range(3):
        colour = mix(sky[-1], walls, 0.35 + 0.32 * layer)
        left = -30.0
        while left < WIDTH:
            width = dice.uniform(70, 150)
            top = 1080 - dice.uniform(180, 560) + 120 * layer
            canvas.rounded((left, top, left + width, 1150), 6, colour, to=mix(colour, walls, 0.4))
            if layer and dice.random() < 0.9:
                _windows(canvas, dice, (left, top, width), light, 0.25 + 0.3 * layer)
            left += width + dice.uniform(-6, 18)
    canvas.rounded((-10, 1120, WIDTH + 10, HEIGHT + 10), 0, mix(walls, sky[0], 0.5), to=walls)
    for _ in range(46):
        lx, ly = dice.uniform(0, WIDTH), dice.uniform(1140, HEIGHT)
        w = dice.uniform(14, 60)
        canvas.ellipse((lx - w, ly - 3, lx + w, ly + 3), light, opacity=0.4, blur=2)
    if rain:
        for _ in range(90):
            rx, ry = dice.uniform(-40, WIDTH), dice.uniform(-40, HEIGHT)
            canvas.line([(rx, ry), (rx - 14, ry + 56)], 2.4, "#e6f0ff", opacity=0.35)
    return canvas


def _windows(
    canvas: Canvas,
    dice: np.random.Generator,
    house: tuple[float, float, float],
    light: Colour,
    lit: float,
) -> None:
    left, top, width = house
    for wy in np.arange(top + 22, 1100, 36):
        for wx in np.arange(left + 16, left + width - 22, 26):
            if dice.random() < lit * 0.6:
                box = (float(wx), float(wy), float(wx) + 12, float(wy) + 18)
                canvas.rounded(box, 2, light, opacity=0.9)


def woods(
    dice: np.random.Generator, sky: Sequence[Colour], far: Colour, near: Colour, *, tent: bool
) -> Canvas:
    """Firs in the mist; with a lit tent, or with a path."""
    canvas = Canvas(*sky)
    for _ in range(50 if tent else 0):
        canvas.disc(dice.uniform(0, WIDTH), dice.uniform(0, 600), dice.uniform(1, 3), "#ffffff")
    for layer in range(4):
        colour = mix(far, near, layer / 3)
        ground = 900 + layer * 140
        for place in np.arange(-40, WIDTH + 80, 74 + 26 * layer):
            fx = float(place) + float(dice.uniform(-24, 24))
            tall = dice.uniform(240, 420) + 60 * layer
            if tent and layer == 3 and 250 < fx < 830:
                continue
            for k in range(4):
                wide = (0.30 - 0.05 * k) * tall * 0.8
                foot = ground - k * tall * 0.2
                fir = [(fx - wide, foot), (fx, foot - tall * 0.42), (fx + wide, foot)]
                canvas.polygon(fir, mix(colour, "#ffffff", 0.06 * k))
        canvas.ellipse((-300, ground - 40, WIDTH + 300, HEIGHT + 260), colour)
        canvas.ellipse(
            (-200, ground - 70, WIDTH + 200, ground + 30), sky[-1], opacity=0.25, blur=36
        )
    if tent:
        canvas.glow(540, 1190, 330, "#ffcf7a", 0.55)
        canvas.polygon([(320, 1290), (540, 1010), (760, 1290)], "#f2a541", to="#ffdf94", shadow=0.4)
        canvas.polygon([(460, 1290), (540, 1010), (620, 1290)], "#8a4b1f", to="#c9772e")
    else:
        path: list[Point] = [(500, 1180), (560, 1180), (640, 1300), (760, 1450), (330, 1450)]
        canvas.blob([*path, (470, 1300)], "#e9d8b4", opacity=0.85, blur=4)
    return canvas


def lanterns(dice: np.random.Generator, sky: Sequence[Colour], words: Sequence[str]) -> Canvas:
    """A market street at night under strings of lanterns; the words hang on the stalls."""
    canvas = Canvas(*sky)
    canvas.polygon([(420, 1000), (660, 1000), (1240, 1450), (-160, 1450)], "#5a3a4a", to="#2b1b2c")
    for i, word in reversed(list(enumerate(words))):
        left = i % 2 == 0
        depth = i // 2
        size = 1 - 0.52 * depth
        x0 = -120 + 416 * depth if left else WIDTH + 120 - 416 * depth - 430 * size
        y0 = 760 + 70 * depth
        canvas.rounded((x0, y0, x0 + 430 * size, y0 + 430 * size), 8, "#7a3b3b", to="#3a1d2c")
        stripes = ["#e4572e", "#fff3e0"]
        for k in range(6):
            part = 430 * size / 6
            box = (x0 + k * part, y0 - 60 * size, x0 + (k + 1) * part, y0 + 70 * size)
            canvas.rounded(box, 20 * size, stripes[k % 2])
        canvas.glow(x0 + 215 * size, y0 + 250 * size, 250 * size, "#ffcc66", 0.7)
        shown = max(x0, 0.0) / 2 + min(x0 + 430 * size, WIDTH) / 2
        at = (shown, y0 + 230 * size)
        canvas.text(at, word, 92 * size, "#fff8e7", anchor="mm", shadow=0.5)
    for row in range(4):
        y = 130 + 140 * row
        for k in range(6):
            x = 60 + 195 * k + 40 * (row % 2)
            drop = y + 40 * float(np.sin(k / 5 * 3.14))
            r = 54 - 8 * row
            canvas.glow(x, drop, r * 3, "#ff9a4d", 0.35)
            canvas.ellipse(
                (x - r, drop - r * 0.85, x + r, drop + r * 0.85), "#ff6b4a", to="#ffb35c"
            )
            canvas.rounded((x - r / 3, drop - r, x + r / 3, drop - r * 0.75), 3, "#ffd27a")
            canvas.line([(x, drop + r * 0.9), (x, drop + r * 1.4)], 4, "#ffd27a")
    for _ in range(9):
        px, py = dice.uniform(400, 680), dice.uniform(1090, 1200)
        canvas.rounded((px - 20, py - 60, px + 20, py + 70), 20, "#1a1220", opacity=0.8)
        canvas.disc(px, py - 84, 19, "#1a1220", opacity=0.8)
    return canvas
