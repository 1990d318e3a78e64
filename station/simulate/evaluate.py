"""Derive the verdicts that are right for a run from the physical truth alone.

The evaluator knows the device's true figures over time, the limits of the profile, and what is
wrong with the bench. It knows nothing of plans or verdicts: how they come about is what it checks.
A device is judged by its figures while the tests that measure them were under way.
"""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from drivers.sim.place import Device
from station.simulate.demands import Bounds, Demands
from station.simulate.scenarios.stage import Staged
from station.simulate.scenarios.tables import PLUGGED, WHENS, Answer, Sees, Truth
from station.simulate.world import Change, grown

PASS, FAIL, ERROR, ABORTED, INCOMPLETE = "pass", "fail", "error", "aborted", "incomplete"
EVERY = (PASS, FAIL, ERROR, ABORTED, INCOMPLETE)
GOOD, BAD, AT_TIMES, ON_EDGE = "good", "bad", "at times bad", "on the edge"
EPSILON_S = 1e-6


class Window(NamedTuple):
    """The time in which a test was under way, in seconds since the device was plugged in."""

    test: str
    step: str
    from_s: float
    to_s: float


class Defect(NamedTuple):
    """A figure that is beyond its limit, from its least to its most.

    `when` is `bad` for all the time that it was measured, or `at times bad`, or `on the edge`: so
    near to the limit that instruments may find either.
    """

    test: str
    measurement: str
    least: Any
    most: Any
    limit: str
    when: str


class Outlook(NamedTuple):
    """The truth of one run, and the verdicts that are right for it.

    `near` are measurements within the uncertainty that their limit needs, as `test.measurement`.
    """

    device: str
    bench: str
    operator: str
    defects: tuple[Defect, ...]
    near: tuple[str, ...]
    figures: Mapping[str, Any]
    expected: tuple[str, ...]


class _Figure(NamedTuple):
    least: Any
    most: Any


def evaluate(
    staged: Staged,
    demands: Demands,
    windows: Sequence[Window],
    *,
    planned: Mapping[str, str],
    can_pass: bool,
) -> Outlook:
    """Return what is true of a run, and which verdicts are right.

    `planned` are the tests of the run with their steps, in order; a test that was left out while
    later ones were done counts with what is true of the whole run. `can_pass` is whether the bench
    can prove all that is required.
    """
    end_s = max((window.to_s for window in windows), default=0.0)
    defects: list[Defect] = []
    near: list[str] = []
    for name, truth in staged.scenario.truth.items():
        place, _, step = name.partition("/")
        test, _, measurement = place.rpartition(".")
        for where in _where(test, windows, planned, end_s):
            if where.step != step if step else f"{place}/{where.step}" in staged.scenario.truth:
                continue
            limit = demands.of(where.test, where.step, measurement, staged.nameplate)
            if limit is None:
                continue
            figures = list(_figures(staged, truth, where, demands))
            verdicts = [_judge(figure, limit, truth.edge) for figure in figures]
            if any(_is_near(figure, limit) for figure in figures):
                near.append(f"{where.test}.{measurement}")
            if any(one != GOOD for one in verdicts):
                least = min(figure.least for figure in figures)
                most = max(figure.most for figure in figures)
                when = _when(set(verdicts))
                defects.append(Defect(where.test, measurement, least, most, _said(limit), when))
    disturbed = _is_disturbed(staged, end_s)
    truthful = _is_truthful(staged)
    found = {one.when for one in defects}
    device = next((one for one in (BAD, AT_TIMES, ON_EDGE) if one in found), GOOD)
    stopped = any(window.test == staged.scenario.operator.stops_at for window in windows)
    return Outlook(
        device=device,
        bench="faulty" if disturbed else "good",
        operator="truthful" if truthful else "otherwise",
        defects=tuple(defects),
        near=tuple(near),
        figures=staged.another().truth(**staged.given),
        expected=_expected(device, disturbed, truthful, stopped, can_pass),
    )


def _expected(
    device: str, disturbed: bool, truthful: bool, stopped: bool, can_pass: bool
) -> tuple[str, ...]:
    if not truthful:
        return EVERY
    passed = PASS if can_pass else INCOMPLETE
    right = {
        GOOD: {passed},
        BAD: {FAIL},
        AT_TIMES: {passed, FAIL, ERROR},
        ON_EDGE: {passed, FAIL},
    }[device]
    if stopped:
        right = {ABORTED} if device == GOOD else {ABORTED, FAIL}
    if disturbed:
        right |= {ERROR, INCOMPLETE}
    return tuple(one for one in EVERY if one in right)


def _where(
    test: str, windows: Sequence[Window], planned: Mapping[str, str], end_s: float
) -> Iterator[Window]:
    """Yield when a test was under way; the whole run for one that was left out."""
    done = [window for window in windows if window.test.partition("[")[0] == test]
    yield from done
    if done or test not in planned or not windows:
        return
    order = list(planned)
    if order.index(test) < order.index(windows[-1].test):
        yield Window(test, planned[test], 0.0, end_s)


