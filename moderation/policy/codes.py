"""Effects as bits, so that combining the effects of many rules is one OR.

An axis is a thermometer: a stronger effect sets more of the axis's bits. "The most restrictive
wins" and "side effects unite" are then the same operation, for one item and for a million.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import numpy.typing as npt

from moderation.policy.effects import (
    ACTION_WORDS,
    AccountEffect,
    Distribution,
    Effects,
    MoneyEffect,
    SideEffect,
    Visibility,
    action_word,
)

Code = npt.NDArray[np.uint32]

# Lowest bit of each field of a code: visibility 5 bits, distribution 2, account 4, money 2, side
# effects 6, review 1, sample 1, severity 5.
DISTRIBUTION_SHIFT, ACCOUNT_SHIFT, MONEY_SHIFT, SIDE_SHIFT = 5, 7, 11, 13
REVIEW_SHIFT, SAMPLE_SHIFT, SEVERITY_SHIFT = 19, 20, 21
_WIDTHS = {0: 5, DISTRIBUTION_SHIFT: 2, ACCOUNT_SHIFT: 4, MONEY_SHIFT: 2, SEVERITY_SHIFT: 5}
_SIDES = tuple(SideEffect)
_LEVELS = np.array([value.bit_count() for value in range(32)], dtype=np.int8)


def thermometer(level: int) -> int:
    """The lowest `level` bits."""
    return (1 << level) - 1


def encode(effects: Effects) -> int:
    """Effects as bits; the code of two effects together is the OR of their codes."""
    code = thermometer(effects.visibility.rank)
    code |= thermometer(effects.distribution.rank) << DISTRIBUTION_SHIFT
    code |= thermometer(effects.account.rank) << ACCOUNT_SHIFT
    code |= thermometer(effects.money.rank) << MONEY_SHIFT
    for position, side in enumerate(_SIDES):
        if side in effects.side_effects:
            code |= 1 << (SIDE_SHIFT + position)
    return code


@lru_cache(maxsize=4096)
def decode(code: int) -> Effects:
    """The effects of a code."""

    def level(shift: int) -> int:
        return ((code >> shift) & thermometer(_WIDTHS[shift])).bit_count()

    sides = frozenset(s for i, s in enumerate(_SIDES) if code >> (SIDE_SHIFT + i) & 1)
    return Effects(
        list(Visibility)[level(0)],
        list(Distribution)[level(DISTRIBUTION_SHIFT)],
        list(AccountEffect)[level(ACCOUNT_SHIFT)],
        list(MoneyEffect)[level(MONEY_SHIFT)],
        sides,
    )


_ACTIONS = np.array(
    [
        ACTION_WORDS.index(action_word(decode(code).visibility, decode(code).distribution))
        for code in range(128)
    ],
    dtype=np.int8,
)


def levels(codes: Code, shift: int) -> npt.NDArray[np.int8]:
    """`(n,)` int8: the level of one axis (or of severity) in each code."""
    field = (codes >> np.uint32(shift)) & np.uint32(thermometer(_WIDTHS[shift]))
    return np.take(_LEVELS, field.astype(np.uint8))


def actions(codes: Code) -> npt.NDArray[np.int8]:
    """`(n,)` int8: index into `ACTION_WORDS`, read from the bits of visibility and distribution."""
    return np.take(_ACTIONS, (codes & np.uint32(0x7F)).astype(np.uint8))


def flags(codes: Code, shift: int) -> npt.NDArray[np.bool_]:
    """`(n,)` bool: one flag in each code."""
    return np.asarray(codes & np.uint32(1 << shift) != 0)
