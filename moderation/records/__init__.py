"""Everything that is remembered: items, what was said about them, who decided what.

Open the database first; it is brought up to date by itself::

    from moderation.records import open_database
    database = open_database()                       # as the environment says
    database = open_database("sqlite:///folder/moderation.sqlite")

Sign a reviewer in::

    from moderation.records import authenticate
    reviewer = authenticate(database, "lin", password)    # a Reviewer, or None
    reviewer.languages, reviewer.roles, reviewer.opt_outs

Create and change people with `create_reviewer`, `change_reviewer`, `list_reviewers`.

Read one item by its key: `load_item` (images have a `path` in the media store), `load_assessment`,
`load_verdicts` (region → `StoredVerdict`, whose `.verdict` is the whole of what policy said). For a
job in hand, `moderation.queue.Queue.open_case` gives all of it at once.

Read the scores of many items as columns: `load_scores(database, since=…)`, `(n, 28)` float32.

The audit log: `audit.verify(database)`, `audit.history(database, "decision:7")`.

Policy versions: `propose_policy`, `approve_policy`, `make_policy_live`, `schedule_policy`,
`roll_back_policy`, `policy_history`, `live_policy`; tried beside the live one with `start_rollout`
and `stop_rollout`.

Retention: `delete_expired_content`, `erase_author`, `place_hold`, `lift_hold`.

Moments are seconds since 1970 (UTC), as floats, everywhere.
"""

from moderation.records import audit
from moderation.records.database import Database, open_database
from moderation.records.errors import (
    AuditBroken,
    ContentHeld,
    DatabaseTooNew,
    DatabaseUnavailable,
    NotFound,
    PolicyRefused,
    ReviewerRefused,
)
from moderation.records.item_store import (
    ScoreColumns,
    load_assessment,
    load_item,
    load_scores,
    load_verdicts,
)
from moderation.records.item_tables import StoredItem, StoredReport, StoredVerdict
from moderation.records.legal_holds import lift_hold, place_hold
from moderation.records.media import MediaStore
from moderation.records.people import (
    authenticate,
    change_reviewer,
    create_reviewer,
    get_reviewer,
    list_reviewers,
)
from moderation.records.people_tables import PolicyState, PolicyVersion, Reviewer, Role
from moderation.records.policy_rollouts import (
    current_rollout,
    policy_rollouts,
    start_rollout,
    stop_rollout,
)
from moderation.records.policy_schedule import apply_schedule, schedule_policy
from moderation.records.policy_versions import (
    approve_policy,
    draft_policy,
    live_policy,
    make_policy_live,
    policy_files,
    policy_history,
    policy_versions,
    propose_policy,
    reject_policy,
    roll_back_policy,
)
from moderation.records.queue_tables import Appeal, Decision, Job, JobEvent
from moderation.records.retention import delete_expired_content, erase_author
from moderation.records.rollout_tables import PolicyRollout, ShadowVerdict

__all__ = [
    "Appeal",
    "AuditBroken",
    "ContentHeld",
    "Database",
    "DatabaseTooNew",
    "DatabaseUnavailable",
    "Decision",
    "Job",
    "JobEvent",
    "MediaStore",
    "NotFound",
    "PolicyRefused",
    "PolicyRollout",
    "PolicyState",
    "PolicyVersion",
    "Reviewer",
    "ReviewerRefused",
    "Role",
    "ScoreColumns",
    "ShadowVerdict",
    "StoredItem",
    "StoredReport",
    "StoredVerdict",
    "apply_schedule",
    "approve_policy",
    "audit",
    "authenticate",
    "change_reviewer",
    "create_reviewer",
    "current_rollout",
    "delete_expired_content",
    "draft_policy",
    "erase_author",
    "get_reviewer",
    "lift_hold",
    "list_reviewers",
    "live_policy",
    "load_assessment",
    "load_item",
    "load_scores",
    "load_verdicts",
    "make_policy_live",
    "open_database",
    "place_hold",
    "policy_files",
    "policy_history",
    "policy_rollouts",
    "policy_versions",
    "propose_policy",
    "reject_policy",
    "roll_back_policy",
    "schedule_policy",
    "start_rollout",
    "stop_rollout",
]