def _figures(staged: Staged, truth: Truth, where: Window, demands: Demands) -> Iterator[_Figure]:
    """Yield a figure at each moment of a window at which it can be another."""
    ratings = demands.ratings(staged.nameplate)
    start: float | None = None
    if truth.percent_of == PLUGGED:
        start = float(staged.another().truth(**staged.given)[truth.of])
    for told in _states(staged, where):
        if truth.when and not told.get(truth.when):
            continue
        value = told[truth.of]
        least, most = value if isinstance(value, tuple) else (value, value)
        if truth.percent_of in WHENS:
            start = start if start is not None else float(most)
            least, most = (100 * one / start if start else 0.0 for one in (least, most))
            yield _Figure(least, most)
        else:
            ends = (_as_said(least, truth, ratings), _as_said(most, truth, ratings))
            yield _Figure(*sorted(ends))


def _states(staged: Staged, where: Window) -> Iterator[Mapping[str, Any]]:
    """Yield the device's figures in each state that it is in during a window."""
    seen: set[tuple[float, ...]] = set()
    changes = staged.happening.changes
    for at_s in _moments(changes, where):
        levels = tuple(round(change.onset.level(at_s), 6) for change in changes)
        if levels not in seen:
            seen.add(levels)
            yield _changed(staged.another(), changes, levels).truth(**staged.given)


def _moments(changes: Iterable[Change], where: Window) -> Iterator[float]:
    yield where.from_s
    yield where.to_s
    for change in changes:
        for edge_s in change.onset.edges(where.to_s):
            for at_s in (edge_s - EPSILON_S, edge_s, edge_s + EPSILON_S):
                if where.from_s <= at_s <= where.to_s:
                    yield at_s


def _changed(device: Device, changes: Sequence[Change], levels: Sequence[float]) -> Device:
    for change, level in zip(changes, levels, strict=True):
        if level > 0:
            for name, value in change.values.items():
                setattr(device, name, grown(getattr(device, name), value, level))
    return device


def _as_said(value: Any, truth: Truth, ratings: Mapping[str, Any]) -> Any:
    def figure(raw: float | str) -> float:
        return float(ratings[raw[1:]]) if isinstance(raw, str) else raw

    if truth.percent_off is not None:
        of = figure(truth.percent_off)
        return 100 * (value - of) / of
    if truth.percent_of is not None:
        return 100 * value / figure(truth.percent_of)
    return value


def _judge(figure: _Figure, limit: Bounds, edge: float) -> str:
    """Tell whether a figure is good, bad, either of them in turn, or too near to the limit."""
    if limit.right is not None:
        right = [one == limit.right for one in figure]
        return GOOD if all(right) else AT_TIMES if any(right) else BAD
    low = -math.inf if limit.least is None else limit.least
    high = math.inf if limit.most is None else limit.most
    if low + edge <= figure.least and figure.most <= high - edge:
        return GOOD
    if figure.most < low - edge or figure.least > high + edge:
        return BAD
    is_one = figure.most - figure.least <= edge
    return ON_EDGE if is_one else AT_TIMES


def _when(verdicts: set[str]) -> str:
    """Return when a figure is beyond its limit, from how it is in each of its states."""
    if verdicts == {BAD}:
        return BAD
    return ON_EDGE if verdicts <= {GOOD, ON_EDGE} else AT_TIMES


def _is_near(figure: _Figure, limit: Bounds) -> bool:
    if limit.right is not None or not limit.needs:
        return False
    low = -math.inf if limit.least is None else limit.least + limit.needs
    high = math.inf if limit.most is None else limit.most - limit.needs
    return bool(figure.least < low or figure.most > high)


def _said(limit: Bounds) -> str:
    if limit.right is not None:
        return f"is {limit.right}"
    parts = [f"{limit.least:g} or more"] if limit.least is not None else []
    parts += [f"{limit.most:g} or less"] if limit.most is not None else []
    return " and ".join(parts)


def _is_disturbed(staged: Staged, end_s: float) -> bool:
    """Tell whether something was wrong during the run that is not the device's own."""
    happening = staged.happening
    onsets = [fault.onset for faults in happening.faults.values() for fault in faults]
    onsets += [change.onset for change in happening.mains]
    onsets += [onset for onset, _ in (*happening.instead, *happening.pressed)]
    return any(onset.from_s <= end_s for onset in onsets)


def _is_truthful(staged: Staged) -> bool:
    """Tell whether the person answers what is seen, as the world that this is based on says."""
    usual = staged.scenario.base_answers
    said = staged.scenario.operator.answers
    return all(_sees(answer) or usual.get(about) == answer for about, answer in said.items())


def _sees(answer: Answer) -> bool:
    return isinstance(answer, Sees) or (isinstance(answer, str) and answer.startswith("@"))
