"""The pictures of the demo that are photos: which scene, in which colours, with which words."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from moderation.cli.demo_stream.landscapes import city, lanterns, mountains, sea, woods
from moderation.cli.demo_stream.painting import Canvas
from moderation.cli.demo_stream.printed import caption, menu, poster, sticker
from moderation.cli.demo_stream.still_lifes import (
    bag,
    board,
    bowl,
    cafe,
    goods,
    shoe,
    vapes,
    windowsill,
)

Dice = np.random.Generator
Scene = Callable[[Dice], Canvas]

_DAWN = ("#35477d", "#a56c9f", "#f6a98a", "#ffe0b8")
_NOON = ("#4aa8e0", "#9fd8f2", "#e6f7fb")
_DUSK = ("#2b2350", "#7b3f72", "#e2725b", "#ffc48a")
_NIGHT = ("#0b1030", "#1d2b5c", "#3a4f86")
_BLUE = ("#3d7ea6", "#2b5c88", "#123a5c")
_WARM_SEA = ("#c9695a", "#7a4a78", "#2e2b5a")
_GREEN = ("#bfe3d0", "#e8f5e2", "#fdf8e4")
_WOOD = ("#c99765", "#a87446")
_DARK_WOOD = ("#6b4a3a", "#4a3128")

_TRAVEL: Mapping[str, Scene] = {
    "sea-town-1": lambda d: caption(
        sea(d, _DAWN, _WARM_SEA), ["海边小镇", "三天两夜"], size=150, small="人均八百 · 不用早起"
    ),
    "sea-town-2": lambda d: sea(d, _NOON, _BLUE, boat=True),
    "sea-town-3": lambda d: lanterns(d, _NIGHT, ["面", "茶", "糖水", "鱼丸"]),
    "sea-town-4": lambda d: bowl(d, _DARK_WOOD, "#b5483a", "#d9863d", ["🍤", "🥚", "🍥", "🥬"]),
    "sea-town-5": lambda d: cafe(d, *_WOOD, "#f3ece0", "🍰"),
    "sea-town-6": lambda d: mountains(d, _GREEN, "#a9cdb8", "#2f6650"),
    "sea-town-7": lambda d: windowsill(d, _NOON, "#f0dfc8", "#e39a4f"),
    "sea-town-8": lambda d: sea(d, _DUSK, _WARM_SEA, boat=True),
    "sea-town-9": lambda d: poster(
        d,
        ("#1f7a8c", "#0b4f6c"),
        ["行程和花费"],
        [
            "Day1 码头 · 夜市 · 住渔家",
            "Day2 环岛骑行 · 看日落",
            "Day3 赶早市 · 坐船返程",
            "车票 210   住宿 360",
            "吃饭 190   门票 0",
        ],
        accent="#bfd7ea",
        signs=("🐚", "⛵"),
        foot="收藏好，下次直接抄作业",
    ),
    "ridge-1": lambda d: caption(
        mountains(d, _DAWN, "#a98bb0", "#2c2f55"),
        ["Larch Ridge", "22 km loop"],
        size=120,
        language="en",
        small="start before six, bring layers",
    ),
    "ridge-2": lambda d: mountains(
        d, ("#6fa8dc", "#cfe6f5", "#f5fbff"), "#9fb8d0", "#3b5577", snow=True
    ),
    "ridge-3": lambda d: woods(
        d, ("#7fa99b", "#cfe3cf", "#f2f3dc"), "#8fb3a0", "#24493d", tent=False
    ),
    "ridge-4": lambda d: woods(d, _NIGHT, "#3d5580", "#0c1a30", tent=True),
    "autumn": lambda d: mountains(d, ("#f7c59f", "#fbe3c2", "#fff6e5"), "#e8a365", "#7a3420"),
    "city-night": lambda d: city(d, ("#0d1137", "#2a2a6a", "#6a4c93"), "#14142e"),
    "city-rain": lambda d: caption(
        city(d, ("#1c2a3f", "#35506b", "#6f8ea3"), "#14202e", rain=True),
        ["비 오는 날", "퇴근길"],
        size=130,
        language="ko",
    ),
    "city-dusk": lambda d: city(d, _DUSK, "#2a1a3a"),
    "praia": lambda d: caption(
        sea(d, ("#ff7e5f", "#feb47b", "#ffe3b0"), _WARM_SEA),
        ["pôr do sol", "de sexta"],
        size=120,
        language="en",
    ),
    "wald": lambda d: woods(d, ("#9bb7a5", "#dfe9d4", "#f6f3df"), "#9bbba4", "#2d4f3f", tent=False),
    "zima": lambda d: caption(
        mountains(d, ("#8ea6c9", "#dbe5f2", "#ffffff"), "#b8c8dd", "#4a5f80", snow=True),
        ["Первый снег"],
        colour="#2f4668",
        size=120,
        language="en",
    ),
}

_FOOD: Mapping[str, Scene] = {
    "kissaten-1": lambda d: caption(
        cafe(d, *_DARK_WOOD, "#e9dfd0", "🍮"), ["路地裏の", "純喫茶"], size=150, language="ja"
    ),
    "kissaten-2": lambda d: goods("#e8d5c4", "#b98b73", "🍰"),
    "kissaten-3": lambda d: menu(
        "#f6ead2",
        "#6b3e26",
        "お品書き",
        [
            ("深煎りコーヒー", "¥550"),
            ("クリームソーダ", "¥700"),
            ("固めプリン", "¥480"),
            ("たまごサンド", "¥650"),
            ("本日のケーキ", "¥520"),
        ],
        sign="☕",
        language="ja",
        foot="ラストオーダー 18:30",
    ),
    "mercado-1": lambda d: caption(
        board("#5f7d6a", "#2f4a3d", ["🍅", "🧅", "🫑", "🌽", "🥑", "🌶️"]),
        ["Salsa de", "la abuela"],
        size=130,
        language="es",
        top=110,
    ),
    "mercado-2": lambda d: poster(
        d,
        ("#e4572e", "#a4243b"),
        ["Salsa roja"],
        [
            "6 tomates asados",
            "1 cebolla y 2 dientes de ajo",
            "2 chiles (sin semillas)",
            "sal, limón y paciencia",
        ],
        accent="#ffd166",
        signs=("🍅", "🌶️"),
        language="es",
        foot="20 minutos · 4 personas",
    ),
    "bibimbap": lambda d: bowl(d, _WOOD, "#3d3d3d", "#e8dcc0", ["🥕", "🥒", "🍳", "🍄", "🥬"]),
    "meal-prep-1": lambda d: poster(
        d,
        ("#2a9d8f", "#264653"),
        ["一周备餐", "Meal Prep"],
        ["番茄牛腩 ×2", "kimchi fried rice ×2", "鸡胸 + broccoli ×3", "total：$41.60"],
        accent="#e9c46a",
        signs=("🍱", "🥦"),
        foot="留学生 weekend routine",
    ),
    "meal-prep-2": lambda d: board("#6d8a96", "#3f5965", ["🥦", "🥕", "🍅", "🍗", "🧄", "🍋"]),
    "meal-prep-3": lambda d: bowl(
        d, ("#7d8597", "#5c677d"), "#e9ecef", "#c8553d", ["🍅", "🥩", "🥔", "🥕"]
    ),
    "meal-prep-4": lambda d: menu(
        "#fdf6e3",
        "#2a6f6b",
        "本周小票",
        [
            ("番茄 tomatoes", "$4.20"),
            ("牛腩 brisket", "$17.90"),
            ("西兰花 broccoli", "$5.50"),
            ("鸡胸 chicken", "$11.00"),
            ("kimchi", "$3.00"),
        ],
        sign="🧾",
        foot="AcmeMart · 11/15 · 谢谢光临",
    ),
    "knife-1": lambda d: caption(
        board("#8a9a86", "#566552", ["🥬", "🥩", "🥒", "🧄", "🌶️", "🥕"]),
        ["这把菜刀", "我用了三年"],
        size=130,
        top=90,
    ),
    "knife-2": lambda d: board("#9c6b4f", "#5f3d2c", ["🐟", "🍋", "🌿", "🧅", "🥔", "🍄"]),
    "pho": lambda d: caption(
        bowl(d, _WOOD, "#f1f1f1", "#c89b5a", ["🌿", "🥩", "🍋", "🌶️"]),
        ["Phở nhà nấu"],
        size=110,
        language="vi",
        top=120,
    ),
    "goute": lambda d: caption(
        cafe(d, "#d9c2a3", "#b8916a", "#ffffff", "🥐"),
        ["Le goûter"],
        size=130,
        language="en",
        top=1130,
    ),
    "chai": lambda d: caption(
        goods("#e9b872", "#90532c", "🫖", extra=("🍪", "🥛")),
        ["Adrak wali chai"],
        colour="#5a2e14",
        size=110,
        language="en",
        top=120,
    ),
    "tteok": lambda d: goods("#f2c6c6", "#c97b84", "🍡", extra=("🍵",)),
}

_THINGS: Mapping[str, Scene] = {
    "shoe-white": lambda d: shoe("#cfe0ea", "#8fa9b8", "#e4e9ee", "#2a6f97"),
    "shoe-red": lambda d: sticker(
        shoe("#f3d9cf", "#c79a8b", "#c8442f", "#23252b"), "二手 · 9成新 · 42码"
    ),
    "shoe-black": lambda d: sticker(
        shoe("#dad7cd", "#a3a18f", "#2b2d35", "#e3b04b"),
        "1:1 same factory, box + receipt",
        size=46,
        language="en",
    ),
    "bag-brown": lambda d: sticker(
        bag("#ead7c3", "#c4a484", "#8a4f2d"), "AcmeBag 高亻方 1:1 可过验"
    ),
    "bag-green": lambda d: bag("#dfe6da", "#a8b8a0", "#3f5f4a"),
    "bag-corner": lambda d: sticker(
        bag("#e6dbe8", "#b39ab8", "#4a2f55", "#d9d9d9"),
        "+V：acme_bag00",
        at=(760, 1370),
        size=40,
        ink="#4a2f55",
    ),
    "bag-canvas": lambda d: sticker(
        bag("#f4ead8", "#d8c3a0", "#c9b28a", "#8a6d3b"), "手工帆布 · 自家缝的", size=50
    ),
    "camera": lambda d: goods("#cdd6e0", "#8595a8", "📷"),
    "teapot": lambda d: sticker(
        goods("#e3d5ca", "#a98467", "🫖", extra=("🍵",)), "紫砂壶 · 景明窑 · 有收据", size=48
    ),
    "plant": lambda d: goods("#dcebdc", "#8fb08c", "🪴"),
    "lipstick": lambda d: goods("#f7d6d9", "#d08a94", "💄", extra=("🌹",)),
    "keyboard": lambda d: sticker(
        goods("#d8d4ea", "#8d86b3", "⌨️"), "교신저 환영 · 안전결제만", language="ko"
    ),
    "vape-1": lambda d: vapes("#d7e8f0", "#93b1c2", ["#e07a8a", "#6ea8d9", "#8fc79a"]),
    "vape-2": lambda d: sticker(
        vapes("#e9def0", "#ab97bd", ["#b39ddb", "#f4c26b", "#80cbc4"]),
        "12种口味 同城闪送 私",
        size=56,
    ),
    "cat-grey": lambda d: windowsill(d, ("#f6c9a8", "#fde8d2"), "#d8c9d6", "#8a8fa3"),
    "balcony": lambda d: windowsill(d, _NOON, "#dfe8e4", None),
    "medicine": lambda d: caption(
        goods("#dbe9f4", "#9db4c7", "💊", extra=("🌡️",)),
        ["一天几次？"],
        size=120,
        top=120,
        colour="#23527c",
    ),
}

#: Name of the file without its ending → how it is painted.
PHOTOS: Mapping[str, Scene] = {**_TRAVEL, **_FOOD, **_THINGS}
