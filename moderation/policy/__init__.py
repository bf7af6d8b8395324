"""Policy: packs in, verdicts out. Knows no models, no database, no web.

The whole of it::

    from moderation.policy import Facts, evaluate, load_packs

    packs = load_packs(Path("policies"))          # checked, compiled, hashed; or a PackError
    facts = Facts.from_items(items, assessments)  # one row per item
    verdicts = evaluate(packs, facts, ["DE", "US", "IN"])
    verdicts.row(0)["DE"].action                  # allow, label, interstitial, age_gate, limit,
                                                  # hold or unavailable

- `PackSet`: `.packs`, `.in_force`, `.regions`, `.content_hash`, `.notice(reason_code, language,
  region=…)`, `.rule(rule_id)`, `.notes` (warnings).
- `Facts`: columns of n items, from items and assessments (`from_items`) or arrays
  (`from_columns`). NaN in a score means that the category has no detector: no rule on it fires.
- `Verdicts`: whole columns by region (`visibility`, `action`, `needs_review`, `queue`,
  `sla_minutes` …) and `row(i)` → region → `Verdict`.
- `Verdict`: the effect on four axes, the `RuleHit`s behind it, the reason shown, queue, clock,
  `needs_review`, and `policy_hash`, which names the exact files that said so.

A region without a pack has the baseline; a malformed one raises `UnknownRegion`.
"""

from moderation.policy.columns import WARNED, Strike
from moderation.policy.effects import (
    ACTION_WORDS,
    AccountEffect,
    Action,
    Distribution,
    Effects,
    MoneyEffect,
    SideEffect,
    Visibility,
)
from moderation.policy.evaluate import evaluate
from moderation.policy.facts import Facts
from moderation.policy.packs import PackSet, load_packs
from moderation.policy.problems import PackError, PackProblem
from moderation.policy.rule import HumanMode, Rule
from moderation.policy.verdict import RuleHit, Verdict
from moderation.policy.verdicts import Verdicts

__all__ = [
    "ACTION_WORDS",
    "WARNED",
    "AccountEffect",
    "Action",
    "Distribution",
    "Effects",
    "Facts",
    "HumanMode",
    "MoneyEffect",
    "PackError",
    "PackProblem",
    "PackSet",
    "Rule",
    "RuleHit",
    "SideEffect",
    "Strike",
    "Verdict",
    "Verdicts",
    "Visibility",
    "evaluate",
    "load_packs",
]
