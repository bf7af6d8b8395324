"""Broken and hostile pack files: an error with file, line, rule and field, and nothing loads."""

from __future__ import annotations

from pathlib import Path

import pytest

from moderation.policy import PackError, PackSet, load_packs
from moderation.policy.document import MAX_BYTES, read_document
from tests.unit.policy.altered import TODAY, altered, problems_of


def refusal(content: bytes) -> str:
    with pytest.raises(PackError) as caught:
        read_document("pack.yaml", content)
    return str(caught.value)


def test_an_exploding_file_of_anchors_is_refused_at_its_first_anchor() -> None:
    bomb = b"a: &a [x, x]\nb: &b [*a, *a, *a]\nc: [*b, *b, *b]\n"
    assert refusal(bomb).startswith("pack.yaml:1, field a: anchors and aliases are not allowed")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"a: 1\nb: 2\na: 3\n", "pack.yaml:3, field a: the key 'a' is already on line 1"),
        (b"a: !!python/object/apply:os.system [ls]\n", "pack.yaml:1, field a: the tag"),
        (b"a: {b: 2026-02-30}\n", "pack.yaml:1, field a.b: 2026-02-30 is not a date"),
        (b"a: [1, 2\nb: 3\n", "pack.yaml:2: not valid YAML"),
        (b"a: 1\n---\nb: 2\n", "pack.yaml:2: a second document"),
        (b"", "pack.yaml:1: the file is empty"),
        (b"a: \xff\xfe\n", "pack.yaml:1: not UTF-8"),
        (b"a: \x07\n", "not valid YAML"),
        (b"{[a]: 1}\n", "pack.yaml:1: a key must be a plain word"),
        (b"[" * 5000, "nested deeper than"),
        (b"x" * (MAX_BYTES + 1), "larger than 1,000,000 bytes"),
    ],
)
def test_a_broken_file_is_refused_with_its_line(content: bytes, said: str) -> None:
    assert said in refusal(content)


def test_words_stay_words_and_norway_stays_norway() -> None:
    document = read_document("pack.yaml", b"a: [NO, off, yes, 1e3, '01', 007, 1_000, 2026-01-02]")
    values = document.data["a"]
    assert values[:3] == ["NO", "off", "yes"]
    assert values[3:7] == [1000.0, "01", "007", "1_000"]
    assert values[7].isoformat() == "2026-01-02"


@pytest.mark.parametrize(
    ("file", "before", "after", "rule", "field", "said"),
    [
        ("de.yaml", "severity: P2", "severty: P2", "DE-86A-01", "severty", "unknown field"),
        ("de.yaml", "severity: P2", "severity: P7", "DE-86A-01", "severity", "P0"),
        ("de.yaml", "category: hate", "category: haet", "DE-86A-01", "category", "haet"),
        ("de.yaml", "[geo_restrict]", "[geo_restrikt]", "DE-86A-01", "actions[0]", "geo_restrikt"),
        ("de.yaml", "exceptions: [news", "exceptions: [nwes", "DE-86A-01", "exceptions", "nwes"),
        ("de.yaml", "inherits: eu", "inherits: de", "", "pack", "inherits from itself"),
        ("de.yaml", "inherits: eu", "inherits: xx", "", "pack.inherits", "there is no pack 'xx'"),
        ("de.yaml", "territory: [DE]", "territory: [DE, US]", "", "pack.territory", "US is not"),
        ("in.yaml", "gte: 0.80", "gte: 80", "IN-SGI-01", "when.all[0].score.gte", "less than"),
        ("in.yaml", "rule: B-NCII-01", "rule: B-NCI-01", "B-NCI-01", "rule", "no such rule"),
        (
            "in.yaml",
            "declared_synthetic: false",
            "declared_synthetic: false, surface: [post]",
            "IN-SGI-01",
            "when.all[1]",
            "exactly one predicate",
        ),
        (
            "baseline.yaml",
            "next_due: 2027-05-22",
            "next_due: 2026-05-22",
            "",
            "pack.reviewed",
            "must be after",
        ),
    ],
)
def test_a_mistake_is_named_with_file_line_rule_field_and_what_to_do(
    shipped: PackSet, file: str, before: str, after: str, rule: str, field: str, said: str
) -> None:
    files = altered(shipped, file, (before, after))
    [problem] = [p for p in problems_of(files) if said in p.message]
    assert (problem.file, problem.rule, problem.field) == (file, rule, field)
    line = files[file].decode().splitlines()[problem.line - 1]
    assert after in line


def test_two_packs_that_inherit_in_a_circle_are_refused(shipped: PackSet) -> None:
    files = altered(shipped, "eu.yaml", ("inherits: baseline", "inherits: de"))
    assert any("circle" in problem.message for problem in problems_of(files))


def test_a_rule_id_belongs_to_one_pack(shipped: PackSet) -> None:
    files = altered(shipped, "de.yaml", ("id: DE-86A-01", "id: B-HATE-01"))
    [problem] = problems_of(files)
    assert "already in baseline.yaml; use an override" in problem.message


def test_every_problem_of_every_file_is_reported_at_once(shipped: PackSet) -> None:
    files = altered(shipped, "de.yaml", ("severity: P2", "severity: P7"))
    files = {**files, "us.yaml": b"schema: nonsense"}
    assert {problem.file for problem in problems_of(files)} == {"de.yaml", "us.yaml"}


def test_without_a_baseline_nothing_loads(shipped: PackSet, tmp_path: Path) -> None:
    with pytest.raises(PackError, match="no baseline"):
        load_packs(tmp_path, today=TODAY)
    with pytest.raises(PackError, match="no such folder"):
        load_packs(tmp_path / "absent", today=TODAY)
