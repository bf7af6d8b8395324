"""Painted things: food on tables, shoes, bags and small goods on stands, plants, cats."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from moderation.cli.demo_stream.painting import HEIGHT, WIDTH, Canvas, Colour, Point, mix


def table(top: Colour, bottom: Colour, *, planks: bool = True) -> Canvas:
    """A table top seen from above."""
    canvas = Canvas(top, bottom)
    if planks:
        for x in range(-10, WIDTH, 218):
            canvas.rounded((x, -10, x + 214, HEIGHT + 10), 4, mix(top, "#ffffff", 0.06), to=bottom)
    canvas.ellipse((-200, -300, 760, 620), "#ffffff", opacity=0.16, blur=90)
    return canvas


def cup(canvas: Canvas, x: float, y: float, r: float, ware: Colour, drink: Colour) -> None:
    """A cup of something with milk on it, on its saucer, from above."""
    canvas.disc(x, y, r * 1.5, mix(ware, "#ffffff", 0.2), to=mix(ware, "#6b5b55", 0.15), shadow=0.3)
    canvas.disc(x, y, r * 1.16, mix(ware, "#6b5b55", 0.1), opacity=0.7)
    handle: list[Point] = [(x + r * 0.9, y - 10), (x + r * 1.42, y - r * 0.5)]
    canvas.line(handle, r * 0.2, mix(ware, "#ffffff", 0.3), shadow=0.2, lift=8)
    canvas.disc(x, y, r, mix(ware, "#ffffff", 0.45), to=ware, shadow=0.3)
    canvas.disc(x, y, r * 0.84, drink, to=mix(drink, "#2a140a", 0.35))
    foam = mix(drink, "#fff4e2", 0.82)
    for k in range(3):
        w, cy = r * (0.52 - 0.13 * k), y + r * (0.3 - 0.33 * k)
        leaf = [(x, cy - w * 0.75), (x + w, cy - w * 0.25), (x, cy + w * 0.75)]
        canvas.blob([*leaf, (x - w, cy - w * 0.25)], foam, opacity=0.95)
        canvas.line([(x - w * 0.6, cy), (x, cy + w * 0.35), (x + w * 0.6, cy)], 5, drink)


def plate(canvas: Canvas, x: float, y: float, r: float, ware: Colour) -> None:
    canvas.disc(x, y, r, mix(ware, "#ffffff", 0.5), to=ware, shadow=0.32, lift=22)
    canvas.disc(x, y, r * 0.74, mix(ware, "#000000", 0.06), to=mix(ware, "#ffffff", 0.5))


def cafe(
    dice: np.random.Generator, top: Colour, bottom: Colour, ware: Colour, sweet: str
) -> Canvas:
    """A cafe table: two cups, something sweet, a sprig and a card."""
    canvas = table(top, bottom)
    plate(canvas, 700, 900, 330, ware)
    canvas.emoji(700, 900, 360, sweet)
    cup(canvas, 330, 500, 190, ware, "#8a5a35")
    cup(canvas, 800, 330, 140, mix(ware, "#9bb8a5", 0.5), "#b9824f")
    for k in range(5):
        x, y = 170 + 52 * k, 1160 - 46 * k + dice.uniform(-12, 12)
        leaf = [(x, y), (x + 50, y - 76), (x + 110, y - 70), (x + 70, y - 6)]
        canvas.blob(leaf, "#5f8f62", to="#35603f", shadow=0.2, lift=8)
    return canvas


def bowl(
    dice: np.random.Generator,
    tops: tuple[Colour, Colour],
    ware: Colour,
    soup: Colour,
    toppings: Sequence[str],
) -> Canvas:
    """A bowl of noodles from above, with chopsticks."""
    canvas = table(*tops)
    x, y, r = 540.0, 760.0, 430.0
    canvas.disc(x, y, r, mix(ware, "#ffffff", 0.25), to=mix(ware, "#000000", 0.25), shadow=0.4)
    canvas.disc(x, y, r * 0.9, mix(ware, "#000000", 0.3))
    canvas.disc(x, y + 6, r * 0.87, soup, to=mix(soup, "#3a1206", 0.25))
    for k in range(13):
        a, bend = dice.uniform(0, 6.28), dice.uniform(0.25, 0.68)
        path: list[Point] = []
        for t in np.linspace(0, 2.4, 18):
            radius = r * bend * (1 + 0.12 * np.sin(5 * t + k))
            path.append((x + float(radius * np.cos(a + t)), y + float(radius * np.sin(a + t))))
        canvas.line(path, 15, mix("#ffe2a0", "#e9b85c", dice.uniform(0, 1)), opacity=0.95)
    turn = dice.uniform(0, 6.28)
    for k, sign in enumerate(toppings):
        a = turn + 6.28 * k / len(toppings)
        place = (x + 0.44 * r * float(np.cos(a)), y + 0.44 * r * float(np.sin(a)))
        canvas.disc(place[0], place[1] + 14, 96, "#2a1006", opacity=0.35, blur=14)
        canvas.emoji(*place, 216, sign)
    for _ in range(16):
        a, far = dice.uniform(0, 6.28), dice.uniform(0, 0.78) * r
        cx, cy = x + far * float(np.cos(a)), y + far * float(np.sin(a))
        canvas.disc(cx, cy, 13, "#6fae4e")
        canvas.disc(cx, cy, 6, "#dff0c0")
    for k in range(2):
        stick: list[Point] = [(110 + 60 * k, 1390), (960 + 46 * k, 1130 - 34 * k)]
        canvas.line(stick, 20, "#3b221a", to="#b5472f", shadow=0.35, lift=10)
    return canvas


def board(top: Colour, bottom: Colour, greens: Sequence[str]) -> Canvas:
    """A chopping board with a kitchen knife and vegetables."""
    canvas = table(top, bottom, planks=False)
    canvas.rounded((120, 260, 960, 1240), 60, "#d9a05b", to="#b97a3c", shadow=0.4)
    for k in range(7):
        y = 340 + 130 * k
        canvas.line([(150, y), (930, y + 12)], 3, "#a3672f", opacity=0.35)
    blade: list[Point] = [(250, 480), (640, 470), (690, 560), (640, 620), (240, 600)]
    canvas.polygon(blade, "#f4f7fa", to="#a9b7c4", shadow=0.35)
    canvas.line([(246, 596), (640, 616)], 5, "#ffffff")
    canvas.rounded((668, 500, 950, 572), 30, "#4a2c22", to="#2a1712", shadow=0.35)
    for k in range(3):
        canvas.disc(730 + 80 * k, 536, 10, "#d8c4a0")
    for k, sign in enumerate(greens):
        x, y = 300 + 240 * (k % 3), 800 + 230 * (k // 3)
        canvas.disc(x, y + 70, 90, "#5a3310", opacity=0.35, blur=16)
        canvas.emoji(x, y, 220, sign)
    return canvas


def stand(wall: Colour, floor: Colour) -> Canvas:
    """A round stand before a wall, with an arch and soft light: a shop's photo corner."""
    canvas = Canvas(mix(wall, "#ffffff", 0.25), wall, floor)
    canvas.rounded((170, 210, 910, 1500), 370, mix(wall, "#ffffff", 0.4), to=mix(wall, floor, 0.4))
    canvas.rounded((-10, 1130, WIDTH + 10, HEIGHT + 10), 0, floor, to=mix(floor, "#000000", 0.12))
    side = mix(floor, "#000000", 0.16)
    canvas.ellipse((120, 1090, 960, 1330), side, to=mix(floor, "#000000", 0.3), shadow=0.3)
    canvas.ellipse(
        (120, 1040, 960, 1270), mix(floor, "#ffffff", 0.5), to=mix(floor, "#ffffff", 0.1)
    )
    canvas.ellipse((-260, -300, 640, 500), "#ffffff", opacity=0.3, blur=110)
    return canvas


