"""Facts: what rules may know about items, as columns. One item is a table of one row."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from moderation.items import AgeBracket, Item, Order, OrderDemand, ReportSource, Surface
from moderation.policy.columns import Bools, Codes, Floats, Labels, Orders, Strike, Strikes
from moderation.signals import Assessment
from moderation.taxonomy import CATEGORIES, CATEGORY_IDS

SURFACES: tuple[str, ...] = tuple(Surface)
AGES: tuple[str, ...] = tuple(AgeBracket)
SOURCES: tuple[str, ...] = tuple(ReportSource)
_SURFACE_CODE = {name: code for code, name in enumerate(SURFACES)}
_AGE_CODE = {name: code for code, name in enumerate(AGES)}
_SOURCE_CODE = {name: code for code, name in enumerate(SOURCES)}
_COLUMN = {name: index for index, name in enumerate(CATEGORY_IDS)}
_WORLD_WORDS = frozenset({"WORLD", "WORLDWIDE", "GLOBAL", "001", "EVERYWHERE"})


_Tags = Mapping[str, Bools]


@dataclass(frozen=True, slots=True)
class Facts:
    """Columns of n items. Unknown is NaN in float columns and -1 in codes.

    Attributes:
        scores: `(n, 28)` float32, calibrated probability in the order of `CATEGORY_IDS`; NaN where
            a category has no detector.
        surface, author_age, recipient_age, viewer_age, report_source: int8 codes into `SURFACES`,
            `AGES`, `SOURCES`.
        account_age_days, views, room_size, views_per_hour: float32.
        declared_synthetic, report_complete, guardian_linked: int8, 0 no, 1 yes.
        orders: the first order of each item, then the second …
        hash_match, context_tags, image_tags, reviewer_labels, problems, aspects: tag → `(n,)`
            bool. Context tags are those a reviewer or the platform confirmed.
        keyword_hits: phrase bank → `(n,)` int32 number of hits.
        observations: name of a signal without category → `(n,)` float32 probability, 0 where it
            was not made.
    """

    scores: Floats
    ids: tuple[str, ...]
    surface: Codes
    author_age: Codes
    recipient_age: Codes
    viewer_age: Codes
    guardian_linked: Codes
    account_age_days: Floats
    views: Floats
    room_size: Floats
    views_per_hour: Floats
    declared_synthetic: Codes
    language: Labels
    mixed_language: Bools
    author_region: Labels
    report_kind: Labels
    report_source: Codes
    report_complete: Codes
    prior_warning: Bools
    orders: tuple[Orders, ...] = ()
    hash_match: _Tags = field(default_factory=dict)
    context_tags: _Tags = field(default_factory=dict)
    image_tags: _Tags = field(default_factory=dict)
    reviewer_labels: _Tags = field(default_factory=dict)
    problems: _Tags = field(default_factory=dict)
    aspects: _Tags = field(default_factory=dict)
    keyword_hits: Mapping[str, npt.NDArray[np.int32]] = field(default_factory=dict)
    observations: Mapping[str, Floats] = field(default_factory=dict)
    strikes: Strikes | None = None

    def __len__(self) -> int:
        return len(self.scores)

    @classmethod
    def from_columns(
        cls, scores: npt.ArrayLike, *, ids: Sequence[str] | None = None, **columns: Any
    ) -> Self:
        """Facts from arrays; any column that is not given is unknown.

        Args:
            scores: `(n, 28)` probabilities.
            ids: item ids; row numbers if not given.
            **columns: attributes of this class. Code columns also take names (`surface=["post",
                …]`), label columns take names or None, tag columns a mapping tag → bools.

        Raises:
            ValueError: a column has another length, or a name is unknown.
        """
        matrix = np.asarray(scores, dtype=np.float32)
        if matrix.ndim != 2 or matrix.shape[1] != len(CATEGORY_IDS):
            raise ValueError(f"scores must be (n, {len(CATEGORY_IDS)}), these are {matrix.shape}")
        n = len(matrix)
        given = {name: _column(name, value) for name, value in columns.items()}
        for name, default in _DEFAULTS.items():
            if name not in given:
                given[name] = _unknown(default, n)
        for name, value in given.items():
            parts = value.values() if isinstance(value, Mapping) else (value,)
            for part in parts:
                length = len(part.codes) if isinstance(part, Labels) else None
                length = len(part) if isinstance(part, np.ndarray) else length
                if length is not None and length != n:
                    raise ValueError(f"column {name} has {length} rows, scores have {n}")
        names = tuple(ids) if ids is not None else tuple(map(str, range(n)))
        return cls(scores=matrix, ids=names, **given)

    @classmethod
    def from_items(
        cls,
        items: Sequence[Item],
        assessments: Sequence[Assessment],
        *,
        strikes: Sequence[Sequence[Strike]] | None = None,
        prior_warning: Sequence[bool] | None = None,
        reviewer_labels: Sequence[Iterable[str]] | None = None,
        viewer_age: AgeBracket | None = None,
    ) -> Self:
        """Facts of items and what the classifiers said of them, one row each, in order.

        Args:
            items: the items.
            assessments: their assessments.
            strikes: of each item's author.
            prior_warning: whether each item's author was warned before; a strike named
                `author_warned` says so too.
            reviewer_labels: what reviewers confirmed, such as `csae_confirmed`.
            viewer_age: bracket of the viewer, where one viewer is asked for.
        """
        n = len(items)
        if len(assessments) != n:
            raise ValueError(f"{n} items and {len(assessments)} assessments")
        scores = np.full((n, len(CATEGORY_IDS)), np.nan, dtype=np.float32)
        for row, assessment in enumerate(assessments):
            for name, probability in assessment.scores.items():
                scores[row, _COLUMN[name]] = probability
        extra: dict[str, Any] = {}
        if strikes is not None:
            extra["strikes"] = Strikes.of(strikes)
        if prior_warning is not None:
            extra["prior_warning"] = np.array(prior_warning, dtype=bool)
        if reviewer_labels is not None:
            extra["reviewer_labels"] = _tags(reviewer_labels)
        age = -1 if viewer_age is None else _AGE_CODE[viewer_age]
        return cls(
            scores=scores,
            ids=tuple([item.id for item in items]),
            surface=_codes([_SURFACE_CODE[item.surface] for item in items]),
            author_age=_codes([_AGE_CODE[item.author.age] for item in items]),
            recipient_age=_codes(
                [-1 if i.recipient_age is None else _AGE_CODE[i.recipient_age] for i in items]
            ),
            viewer_age=np.full(n, age, dtype=np.int8),
            guardian_linked=_codes([item.author.guardian_linked for item in items]),
            account_age_days=_floats([item.author.account_age_days for item in items]),
            views=_floats([item.audience.expected_views for item in items]),
            room_size=_floats([item.audience.room_size for item in items]),
            views_per_hour=_floats([item.audience.views_per_hour for item in items]),
            declared_synthetic=_yes_no([item.declared_synthetic for item in items]),
            language=Labels.of([assessment.language for assessment in assessments]),
            mixed_language=np.array([len(a.languages) > 1 for a in assessments], dtype=bool),
            author_region=Labels.of([item.author.region for item in items]),
            hash_match=_tags([_hash_lists(i, a) for i, a in zip(items, assessments, strict=True)]),
            report_kind=Labels.of([item.report.kind if item.report else None for item in items]),
            report_source=_codes(
                [-1 if i.report is None else _SOURCE_CODE[i.report.source] for i in items]
            ),
            report_complete=_yes_no([i.report.complete if i.report else None for i in items]),
            orders=order_columns([item.orders for item in items]),
            context_tags=_tags([_context(item) for item in items]),
            image_tags=_tags([item.image_tags for item in items]),
            problems=_tags([[p.code for p in a.problems] for a in assessments]),
            aspects=_tags([_aspects(a) for a in assessments]),
            keyword_hits=_keyword_hits(assessments),
            observations=_observations(assessments),
            **({"prior_warning": np.zeros(n, dtype=bool)} | extra),
        )

    @property
    def order_conflict(self) -> Bools:
        """`(n,)` whether verified orders contradict each other."""
        restrict = np.zeros(len(self), dtype=bool)
        carry = np.zeros(len(self), dtype=bool)
        for orders in self.orders:
            verified = orders.verified == 1
            restrict |= verified & ~orders.must_carry
            carry |= verified & orders.must_carry
        return np.asarray(restrict & carry)

    def rows(self, start: int, stop: int) -> Facts:
        """Some rows, as views on these columns."""
        part = slice(start, min(stop, len(self)))
        return replace(self, **{f.name: _rows(getattr(self, f.name), part) for f in fields(self)})


_DEFAULTS: Mapping[str, str] = {
    **dict.fromkeys(("surface", "author_age", "recipient_age", "viewer_age"), "code"),
    **dict.fromkeys(("guardian_linked", "declared_synthetic"), "code"),
    **dict.fromkeys(("report_source", "report_complete"), "code"),
    **dict.fromkeys(("account_age_days", "views", "room_size", "views_per_hour"), "float"),
    **dict.fromkeys(("language", "author_region", "report_kind"), "label"),
    **dict.fromkeys(("mixed_language", "prior_warning"), "bool"),
}
_NAMED_CODES: Mapping[str, Mapping[str, int]] = {
    "surface": _SURFACE_CODE,
    "author_age": _AGE_CODE,
    "recipient_age": _AGE_CODE,
    "viewer_age": _AGE_CODE,
    "report_source": _SOURCE_CODE,
}


def _unknown(kind: str, n: int) -> Any:
    if kind == "code":
        return np.full(n, -1, dtype=np.int8)
    if kind == "float":
        return np.full(n, np.nan, dtype=np.float32)
    if kind == "bool":
        return np.zeros(n, dtype=bool)
    return Labels(np.full(n, -1, dtype=np.int32), ())


def _column(name: str, value: Any) -> Any:
    kind = _DEFAULTS.get(name)
    if kind is None or isinstance(value, Labels):
        return value
    if kind == "label":
        return Labels.of(list(value))
    if kind == "float":
        return np.asarray(value, dtype=np.float32)
    if kind == "bool":
        return np.asarray(value, dtype=bool)
    if name in _NAMED_CODES and not isinstance(value, np.ndarray):
        table = _NAMED_CODES[name]
        try:
            return _codes(
                [-1 if v is None else v if isinstance(v, int) else table[v] for v in value]
            )
        except KeyError as error:
            raise ValueError(f"column {name}: unknown name {error}") from None
    return np.asarray(value, dtype=np.int8)


def _rows(value: Any, part: slice) -> Any:
    if isinstance(value, (Labels, Strikes)):
        return value.rows(part)
    if isinstance(value, Mapping):
        return {tag: column[part] for tag, column in value.items()}
    if isinstance(value, tuple):
        return value[part] if value and isinstance(value[0], str) else _orders_in(value, part)
    return None if value is None else value[part]


def _orders_in(orders: tuple[Orders, ...], part: slice) -> tuple[Orders, ...]:
    return tuple(each.rows(part) for each in orders)


def _codes(values: Sequence[int]) -> Codes:
    return np.array(values, dtype=np.int8)


def _floats(values: Sequence[float | None]) -> Floats:
    return np.array([np.nan if value is None else value for value in values], dtype=np.float32)


def _yes_no(values: Sequence[bool | None]) -> Codes:
    return np.array([-1 if value is None else value for value in values], dtype=np.int8)


def _tags(values: Sequence[Iterable[str]]) -> dict[str, Bools]:
    found: dict[str, Bools] = {}
    for row, tags in enumerate(values):
        for tag in tags:
            if tag not in found:
                found[tag] = np.zeros(len(values), dtype=bool)
            found[tag][row] = True
    return found


def order_columns(orders: Sequence[Sequence[Order]]) -> tuple[Orders, ...]:
    """The orders of n items as columns: all first ones, all second ones …"""
    most = max(map(len, orders), default=0)
    found = []
    for place in range(most):
        at = [own[place] if place < len(own) else None for own in orders]
        where = [order_territory(order) for order in at]
        found.append(
            Orders(
                Labels.of([order.kind if order else None for order in at]),
                Labels.of([territory for territory, _ in where]),
                _yes_no([order.verified if order else None for order in at]),
                np.array([worldwide for _, worldwide in where], dtype=bool),
                np.array(
                    [o is not None and o.demand is OrderDemand.MUST_CARRY for o in at], dtype=bool
                ),
            )
        )
    return tuple(found)


def order_territory(order: Order | None) -> tuple[str | None, bool]:
    """Territory of an order, and whether it asks for more than that territory. An order is served
    where its authority has power: 'IN worldwide' is an order for IN that claims the world."""
    if order is None:
        return None, False
    words = [word for word in re.split(r"[^A-Za-z0-9]+", order.territory.upper()) if word]
    codes = [word for word in words if len(word) == 2]
    worldwide = any(word in _WORLD_WORDS for word in words) or len(codes) > 1
    return (codes[0] if codes else None), worldwide


def _context(item: Item) -> tuple[str, ...]:
    if item.author.verified_business and "own_business_contact" in item.context_tags:
        return (*item.context_tags, "own_business_contact_on_verified_profile")
    return item.context_tags


def _aspects(assessment: Assessment) -> list[str]:
    strongest: dict[str, tuple[float, str]] = {}
    for signal in assessment.signals:
        if signal.category and signal.aspect:
            best = strongest.get(signal.category, (-1.0, ""))
            strongest[signal.category] = max(best, (signal.probability, signal.aspect))
    return [f"{category}:{aspect}" for category, (_, aspect) in strongest.items()]


def _matches(assessment: Assessment) -> Iterable[tuple[str, float]]:
    for signal in assessment.signals:
        for evidence in signal.evidence:
            if evidence.kind == "bank_match":
                yield evidence.bank, evidence.distance


def _hash_lists(item: Item, assessment: Assessment) -> set[str]:
    """Lists that an image of the item is on. Only an identical image is a verified match; near
    copies are signals for a reviewer."""
    found = {bank for bank, distance in _matches(assessment) if distance == 0}
    return found | {item.hash_match} if item.hash_match else found


def _keyword_hits(assessments: Sequence[Assessment]) -> dict[str, npt.NDArray[np.int32]]:
    found: dict[str, npt.NDArray[np.int32]] = {}
    for row, assessment in enumerate(assessments):
        for bank, _ in _matches(assessment):
            if bank not in found:
                found[bank] = np.zeros(len(assessments), dtype=np.int32)
            found[bank][row] += 1
    return found


def _observations(assessments: Sequence[Assessment]) -> dict[str, Floats]:
    found: dict[str, Floats] = {}
    for row, assessment in enumerate(assessments):
        for signal in assessment.signals:
            if signal.category is None:
                if signal.name not in found:
                    found[signal.name] = np.zeros(len(assessments), dtype=np.float32)
                column = found[signal.name]
                column[row] = max(column[row], signal.probability)
    return found


def severity_shift(facts: Facts, row: int) -> int:
    """Levels by which circumstances change severity: a live room above 1,000 listeners and a
    recipient under 18 make it worse (-1 each); satire, news or education milder (+1)."""
    shift = 0
    if facts.room_size[row] > 1000:
        shift -= 1
    if 0 <= facts.recipient_age[row] <= AGES.index(AgeBracket.FROM_16_TO_17):
        shift -= 1
    tags = facts.context_tags
    if any(tag in tags and tags[tag][row] for tag in ("satire", "news", "education")):
        shift += 1
    return shift


def score_column(category: str) -> int:
    """The column of `Facts.scores` that holds a category."""
    return _COLUMN[CATEGORIES[category].id]
