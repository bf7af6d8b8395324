"""The policy in force, to read: rules in sentences, what applies where, what authors are told; and
its versions, to propose, approve, try, put into force and roll back."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from dashboard import connection, rule_words, session, templates, troubles, wording
from dashboard.views import policy_versions
from moderation.policy import PackSet
from moderation.policy.inheritance import ELSEWHERE, CompiledRule


def page() -> None:
    """Choose a region; read its rules."""
    with troubles.told():
        packs = connection.packs()
    templates.show(
        "page_head",
        title="Policy",
        words=f"{len(packs.in_force)} packs in force, version {packs.content_hash[7:19]}",
    )
    with st.container():  # always there, so that the tabs below keep their place and what is open
        for message in session.required().take_messages():
            st.success(message.text, icon=":material/check:")
    for problem in packs.notes:
        st.warning(templates.plain_markdown(str(problem)), icon=":material/warning:")
    if connection.policy().problem:
        said = templates.plain_markdown(connection.policy().problem)
        st.error(f"Something newer is not in force: {said}", icon=":material/error:")
    with st.container(horizontal=True, vertical_alignment="bottom"):
        regions = [*packs.regions, ELSEWHERE]
        first = next((r for r in connection.settings().regions if r in regions), ELSEWHERE)
        region = st.selectbox(
            "Viewers in",
            regions,
            index=regions.index(first),
            format_func=lambda name: name or "Everywhere else",
            width=180,
        )
        wanted = st.text_input(
            "Search", placeholder="rule, category, words of the law", max_chars=100, width=320
        )
    rules = [rule for rule in packs.compiled if region in rule.regions]
    shown = [rule for rule in rules if _matches(rule, wanted)]
    in_sentences, table, notices, files, versions, trial = st.tabs(
        ["Rules in sentences", "What applies where", "Notices", "Packs", "Versions", "Trial"]
    )
    with in_sentences:
        _sentences(shown)
    with table:
        _matrix(packs, wanted)
    with notices:
        _notices(packs, region)
    with files:
        _packs(packs)
    with versions:
        policy_versions.show_versions()
    with trial:
        policy_versions.show_trial()


def _matches(rule: CompiledRule, wanted: str) -> bool:
    text = " ".join(
        [
            rule.rule.id,
            rule.rule.category,
            wording.category_title(rule.rule.category),
            rule.rule.title or "",
            rule.pack,
            *rule.cites,
        ]
    )
    return wanted.strip().lower() in text.lower()


def _sentences(rules: list[CompiledRule]) -> None:
    if not rules:
        templates.show("no_rules")
        return
    ordered = sorted(rules, key=lambda r: (r.rule.severity.rank, r.rule.category, r.rule.id))
    rows = [
        {
            "id": compiled.rule.id,
            "title": compiled.rule.title,
            "severity": compiled.rule.severity.value,
            "level": compiled.rule.severity.rank,
            "category": compiled.rule.category,
            "floor": compiled.rule.lock == "floor",
            "when": rule_words.when(compiled.rule.when),
            "then": rule_words.then(compiled.rule),
            "people": rule_words.people(compiled.rule),
            "queue": compiled.rule.queue,
            "scope": "everywhere" if compiled.baseline else "in this territory only",
            "chain": compiled.chain,
            "cites": compiled.cites,
            "exceptions": compiled.rule.exceptions,
            "verify": compiled.rule.verify,
        }
        for compiled in ordered
    ]
    templates.show("rule_sentences", rows=rows)


def _matrix(packs: PackSet, wanted: str) -> None:
    regions = [*packs.regions, ELSEWHERE]
    found: dict[tuple[str, str], dict[str, str]] = {}
    for compiled in packs.compiled:
        if not _matches(compiled, wanted):
            continue
        key = (wording.category_title(compiled.rule.category), compiled.rule.id)
        cells = found.setdefault(key, {})
        for region in compiled.regions:
            cells[region] = rule_words.then(compiled.rule)
    if not found:
        templates.show("no_rules")
        return
    table = pd.DataFrame(
        [
            {"Category": category, "Rule": rule}
            | {region or "Elsewhere": cells.get(region, "") for region in regions}
            for (category, rule), cells in sorted(found.items())
        ]
    )
    st.dataframe(table, hide_index=True, width="stretch", height=620, row_height=32)


def _notices(packs: PackSet, region: str) -> None:
    holding = packs.packs_for(region)
    codes = sorted({code for pack in holding for code in pack.notices})
    languages = sorted(
        {tag for pack in holding for texts in pack.notices.values() for tag in texts}
    )
    if not codes:
        templates.show("no_rules")
        return
    language = st.pills(
        "Language of the notice", languages, default="en" if "en" in languages else None
    )
    rows = []
    for code in codes:
        texts: dict[str, str] = {}
        for pack in holding:
            texts.update(pack.notices.get(code, {}))
        rows.append((code, texts.get(language or "en", ""), sorted(texts)))
    templates.show("notices", rows=rows, language=language or "en")


def _packs(packs: PackSet) -> None:
    table = pd.DataFrame(
        [
            {
                "Pack": pack.id,
                "Version": pack.pack.version,
                "Kind": pack.pack.kind.value,
                "Territory": " ".join(pack.pack.territory),
                "Inherits": pack.pack.inherits or "–",
                "Status": pack.pack.status.value if pack.id in packs.in_force else "not in force",
                "Rules": len(pack.rules),
                "Overrides": len(pack.overrides),
                "In force from": pack.pack.effective_from,
                "Reviewed": pack.pack.reviewed.on,
                "Next review": pack.pack.reviewed.next_due,
            }
            for pack in packs.packs.values()
        ]
    )
    st.dataframe(table, hide_index=True, width="stretch", row_height=32)
