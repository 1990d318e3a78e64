"""One pure function concludes a run from its steps, for runner, recovery and host."""

from typing import NamedTuple

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from records.verdicts import MAKE_SAFE, OF_A_RUN, Conclusion, Proof, Verdict, conclude


class Judged(NamedTuple):
    verdict: Verdict | None = Verdict.PASS
    marginal: bool = False


class Step(NamedTuple):
    """The facts of a step that `conclude` reads, without the rest."""

    verdict: Verdict
    test: str = "test"
    step: str = "a.step"
    required: Proof = Proof.NONE
    proof: Proof = Proof.NONE
    roles: tuple[str, ...] = ()
    at_fault: tuple[str, ...] = ()
    measurements: tuple[Judged, ...] = ()


def passed(test: str = "test", required: Proof = Proof.NONE, proof: Proof = Proof.NONE) -> Step:
    return Step(Verdict.PASS, test, required=required, proof=proof, measurements=(Judged(),))


def failed(*roles: str) -> Step:
    return Step(Verdict.FAIL, roles=roles, measurements=(Judged(Verdict.FAIL),))


def error(*at_fault: str) -> Step:
    return Step(Verdict.ERROR, at_fault=at_fault)


def verdict(*steps: Step, shares: dict[str, tuple[str, ...]] | None = None) -> Verdict:
    return conclude(steps, shares).verdict


STOPPED = Step(Verdict.ABORTED)
OPEN = passed(test="open", required=Proof.FULL, proof=Proof.PARTIAL)

roles = st.lists(st.sampled_from(["meter", "load", "supply", "zones"]), max_size=3, unique=True)
steps = st.builds(
    Step,
    verdict=st.sampled_from([one for one in Verdict if one is not Verdict.INCOMPLETE]),
    test=st.sampled_from(["one", "two", "three"]),
    step=st.sampled_from(["a.step", "bench.open", MAKE_SAFE]),
    required=st.sampled_from(Proof),
    proof=st.sampled_from(Proof),
    roles=roles.map(tuple),
    at_fault=roles.map(tuple),
    measurements=st.lists(
        st.builds(Judged, st.sampled_from([None, Verdict.PASS, Verdict.FAIL]), st.booleans()),
        max_size=2,
    ).map(tuple),
)
shared = st.dictionaries(
    st.sampled_from(["meter", "load", "supply", "zones"]),
    st.lists(st.sampled_from(["bus 1", "hub 1-1", "mains"]), max_size=2).map(tuple),
)


@given(st.lists(steps, max_size=6), shared)
def test_every_run_has_one_verdict_that_a_run_can_have(
    some: list[Step], shares: dict[str, tuple[str, ...]]
) -> None:
    concluded = conclude(some, shares)
    assert concluded.verdict in OF_A_RUN
    assert conclude(some, shares) == concluded


@given(st.lists(steps, max_size=6), shared, st.randoms(use_true_random=False))
def test_the_order_of_the_steps_changes_no_verdict(
    some: list[Step], shares: dict[str, tuple[str, ...]], random: object
) -> None:
    turned = list(some)
    random.shuffle(turned)  # type: ignore[attr-defined]
    assert conclude(turned, shares)[:2] == conclude(some, shares)[:2]


@given(st.lists(steps, max_size=6), shared)
def test_a_pass_has_no_failed_broken_stopped_or_unproved_step(
    some: list[Step], shares: dict[str, tuple[str, ...]]
) -> None:
    concluded = conclude(some, shares)
    if concluded.verdict is Verdict.PASS:
        bad = {Verdict.FAIL, Verdict.ABORTED}
        assert not bad & {one.verdict for one in some}
        assert all(one.step == MAKE_SAFE for one in some if one.verdict is Verdict.ERROR)
        assert any(m.verdict is Verdict.PASS for one in some for m in one.measurements)
        assert concluded.unproved == ()


@given(st.lists(steps, max_size=5), steps, shared)
def test_one_more_step_that_is_no_proof_never_turns_anything_into_a_pass(
    some: list[Step], one: Step, shares: dict[str, tuple[str, ...]]
) -> None:
    more = one._replace(verdict=Verdict.NOT_TESTED, measurements=())
    if conclude(some, shares).verdict is not Verdict.PASS:
        assert conclude([*some, more], shares).verdict is not Verdict.PASS


@given(st.lists(steps, max_size=5), shared)
def test_an_error_without_roles_at_fault_lets_no_failure_stand(
    some: list[Step], shares: dict[str, tuple[str, ...]]
) -> None:
    concluded = conclude([*some, error()], shares)
    assert concluded.verdict is Verdict.ERROR
    assert concluded.stands == ()


