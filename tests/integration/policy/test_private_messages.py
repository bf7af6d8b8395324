"""Private messages are looked at where the law of every region concerned allows it, or where
somebody reported them."""

from __future__ import annotations

import pytest

from moderation.classifiers.ensemble import Ensemble
from moderation.items import Item
from moderation.policy import PackSet
from moderation.policy.rollout import FixedPolicy
from moderation.screening import Screener
from moderation.settings import Settings

TEXT = "write me on telegram @invented_shop_9 or call +1 202 555 0143"


def message(name: str, regions: list[str], **fields: object) -> Item:
    row = {"id": name, "text": TEXT, "surface": "direct_message", "regions": regions}
    return Item.from_row(row | fields)


@pytest.fixture
def screener(shipped: PackSet) -> Screener:
    ensemble = Ensemble.from_settings(Settings(classifiers=("contacts",)))
    return Screener(ensemble, FixedPolicy(shipped), ("US", "FR"))


def test_classifiers_see_a_private_message_only_where_every_region_allows_it(
    screener: Screener,
) -> None:
    items = [
        message("allowed", ["US", "IN"]),
        message("viewer in the EU", ["US", "FR"]),
        message("author in the EU", ["US"], author={"region": "DE"}),
        message("nowhere said", []),
        message("reported", ["FR"], report={"kind": "threat"}),
        Item.from_row({"id": "public", "text": TEXT, "regions": ["FR"]}),
    ]
    found = {screening.item.id: screening for screening in screener.screen(items)}
    seen = ["allowed", "reported", "public"]
    assert [name for name, s in found.items() if s.scanned] == seen
    assert [name for name, s in found.items() if s.assessment.signals] == seen
    unseen = found["viewer in the EU"]
    assert (unseen.assessment.scores, unseen.assessment.models) == ({}, {})
    assert not unseen.needs_review
    assert {verdict.action for verdict in unseen.verdicts.values()} == {"allow"}
    assert unseen.to_row()["scanned"] is False


def test_what_the_platform_matched_itself_still_reaches_a_person(
    screener: Screener,
) -> None:
    [screening] = screener.screen([message("known", ["FR"], hash_match="csam_verified")])
    assert screening.assessment.signals == ()
    assert screening.needs_review