def shoe(wall: Colour, floor: Colour, body: Colour, accent: Colour) -> Canvas:
    """A running shoe from the side."""
    canvas = stand(wall, floor)
    canvas.ellipse((180, 1110, 920, 1180), "#0b1020", opacity=0.35, blur=22)
    sole: list[Point] = [(180, 1060), (300, 1052), (560, 1080), (800, 1050), (925, 1030)]
    sole = [*sole, (930, 1110), (860, 1150), (540, 1152), (230, 1150), (172, 1115)]
    canvas.blob(sole, "#ffffff", to="#d5dbe3")
    upper: list[Point] = [(196, 1080), (176, 940), (214, 800), (270, 770), (360, 800)]
    upper = [*upper, (430, 790), (540, 850), (660, 940), (830, 985), (915, 1030), (880, 1085)]
    canvas.blob([*upper, (560, 1104), (330, 1090)], mix(body, "#ffffff", 0.18), to=body)
    toe: list[Point] = [(700, 970), (830, 990), (912, 1032), (880, 1080), (720, 1085), (690, 1030)]
    canvas.blob(toe, accent, to=mix(accent, "#000000", 0.2))
    heel: list[Point] = [(196, 1080), (178, 950), (206, 830), (268, 860), (290, 960), (300, 1082)]
    canvas.blob(heel, accent, to=mix(accent, "#000000", 0.2))
    canvas.line([(330, 1060), (450, 930), (520, 1010), (640, 955)], 26, "#ffffff")
    for k in range(5):
        lx, ly = 440 + 46 * k, 808 + 34 * k
        canvas.line([(lx, ly), (lx - 52, ly + 74)], 13, "#ffffff", shadow=0.2, lift=4)
    for k in range(9):
        canvas.line([(240 + 72 * k, 1128), (268 + 72 * k, 1128)], 9, accent, opacity=0.8)
    return canvas


