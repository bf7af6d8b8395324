"""Review work: who is shown what next, and what becomes of their decision.

Put something in (once per content; a report joins the waiting job)::

    from moderation.queue import Queue, record_screening
    recorded = record_screening(database, item, screening)      # .item_key, .is_new, .job_id
    record_screenings(database, [(item, screening), …])          # many, in one transaction

Work it off::

    queue = Queue(database)                       # Queue(database, QueueRules(…)) to organise it
    claimed = queue.claim("lin")                  # a ClaimedJob, or None: nothing waits for lin
    claimed = queue.claim("lin", queues=["scams"], languages=["zh"], surfaces=["live_chat"])
    claimed.why                                   # ("Hate (P1), 82% likely", "due in 12 min", …)
    claimed.members                               # near-copies that the decision covers
    claimed.prompts                               # what to tell the person first: take a break
    claimed.purpose                               # review, adjudication or appeal
    queue.held("lin")                             # what lin holds already (after a page reload)

    case = queue.open_case(claimed)               # everything to be shown:
    case.item                                     # Item; case.item.thread is what came before,
    case.media["image:0"]                         # the file of an image
    case.assessment                               # signals with evidence, scores, problems
    case.verdicts["DE"].action, .verdict["rules"] # per region; the rules with their citations
    case.reports, case.comments, case.author_history
    case.looks                                    # earlier looks: adjudication and appeal only
    case.appeal

    claimed = queue.heartbeat(claimed)            # every minute or two while it is on the screen
    decision = queue.decide(claimed, "unavailable", category="hate", note="…", seconds=41,
                            context_tags=[…], apart=[job ids of members that it does not fit])
    claimed = queue.undo(decision, "lin")         # within QueueRules.undo_seconds; in hand again
    queue.correct(decision, "senior", "allow", note="…")         # afterwards

    queue.release(claimed)                        # back; anybody may get it
    queue.skip(claimed, "too long")               # back; not for me
    queue.move(claimed, "legal")                  # another queue
    queue.escalate(claimed, "…")                  # to seniority 2
    queue.second_opinion(claimed, "hold")         # my view, and somebody else's, blind
    queue.pause(claimed, "asked the author"); queue.resume(job_id)
    queue.comment(claimed.job_id, "lin", "…")
    queue.stop(claimed, "lin", "notes")           # "I need to stop"

    queue.waiting_counts()                        # per queue, language, lane
    queue.breaches()                              # what waits although its clock ran out
    queue.decisions_of("lin")                     # lin's own history, newest first
    queue.history(job_id)                         # what happened to a job

A write with a lease that ran out raises `LeaseLost` and changes nothing; what was written is in
`error.draft` and in the job's history. `queue.claim_job("lin", job_id)` takes the job again.

People: `own_standing(database, "lin")` (their exposure; show it to nobody else), `take_break`,
`raise_cap`, `team_minutes` (None below eight people). Appeals: `open_appeal`, and `appeal_item`
against what was decided automatically. Golden items: `add_golden`, `withdraw_golden`,
`golden_to_renew`, `golden_results`. Agreement: `moderation.queue.agreement`.
"""

from moderation.queue.appeals import appeal_item, open_appeal
from moderation.queue.case_file import CaseFile, EarlierDecision
from moderation.queue.claiming import ClaimedJob
from moderation.queue.clusters import ClusterMember
from moderation.queue.deciding import ACTIONS
from moderation.queue.errors import DecisionRefused, ExposureReached, LeaseLost, RulesRefused
from moderation.queue.exposure import Standing, own_standing, raise_cap, take_break, team_minutes
from moderation.queue.golden import (
    add_golden,
    golden_results,
    golden_to_renew,
    withdraw_golden,
)
from moderation.queue.intake import Recorded, record_screening, record_screenings
from moderation.queue.review_queue import Queue
from moderation.queue.rules import QueueRules

__all__ = [
    "ACTIONS",
    "CaseFile",
    "ClaimedJob",
    "ClusterMember",
    "DecisionRefused",
    "EarlierDecision",
    "ExposureReached",
    "LeaseLost",
    "Queue",
    "QueueRules",
    "Recorded",
    "RulesRefused",
    "Standing",
    "add_golden",
    "appeal_item",
    "golden_results",
    "golden_to_renew",
    "open_appeal",
    "own_standing",
    "raise_cap",
    "record_screening",
    "record_screenings",
    "take_break",
    "team_minutes",
    "withdraw_golden",
]
