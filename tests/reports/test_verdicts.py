"""The rule of verdicts on simulated classes: how often it is wrong, and what it finds.

A short form of `python -m benchmarks.verdicts`, whose figures are in docs/verdicts.md. Seeds are
fixed, so that nothing here is up to chance; bounds are an aim and three standard errors.
"""

from functools import partial
from math import sqrt

import pytest

from benchmarks.verdicts import (
    JOBS,
    MARGIN,
    NODES,
    OTHERS,
    SPREADS,
    UNLIKE,
    alone,
    by_fit,
    by_pairs,
    classes,
    covered,
    differs,
    equal,
    exaggerated,
    found,
    nights,
    repeats_of_one_volume,
)

TRIALS, TABLES = 4_000, 1_000
LEVEL = 0.05


def at_most(aim: float, trials: int) -> float:
    """What a share whose true value is the aim may come out as."""
    return aim + 3 * sqrt(aim * (1 - aim) / trials)


@pytest.mark.parametrize("spread", SPREADS)
@pytest.mark.parametrize("volumes", [3, 5])
def test_equal_classes_are_called_different_once_in_twenty_at_most(
    volumes: int, spread: float
) -> None:
    assert differs(classes(volumes, TRIALS, spread)) <= at_most(LEVEL, TRIALS)


def test_repeats_on_one_volume_would_call_them_different_far_more_often() -> None:
    """The twin of the test above: these simulations do show a rule that is wrong."""
    assert differs(repeats_of_one_volume(3, TRIALS, 0.1)) > 4 * LEVEL


@pytest.mark.parametrize("volumes", [3, 5])
@pytest.mark.parametrize("spread", [0.0, 0.1, 0.4])
def test_a_whole_table_of_equal_classes_has_a_wrong_word_as_seldom(
    volumes: int, spread: float
) -> None:
    table = classes(volumes, TABLES, spread, others=OTHERS, jobs=JOBS)
    assert differs(table) <= at_most(LEVEL, TABLES)


@pytest.mark.parametrize(("volumes", "most"), [(3, 0.97), (5, 0.96), (10, 0.96)])
def test_the_printed_interval_holds_the_true_ratio(volumes: int, most: float) -> None:
    """95 times in 100; of three volumes once more (docs/verdicts.md)."""
    error = at_most(LEVEL, TRIALS) - LEVEL
    share = covered(classes(volumes, TRIALS, 0.1, ratio=1.5), 1.5)
    assert 0.94 - error <= share <= most + error
    assert covered(classes(volumes, TRIALS, 0.1, ratio=1.5), 2.5) < 0.5


def test_what_a_headline_may_claim_is_hardly_ever_more_than_the_truth() -> None:
    """Though it is the largest of 38; that of each ratio's own interval often is more."""
    table = classes(3, TABLES, 0.1, ratio=1.5, others=OTHERS, jobs=JOBS)
    assert exaggerated(table, 1.5, together=True) <= at_most(LEVEL, TABLES)
    assert exaggerated(table, 1.5, together=False) > 3 * LEVEL


def test_three_rounds_find_one_and_a_half_times() -> None:
    assert found(classes(3, TRIALS, 0.1, ratio=1.5)) >= 0.7
    assert found(classes(3, TRIALS, 0.1, ratio=1.0)) <= at_most(LEVEL, TRIALS)


def test_what_is_a_tenth_apart_is_seldom_called_equal_and_what_is_equal_is() -> None:
    assert equal(classes(10, TRIALS, 0.0, ratio=MARGIN)) <= at_most(LEVEL, TRIALS)
    assert equal(classes(10, TRIALS, 0.0, ratio=1.0)) > 0.5


@pytest.mark.parametrize("number", [7, 14, 28])
def test_nights_of_equal_classes_differ_once_in_twenty(number: int) -> None:
    """Though all figures of a night rise and fall together by 30 %; a true 1.2× is found."""
    assert differs(nights(number, TRIALS, 0.1)) <= at_most(LEVEL, TRIALS)
    assert found(nights(number, TRIALS, 0.1, ratio=1.2)) >= 0.5


@pytest.mark.parametrize("volumes", [3, 5])
def test_nodes_that_differ_make_no_verdict_wrong_and_many_open(volumes: int) -> None:
    """A round is a node: its effect is in the volumes' spread, and in no pair of a round."""
    equals = classes(volumes, TABLES, 0.1, others=OTHERS, jobs=JOBS, nodes=NODES)
    assert differs(equals) <= at_most(LEVEL, TABLES)
    alike, apart = (
        found(classes(volumes, TRIALS, 0.1, ratio=1.5, nodes=nodes)) for nodes in (0.0, NODES)
    )
    assert apart < alike / 2
    pairs = classes(volumes, TRIALS, 0.1, ratio=1.5, nodes=NODES, judge=by_pairs)
    assert found(pairs) > 2 * apart


def test_one_error_for_all_classes_finds_more_and_is_wrong_where_they_are_unlike() -> None:
    """Why the report does without: docs/verdicts.md has the figures."""
    table = partial(classes, 3, TABLES, others=OTHERS, jobs=JOBS, nodes=NODES)
    assert differs(table(0.1, judge=by_fit)) <= at_most(LEVEL, TABLES)
    assert differs(table(UNLIKE, judge=by_fit)) > 2 * LEVEL
    assert differs(table(UNLIKE)) <= at_most(LEVEL, TABLES)
    fit = classes(3, TRIALS, 0.1, ratio=1.5, others=OTHERS, nodes=NODES, judge=by_fit)
    assert found(alone(fit)) > 0.7