def bag(wall: Colour, floor: Colour, leather: Colour, metal: Colour = "#e9c46a") -> Canvas:
    """A handbag with a clasp."""
    canvas = stand(wall, floor)
    canvas.ellipse((200, 1110, 880, 1185), "#0b1020", opacity=0.4, blur=22)
    arc = [
        (540 + 190 * float(np.cos(a)), 700 - 330 * float(np.sin(a)))
        for a in np.linspace(0, 3.1416, 40)
    ]
    canvas.line(arc, 34, mix(leather, "#000000", 0.25), shadow=0.2)
    canvas.line(arc, 12, mix(leather, "#ffffff", 0.3), opacity=0.6)
    body: list[Point] = [(260, 690), (820, 690), (880, 1090), (860, 1150), (220, 1150), (200, 1090)]
    canvas.polygon(body, mix(leather, "#ffffff", 0.22), to=mix(leather, "#000000", 0.2))
    flap: list[Point] = [(246, 680), (834, 680), (850, 820), (540, 960), (230, 820)]
    canvas.polygon(flap, mix(leather, "#ffffff", 0.3), to=leather, shadow=0.35)
    for k in range(17):
        canvas.line([(256 + 34 * k, 702), (272 + 34 * k, 702)], 4, mix(leather, "#ffffff", 0.6))
    for x in (350, 730):
        canvas.disc(x, 694, 24, metal, to=mix(metal, "#6b4a10", 0.5))
    canvas.rounded((486, 880, 594, 990), 26, metal, to=mix(metal, "#6b4a10", 0.5), shadow=0.3)
    canvas.disc(540, 926, 15, mix(leather, "#000000", 0.5))
    return canvas


def goods(wall: Colour, floor: Colour, sign: str, *, extra: Sequence[str] = ()) -> Canvas:
    """Any small thing on the stand."""
    canvas = stand(wall, floor)
    canvas.ellipse((280, 1090, 800, 1180), "#0b1020", opacity=0.35, blur=22)
    canvas.emoji(540, 1150, 540, sign, stands=True)
    for k, other in enumerate(extra):
        canvas.emoji(220 + 640 * (k % 2), 1180, 150, other, stands=True)
    return canvas


def vapes(wall: Colour, floor: Colour, shades: Sequence[Colour]) -> Canvas:
    """Small electronic cigarettes in a row, without a brand."""
    canvas = stand(wall, floor)
    for k, shade in enumerate(shades):
        x = 270 + 180 * k
        y = 560 + 40 * (k % 2)
        canvas.rounded((x + 34, y - 90, x + 96, y + 30), 20, "#20242c", to="#555d6b")
        canvas.rounded(
            (x, y, x + 130, 1150), 52, mix(shade, "#ffffff", 0.35), to=shade, shadow=0.35
        )
        canvas.rounded((x + 18, y + 30, x + 40, 1100), 11, "#ffffff", opacity=0.45, blur=4)
        canvas.disc(x + 65, 1090, 12, "#ffffff", opacity=0.9)
    for k in range(4):
        canvas.disc(430 + 70 * k, 330 - 50 * (k % 3), 90 + 20 * k, "#ffffff", opacity=0.35, blur=30)
    return canvas


