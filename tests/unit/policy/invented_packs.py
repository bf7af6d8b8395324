"""Strategies that invent packs and items, to try the evaluator on what nobody thought of."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
from hypothesis import strategies as st

from moderation.items import Order
from moderation.policy import Facts
from moderation.policy.facts import order_columns
from moderation.taxonomy import CATEGORY_IDS

CATEGORIES = ("hate", "spam", "fraud_phishing", "self_harm")
LEVELS = (0.2, 0.5, 0.8, 0.95)
TERRITORIES = {"de": ["DE"], "fr": ["FR"], "am": ["CA", "US"], "in": ["IN"]}
REGIONS = ("DE", "FR", "US", "CA", "IN", "ZZ")
TAGS = ("news", "satire", "political_speech")
RESTRICTIONS = (
    "allow_with_label",
    "interstitial",
    "age_gate",
    "hold_for_review",
    "limit_distribution",
    "stop_distribution",
    "limit_feature",
    "suspend_account",
    "payout_hold",
    "support_resources",
    "queue_for_review",
)

_leaves = st.one_of(
    st.builds(
        lambda c, g: {"score": {"category": c, "gte": g}},
        st.sampled_from(CATEGORIES),
        st.sampled_from(LEVELS),
    ),
    st.sampled_from(
        [
            {"surface": ["post", "comment"]},
            {"surface": ["direct_message"]},
            {"author_age": ["under_13", "unknown"]},
            {"declared_synthetic": True},
            {"declared_synthetic": False},
            {"image_tag": ["mark"]},
            {"account_age_days": {"lt": 7}},
            {"reach": {"views_gte": 1000}},
            {"language": ["zh", "mixed"]},
            {"report": {"from": "user"}},
            {"order": {"verified": True}},
        ]
    ),
)
conditions = st.recursive(
    _leaves,
    lambda inner: st.one_of(
        st.builds(lambda parts: {"all": parts}, st.lists(inner, min_size=1, max_size=3)),
        st.builds(lambda parts: {"any": parts}, st.lists(inner, min_size=1, max_size=3)),
        st.builds(lambda part: {"not": part}, inner),
    ),
    max_leaves=4,
)


@st.composite
def rules(draw: st.DrawFn, rule_id: str, *, baseline: bool) -> dict[str, Any]:
    """One valid rule."""
    strongest = "remove" if baseline else "geo_restrict"
    actions = draw(
        st.lists(st.sampled_from((*RESTRICTIONS, strongest)), min_size=1, max_size=2, unique=True)
    )
    floor = baseline and draw(st.booleans())
    return {
        "id": rule_id,
        "category": "any",
        "severity": draw(st.sampled_from(("P0", "P1", "P2", "P3", "P4"))),
        "lock": "floor" if floor else "none",
        "when": draw(conditions),
        "actions": actions,
        "scope": "global" if baseline else "pack_territory",
        "queue": draw(st.sampled_from(("general", "special", "none"))),
        "sla": {"clock": "detected", "minutes": draw(st.sampled_from((15, 60, 240)))},
        "human": {"mode": draw(st.sampled_from(("before_final", "after_interim_action")))},
        "legal_basis": ["TC" if baseline else "LAW"],
        "reason_code": "RC-100",
        "exceptions": [] if floor else draw(st.lists(st.sampled_from(TAGS[:2]), max_size=1)),
    }


def _pack(pack_id: str, rules: list[dict[str, Any]], **more: Any) -> dict[str, Any]:
    baseline = pack_id == "baseline"
    return {
        "schema": "policy-pack/1",
        "pack": {
            "id": pack_id,
            "version": "1.0.0",
            "kind": "baseline" if baseline else "regional",
            "territory": ["001"] if baseline else TERRITORIES[pack_id],
            "inherits": None if baseline else "baseline",
            "effective_from": "2026-01-01",
            "status": "enabled",
            "reviewed": {"roles": ["policy"], "on": "2026-01-01", "next_due": "2030-01-01"},
        },
        "legal_bases": {"TC": {"kind": "terms", "cite": "Rules 1"}}
        if baseline
        else {"LAW": {"kind": "statute", "cite": "Law 1"}},
        "rules": rules,
        "notices": {"RC-100": {"en": "A notice.", "zh-Hans": "通知。"}},
        **more,
    }


@st.composite
def pack_files(draw: st.DrawFn) -> dict[str, Any]:
    """A baseline and some regional packs, as data by file name."""
    baseline = [draw(rules(f"B-{n}", baseline=True)) for n in range(draw(st.integers(1, 4)))]
    files = {"baseline.yaml": _pack("baseline", baseline)}
    for name in draw(st.lists(st.sampled_from(sorted(TERRITORIES)), unique=True, max_size=3)):
        own = [
            draw(rules(f"{name.upper()}-{n}", baseline=False))
            for n in range(draw(st.integers(0, 3)))
        ]
        overrides = [
            {"rule": draw(st.sampled_from([r["id"] for r in baseline])), "set": change}
            | {"legal_basis": ["LAW"]}
            for change in draw(st.lists(_changes, max_size=2))
        ]
        files[f"{name}.yaml"] = _pack(name, own, overrides=overrides)
    return files


_changes = st.one_of(
    st.builds(
        lambda c, g: {"thresholds": {c: g}}, st.sampled_from(CATEGORIES), st.sampled_from(LEVELS)
    ),
    st.builds(lambda m: {"sla": {"minutes": m}}, st.sampled_from((5, 60, 600))),
    st.builds(
        lambda a: {"actions": {"add": [a]}}, st.sampled_from((*RESTRICTIONS, "geo_restrict"))
    ),
    st.just({"severity": "P0"}),
)


def as_bytes(files: dict[str, Any]) -> dict[str, bytes]:
    """JSON is YAML, and quick to parse."""
    return {name: json.dumps(content).encode() for name, content in files.items()}


@st.composite
def facts(draw: st.DrawFn, *, most: int = 5) -> Facts:
    """Columns of a few items."""
    n = draw(st.integers(1, most))

    def column(strategy: st.SearchStrategy[Any]) -> list[Any]:
        return draw(st.lists(strategy, min_size=n, max_size=n))

    scores = np.full((n, len(CATEGORY_IDS)), np.nan, dtype=np.float32)
    levels = st.sampled_from((float("nan"), 0.1, *LEVELS, 1.0))
    for name in CATEGORIES:
        scores[:, CATEGORY_IDS.index(name)] = column(levels)
    ordered = column(st.sampled_from((None, 0, 1)))
    reported = column(st.sampled_from((None, "user", "victim")))
    return Facts.from_columns(
        scores,
        surface=column(st.sampled_from(("post", "comment", "direct_message"))),
        author_age=column(st.sampled_from(("under_13", "18_plus", "unknown"))),
        declared_synthetic=np.array(column(st.sampled_from((-1, 0, 1))), dtype=np.int8),
        account_age_days=column(st.sampled_from((float("nan"), 1.0, 100.0))),
        views=column(st.sampled_from((float("nan"), 10.0, 5000.0))),
        language=column(st.sampled_from(("zh-Hans", "en", "und"))),
        mixed_language=column(st.booleans()),
        report_kind=["note" if source else None for source in reported],
        report_source=reported,
        report_complete=np.array([-1 if s is None else 0 for s in reported], dtype=np.int8),
        orders=order_columns(
            [
                [] if g is None else [Order(kind="court", territory="DE", verified=g)]
                for g in ordered
            ]
        ),
        context_tags={tag: np.array(column(st.booleans())) for tag in TAGS},
        image_tags={"mark": np.array(column(st.booleans()))},
    )