@given(st.lists(steps, max_size=5), shared)
def test_what_roles_share_can_only_cast_more_doubt(
    some: list[Step], shares: dict[str, tuple[str, ...]]
) -> None:
    assert set(conclude(some, shares).stands) <= set(conclude(some).stands)


@pytest.mark.parametrize(
    ("some", "expected"),
    [
        ((), Verdict.INCOMPLETE),
        ((passed(),), Verdict.PASS),
        ((Step(Verdict.PASS),), Verdict.INCOMPLETE),  # nothing was judged
        ((Step(Verdict.SKIPPED),), Verdict.INCOMPLETE),
        ((passed(), OPEN), Verdict.INCOMPLETE),
        ((passed(), OPEN, STOPPED), Verdict.ABORTED),
        ((passed(), STOPPED, error("meter")), Verdict.ERROR),
        ((failed("meter"), STOPPED), Verdict.FAIL),
        ((failed("meter"), OPEN), Verdict.FAIL),
        ((failed("meter"), error("zones")), Verdict.FAIL),
        ((failed("meter"), error("meter")), Verdict.ERROR),
        ((error("meter"), failed("meter", "load")), Verdict.ERROR),
        ((failed("meter"), error("meter"), failed("zones")), Verdict.FAIL),
        ((failed(), error("meter")), Verdict.ERROR),
        ((passed(), Step(Verdict.ERROR, step=MAKE_SAFE)), Verdict.PASS),
        ((passed(), Step(Verdict.ABORTED, step=MAKE_SAFE)), Verdict.ABORTED),
    ],
)
def test_the_order_is_fail_that_stands_error_aborted_incomplete_pass(
    some: tuple[Step, ...], expected: Verdict
) -> None:
    assert verdict(*some) is expected


def test_an_error_of_a_neighbour_on_the_same_bus_casts_doubt_on_a_failure() -> None:
    run = (failed("zones"), error("meter"))
    assert verdict(*run) is Verdict.FAIL
    bus = {"zones": ("i2c 1",), "meter": ("i2c 1", "mains")}
    assert verdict(*run, shares=bus) is Verdict.ERROR
    assert conclude(run, bus).doubted == (0,)


@pytest.mark.parametrize("required", Proof)
@pytest.mark.parametrize("given_proof", Proof)
def test_a_weaker_proof_than_required_is_incomplete(required: Proof, given_proof: Proof) -> None:
    concluded = conclude([passed(required=required, proof=given_proof)])
    enough = given_proof.rank >= required.rank
    assert concluded.verdict is (Verdict.PASS if enough else Verdict.INCOMPLETE)
    assert concluded.unproved == (() if enough else ("test",))


def test_the_best_proof_of_a_test_counts_whichever_method_gave_it() -> None:
    by_eye = passed(required=Proof.FULL, proof=Proof.LOOK)
    assert verdict(by_eye) is Verdict.INCOMPLETE
    assert verdict(by_eye, passed(proof=Proof.FULL)) is Verdict.PASS


def test_a_part_that_the_device_has_not_needs_no_proof() -> None:
    absent = Step(Verdict.SKIPPED, test="lamp", required=Proof.FULL)
    assert verdict(passed(), absent) is Verdict.PASS
    untested = absent._replace(verdict=Verdict.NOT_TESTED)
    assert verdict(passed(), untested) is Verdict.INCOMPLETE


def test_only_a_pass_is_marginal() -> None:
    near = Step(Verdict.PASS, measurements=(Judged(Verdict.PASS, marginal=True),))
    assert conclude([near]).marginal
    assert not conclude([near, failed("meter")]).marginal


def test_a_verdict_of_a_later_version_is_kept_and_never_passes() -> None:
    later = msgspec.json.decode(b'"doubtful"', type=Verdict)
    assert later == "doubtful"
    assert later not in tuple(Verdict)
    assert msgspec.json.encode(later) == b'"doubtful"'
    concluded = conclude([passed(), Step(later)])
    assert concluded == Conclusion(Verdict.ERROR, False, (), (), ())


def test_a_step_is_as_bad_as_its_worst_measurement() -> None:
    assert Verdict.worst([]) is Verdict.PASS
    assert Verdict.worst([Verdict.PASS, Verdict.FAIL]) is Verdict.FAIL
    assert Verdict.worst([Verdict.ERROR, Verdict.FAIL]) is Verdict.ERROR


@pytest.mark.parametrize("measurements", [(), (Judged(None),)])
def test_a_step_that_judged_nothing_proves_nothing(measurements: tuple[Judged, ...]) -> None:
    steps = [
        passed("voltage", Proof.FULL, Proof.FULL),
        Step(
            Verdict.PASS,
            "battery",
            required=Proof.FULL,
            proof=Proof.FULL,
            measurements=measurements,
        ),
    ]
    assert conclude(steps).verdict is Verdict.INCOMPLETE
    assert conclude(steps).unproved == ("battery",)
