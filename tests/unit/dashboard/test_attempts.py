"""Failed sign-ins."""

from __future__ import annotations

from dashboard.attempts import ALLOWED_FAILURES, LONGEST_LOCK_SECONDS, REMEMBERED_NAMES, Attempts


class _Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


def _failed(times: int, clock: _Clock) -> Attempts:
    attempts = Attempts(clock)
    for _ in range(times):
        attempts.failed("lin")
    return attempts


def test_a_few_failures_lock_nothing() -> None:
    assert _failed(ALLOWED_FAILURES - 1, _Clock()).locked_for("lin") == 0


def test_each_failure_beyond_doubles_the_wait_up_to_an_hour() -> None:
    clock = _Clock()
    waits = [_failed(ALLOWED_FAILURES + n, clock).locked_for("lin") for n in (0, 1, 2, 20)]
    assert waits == [30, 60, 120, LONGEST_LOCK_SECONDS]


def test_the_lock_ends_by_itself_and_is_for_one_name_however_it_is_written() -> None:
    clock = _Clock()
    attempts = _failed(ALLOWED_FAILURES, clock)
    assert attempts.locked_for(" LIN ") > 0
    assert attempts.locked_for("mara") == 0
    clock.now += 31
    assert attempts.locked_for("lin") == 0


def test_signing_in_forgets_earlier_mistakes() -> None:
    attempts = _failed(ALLOWED_FAILURES, _Clock())
    attempts.succeeded("lin")
    attempts.failed("lin")
    assert attempts.locked_for("lin") == 0


def test_invented_names_cannot_fill_the_memory() -> None:
    attempts = Attempts(_Clock())
    for number in range(REMEMBERED_NAMES + 50):
        attempts.failed(f"name-{number}")
    assert len(attempts._failures) == REMEMBERED_NAMES
