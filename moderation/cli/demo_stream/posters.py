"""The pictures of the demo that are mostly words: posters, chats, menus, codes, screens."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from moderation.cli.demo_stream.landscapes import city, mountains
from moderation.cli.demo_stream.painting import Canvas
from moderation.cli.demo_stream.printed import (
    caption,
    cards,
    chart,
    chat,
    code_card,
    game,
    menu,
    news,
    paper,
    poster,
)
from moderation.cli.demo_stream.still_lifes import goods

_DUSK = ("#2b2350", "#7b3f72", "#e2725b", "#ffc48a")
_NIGHT = ("#0b1030", "#1d2b5c", "#3a4f86")

#: Name of the file without its ending → how it is painted.
POSTERS: Mapping[str, Callable[[np.random.Generator], Canvas]] = {
    "game-zh": lambda d: game(
        "赤鳞 · 首领",
        [
            "[队伍] 阿柚：先杀小怪再杀boss",
            "[队伍] 老周：我拉住，你们开枪！",
            "[队伍] 豆包：死了三次了，再来",
        ],
    ),
    "game-en": lambda d: game(
        "THE HOLLOW KING",
        [
            "[party] moss: kill the adds first",
            "[party] juno: headshot him NOW",
            "[party] pip: we wiped again lol",
        ],
        language="en",
        boss="👹",
        heroes=("🧝", "🗡️", "🪄"),
    ),
    "antifraud-1": lambda d: poster(
        d,
        ("#1d4e89", "#0b2545"),
        ["刷单", "就是诈骗"],
        [
            "先返小钱，再让你垫大钱",
            "“做完三单才能提现”=骗",
            "别下陌生App，别共享屏幕",
            "已经转账：马上报警",
        ],
        accent="#8ecae6",
        signs=("🚫", "📱"),
        foot="转给家里人看看",
    ),
    "antifraud-2": lambda d: chat(
        "派单老师（已举报）",
        [
            (False, ["宝，做任务一单返18"]),
            (True, ["我先做一单试试"]),
            (False, ["要先垫付128", "做满三单一起返"]),
            (True, ["不垫，已截图报警"]),
        ],
    ),
    "news-en": lambda d: news(
        "The Harbour Ledger",
        ["Council condemns", "slurs sprayed on wall"],
        [
            "Neighbours painted over the words within",
            "an hour. “Nobody here agrees with that,”",
            "said the baker across the road.",
        ],
        city(d, _DUSK, "#2a1a3a"),
        language="en",
    ),
    "news-zh": lambda d: news(
        "晨港日报",
        ["警方通报：捣毁一个", "网络赌博推广团伙"],
        ["据介绍，该团伙在社交平台发布", "“首充送彩金”等广告，涉案人员", "已被依法采取强制措施。"],
        city(d, _NIGHT, "#0c1226"),
        tint="#1d4e89",
    ),
    "defence-1": lambda d: poster(
        d,
        ("#5a189a", "#240046"),
        ["Self-defence", "for beginners"],
        [
            "How to break a grip",
            "How to fall and get up",
            "Shout, run, call for help",
            "Sat 10:00, Harbour Hall",
        ],
        accent="#c77dff",
        signs=("🥋", "💪"),
        language="en",
        foot="free · all ages · bring water",
        size=108,
    ),
    "defence-2": lambda d: code_card(
        ("#7b2cbf", "#3c096c"),
        "Sign up here",
        "https://harbourhall.example.org/class",
        ["harbourhall.example.org/class", "12 places left"],
        language="en",
        sign="🥋",
    ),
    "poker-night": lambda d: caption(
        cards(
            ("#2f6b4f", "#123c2c"), [("A", "♠"), ("K", "♥"), ("Q", "♣"), ("J", "♦"), ("10", "♠")], 5
        ),
        ["friday poker", "loser cooks"],
        size=110,
        language="en",
        top=70,
    ),
    "casino-1": lambda d: caption(
        cards(("#7a1029", "#2b0613"), [("A", "♥"), ("A", "♠"), ("A", "♦"), ("A", "♣")], 10),
        ["首充送88%", "提现秒到"],
        size=140,
        top=60,
        colour="#ffe066",
    ),
    "casino-2": lambda d: code_card(
        ("#b8860b", "#5a3d00"),
        "金鲤娱乐城",
        "https://jinli.example.net/r/88",
        ["扫码注册 送 88 彩金", "jinli.example.net"],
        sign="💰",
    ),
    "brushing-1": lambda d: poster(
        d,
        ("#ff5d8f", "#a4133c"),
        ["宝妈兼职", "日结300+"],
        ["手机就能做，一单3分钟", "点赞关注 / 垫付返现", "做满3单 佣金翻倍", "不收押金，名额剩7个"],
        accent="#ffd6e0",
        signs=("💰", "📱"),
        foot="想做的 思信我 备注「兼职」",
    ),
    "brushing-2": lambda d: chat(
        "任务群（168）",
        [
            (False, ["今天第四单 到账 318"]),
            (False, ["老师说连单返得更多", "本金 2000 返 2680"]),
            (True, ["我也要报名！"]),
            (False, ["先转 500 激活账户"]),
        ],
        ground="#fff1f3",
    ),
    "fukugyo": lambda d: poster(
        d,
        ("#f77f00", "#9d0208"),
        ["スマホだけで", "月30万円"],
        ["1日10分コピペするだけ", "初期費用 9,800円のみ", "返金保証あり！！", "LINE：fukugyo_00"],
        accent="#ffe8a3",
        signs=("💴", "📱"),
        language="ja",
        foot="残り3名 今すぐ追加",
    ),
    "dinero": lambda d: poster(
        d,
        ("#00b4d8", "#03045e"),
        ["Gana 300 €", "al día"],
        [
            "Sin jefe y sin experiencia",
            "Solo pagas 50 € de registro",
            "Duplica tu dinero en 24 h",
            "WhatsApp en mi perfil",
        ],
        accent="#caf0f8",
        signs=("💶", "🚀"),
        language="es",
        foot="plazas limitadas",
    ),
    "papers-1": lambda d: paper(
        "毕 业 证 书",
        [
            "学生 王样本，性别 男，",
            "于二〇二〇年在本校修完",
            "全部课程，成绩合格，",
            "准予毕业。",
            "",
            "云上大学（样本）",
        ],
        "样本",
        ground=("#7d5a44", "#4a3428"),
    ),
    "papers-2": lambda d: poster(
        d,
        ("#6c757d", "#212529"),
        ["办正 刻章"],
        ["毕业证 学位证 驾照", "三天出证 先看样后付款", "水印防伪 可查可验", "薇 ban_zheng00"],
        accent="#f8f9fa",
        signs=("📜",),
        foot="长期有效 欢迎转介绍",
    ),
    "clown": lambda d: caption(
        goods("#f9dc5c", "#c98b1b", "🤡"),
        ["评论区都是", "傻×吗"],
        size=150,
        top=110,
        colour="#6b3200",
    ),
    "nobody": lambda d: caption(
        mountains(d, ("#222b45", "#49507a", "#8a86b0"), "#5c5f8a", "#15172b", sun=None),
        ["nobody likes you,", "you stupid loser", "— go away, @pip_bakes"],
        size=84,
        language="en",
        top=240,
    ),
    "parcel": lambda d: paper(
        "快 递 面 单",
        [
            "收件人：王小例",
            "电话：138 0000 0000",
            "地址：示例市样例区",
            "      测试路 1 号 2 幢 301",
            "单位：虚构公司 三楼",
        ],
        "已签",
        ground=("#a98467", "#6c4f3d"),
    ),
    "invest-1": lambda d: chart(
        "星桥量化 · 今日收益", ["总资产   ¥ 1,286,400", "今日收益  + 18.6%", "导师带单，稳赚不赔"]
    ),
    "invest-2": lambda d: code_card(
        ("#0f4c5c", "#072a33"),
        "内部通道 仅限今晚",
        "https://starbridge.example.net/vip",
        ["扫码下载App 充值送20%", "老师一对一带单"],
        sign="📈",
    ),
    "museum": lambda d: code_card(
        ("#e9c46a", "#e76f51"),
        "常设展 · 语音导览",
        "https://museum.example.org/zh/guide",
        ["扫码免费收听", "周一闭馆 · 学生半价"],
        sign="🏺",
    ),
    "honest-price": lambda d: menu(
        "#f3f7ee",
        "#386641",
        "小店公告",
        [
            ("手工帆布包", "¥168"),
            ("修补拉链", "¥30"),
            ("刻名字", "¥15"),
            ("包邮", "满200"),
            ("七天退换", "可以"),
        ],
        sign="🧵",
        foot="只在平台下单，不加微信、不私下转账",
    ),
    "scam-shot": lambda d: chat(
        "“customs officer”",
        [
            (False, ["Your parcel is held.", "Pay 2.99 at the link"]),
            (True, ["I have no parcel"]),
            (False, ["Pay in 2h or police", "will come to you"]),
            (True, ["Blocked & reported."]),
        ],
        language="en",
        tint="#a8d1ff",
    ),
    "mum-chat": lambda d: chat(
        "妈妈",
        [
            (False, ["吃饭了吗", "给你寄了咸鸭蛋"]),
            (True, ["吃了！今天煮了面"]),
            (False, ["别老熬夜，", "再熬夜我打死你哈哈"]),
            (True, ["知道啦，爱你"]),
        ],
    ),
    "group-ko": lambda d: chat(
        "리딩방 · VIP",
        [
            (False, ["오늘 추천주 +32% 수익 인증"]),
            (False, ["입장료 30만원 입금하면", "원금 보장해 드립니다"]),
            (True, ["어디로 입금하나요?"]),
            (False, ["오픈채팅 vip0000 으로 오세요"]),
        ],
        language="ko",
        tint="#ffe066",
    ),
    "marathon": lambda d: poster(
        d,
        ("#06d6a0", "#118ab2"),
        ["河岸半马", "志愿者招募"],
        [
            "补给点 12 人，引导 8 人",
            "早餐和雨衣我们准备",
            "志愿服务，没有报酬",
            "平台内报名，截止周日",
        ],
        accent="#ffffff",
        signs=("🏃", "🍌"),
        foot="跑不动也可以来加油",
    ),
}