def windowsill(
    dice: np.random.Generator, sky: Sequence[Colour], wall: Colour, cat: Colour | None
) -> Canvas:
    """A window with plants on the sill, and a cat if one is given a colour."""
    canvas = Canvas(mix(wall, "#ffffff", 0.2), wall)
    canvas.rounded((130, 110, 950, 1040), 26, "#fffdf8", shadow=0.25)
    for x0 in (160, 555):
        canvas.rounded((x0, 140, x0 + 365, 1010), 10, sky[0], to=sky[-1])
        for _ in range(4):
            cx, cy = x0 + dice.uniform(100, 265), dice.uniform(250, 600)
            canvas.ellipse((cx - 84, cy - 24, cx + 84, cy + 24), "#ffffff", opacity=0.5, blur=14)
        canvas.blob(
            [
                (x0, 900),
                (x0 + 120, 830),
                (x0 + 250, 870),
                (x0 + 364, 800),
                (x0 + 364, 1010),
                (x0, 1010),
            ],
            "#8fb996",
            opacity=0.9,
        )
    canvas.rounded((40, 1040, 1040, 1110), 12, "#fffaf0", to="#d9c7ad", shadow=0.3)
    for k, x in enumerate((240, 830) if cat else (240, 540, 830)):
        pot = ("#d97757", "#6d8a96", "#e3b04b")[k]
        for _ in range(9):
            a = dice.uniform(0.5, 2.64)
            tip = (x + 190 * float(np.cos(a)), 880 - 210 * float(np.sin(a)))
            mid = (x + 60 * float(np.cos(a)) + 26, 880 - 110 * float(np.sin(a)))
            green = mix("#7fb77e", "#2f6b4f", dice.uniform(0, 1))
            canvas.blob([(x, 900), mid, tip, (mid[0] - 52, mid[1])], green)
        canvas.polygon(
            [(x - 84, 890), (x + 84, 890), (x + 60, 1042), (x - 60, 1042)],
            pot,
            to=mix(pot, "#000000", 0.3),
        )
        canvas.rounded(
            (x - 94, 868, x + 94, 908), 10, mix(pot, "#ffffff", 0.15), shadow=0.25, lift=6
        )
    if cat:
        _cat(canvas, 540, 1046, cat)
    return canvas


def _cat(canvas: Canvas, x: float, floor: float, fur: Colour) -> None:
    dark = mix(fur, "#000000", 0.22)
    tail: list[Point] = [
        (x + 120, floor - 40),
        (x + 230, floor - 10),
        (x + 240, floor + 110),
        (x + 190, floor + 190),
    ]
    canvas.line(tail, 44, dark)
    body: list[Point] = [
        (x, floor - 330),
        (x + 120, floor - 200),
        (x + 150, floor - 20),
        (x, floor + 4),
    ]
    canvas.blob([*body, (x - 150, floor - 20), (x - 120, floor - 200)], fur, to=dark)
    for side in (-1, 1):
        ear = [
            (x + side * 118, floor - 500),
            (x + side * 128, floor - 360),
            (x + side * 30, floor - 440),
        ]
        canvas.polygon(ear, fur)
        canvas.polygon([(px - side * 8, py + 24) for px, py in ear], "#f4b6b0", opacity=0.8)
    canvas.ellipse((x - 150, floor - 460, x + 150, floor - 210), mix(fur, "#ffffff", 0.1), to=fur)
    for side in (-1, 1):
        ex = x + side * 62
        canvas.ellipse((ex - 27, floor - 374, ex + 27, floor - 316), "#f7f3d7")
        canvas.ellipse((ex - 11, floor - 370, ex + 11, floor - 318), "#1d1a16")
        canvas.disc(ex + 5, floor - 357, 6, "#ffffff")
        for k in range(2):
            canvas.line(
                [(x + side * 58, floor - 278 + 18 * k), (x + side * 190, floor - 290 + 40 * k)],
                4,
                "#fffaf0",
                opacity=0.8,
            )
        canvas.ellipse(
            (x + side * 58 - 36, floor - 40, x + side * 58 + 36, floor + 4),
            mix(fur, "#ffffff", 0.55),
        )
    canvas.ellipse((x - 56, floor - 306, x + 56, floor - 236), "#fffaf0", opacity=0.9)
    canvas.polygon([(x - 17, floor - 302), (x + 17, floor - 302), (x, floor - 282)], "#e58a8a")
