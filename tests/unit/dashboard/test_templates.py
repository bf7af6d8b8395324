"""The panels: every value is escaped, whoever wrote it."""

from __future__ import annotations

import pytest

from dashboard.templates import plain_markdown, render

_EVIL = "<img src=x onerror=alert(1)>"


@pytest.mark.parametrize(
    ("template", "values"),
    [
        (
            "headline",
            {
                "lane": 2,
                "category": _EVIL,
                "surface": _EVIL,
                "language": _EVIL,
                "languages": [_EVIL],
                "queue": _EVIL,
                "purpose": "review",
                "item_id": _EVIL,
            },
        ),
        ("why", {"gauges": [(_EVIL, _EVIL, 0.5, 2)], "why": [_EVIL]}),
        ("trouble", {"kind": _EVIL, "message": _EVIL}),
        ("who", {"name": _EVIL, "languages": [_EVIL]}),
        (
            "conversation",
            {
                "name": "Conversation",
                "total": 1,
                "flagged": 1,
                "labels": [],
                "notes": [_EVIL],
                "people": [(_EVIL, [_EVIL])],
                "rows": [
                    {
                        "number": 1,
                        "speaker": _EVIL,
                        "role": _EVIL,
                        "seconds": None,
                        "body": _EVIL,
                        "flag": (_EVIL, 1),
                        "notes": [_EVIL],
                        "words": [],
                        "language": "en",
                    }
                ],
            },
        ),
        ("notices", {"rows": [(_EVIL, _EVIL, [_EVIL])], "language": _EVIL}),
    ],
)
def test_markup_in_a_value_stays_text(template: str, values: dict[str, object]) -> None:
    shown = str(render(template, **values))
    assert "<img" not in shown
    assert "&lt;img" in shown


def test_markdown_signs_mean_nothing_where_streamlit_renders_markdown() -> None:
    assert plain_markdown("a*b_[x](y) :red[z] $1") == r"a\*b\_\[x\]\(y\) \:red\[z\] \$1"
