"""Steps, measurements and columns are derived from the records, and can be made again."""

from typing import Any

from host_agent.store import Store
from records import (
    Basis,
    Limit,
    Measurement,
    Phrase,
    StepRecord,
    Value,
    Verdict,
)
from tests.host_agent.load import example_record
from tests.host_agent.store.filling import derive_all, keep, rows

VALUES: list[tuple[Value, tuple[Any, ...]]] = [
    (1.5, (1.5, None, None)),
    (3, (3.0, None, None)),
    (True, (None, None, 1)),
    ("left", (None, "left", None)),
    (10**400, (None, "1" + "0" * 400, None)),
]


def test_steps_and_measurements_are_derived_from_the_record(store: Store) -> None:
    record = example_record("a", 1)
    extra = StepRecord(
        test="x",
        step="x",
        title=Phrase(text="Values of every kind"),
        verdict=Verdict.ERROR,
        started_at=record.started_at,
        reason=Phrase(text="no reply"),
        clause="7.3",
        measurements=(
            *(
                Measurement(name=str(number), value=value, unit="u")
                for number, (value, _) in enumerate(VALUES)
            ),
            Measurement(
                name="equal",
                value=True,
                limit=Limit(basis=Basis.SOURCE, source="IEC 1", equals=True),
                verdict=Verdict.PASS,
            ),
        ),
    )
    changes = {"steps": (*record.steps, extra), "verdict": Verdict.ERROR, "marginal": False}
    keep(store, example_record("a", 0), example_record("a", 1, **changes))
    derive_all(store)
    steps = rows(store, "SELECT number, step, verdict, reason, clause FROM steps WHERE run_id = 2")
    assert steps[0] == (0, "adapter.no_load", "pass", "", "")
    assert steps[2] == (2, "x", "error", "no reply", "7.3")
    values = rows(
        store,
        "SELECT value_number, value_text, value_bool FROM measurements "
        "WHERE run_id = 2 AND step_number = 2 ORDER BY number",
    )
    assert values[:-1] == [columns for _, columns in VALUES]
    assert rows(
        store,
        "SELECT limit_min, limit_max, limit_equals, basis, source, verdict FROM measurements "
        "WHERE name = 'equal'",
    ) == [(None, None, "true", "source", "IEC 1", "pass")]
    assert rows(
        store,
        "SELECT limit_min, limit_guard, basis, marginal FROM measurements WHERE run_id = 1 "
        "AND name = 'efficiency'",
    ) == [(0.85, 0.03, "general", 1)]
    assert store.counts().underived == 0


def test_derived_tables_can_be_made_again(store: Store) -> None:
    keep(store, *(example_record("a", sequence) for sequence in range(5)))
    assert store.derive(2)
    assert store.counts().underived == 3
    derive_all(store)
    before = rows(store, "SELECT * FROM measurements")
    assert len(before) == 20
    store.forget_derived()
    assert store.counts().underived == 5
    derive_all(store)
    assert rows(store, "SELECT * FROM measurements") == before


def test_columns_that_are_wrong_are_derived_again_from_the_record(store: Store) -> None:
    keep(store, *(example_record("a", sequence) for sequence in range(3)))
    derive_all(store)
    before = rows(store, "SELECT * FROM runs ORDER BY id")
    with store._engine.begin() as connection:
        connection.exec_driver_sql(
            "UPDATE runs SET operator = 'x', year = 9, marginal = NULL IS NULL"
        )
        connection.exec_driver_sql("UPDATE runs SET started_at = 'never', verdict = 'fail'")
    assert rows(store, "SELECT * FROM runs ORDER BY id") != before
    store.forget_derived()
    keep(store, example_record("a", 3))
    derive_all(store)
    assert rows(store, "SELECT * FROM runs WHERE sequence < 3 ORDER BY id") == before
    assert rows(store, "SELECT count(*) FROM steps") == [(8,)]


def test_the_columns_of_a_new_run_are_not_written_twice(store: Store) -> None:
    keep(store, example_record("a", 1))
    with store._engine.begin() as connection:
        connection.exec_driver_sql("UPDATE runs SET operator = 'as it was written'")
    derive_all(store)
    assert rows(store, "SELECT operator FROM runs") == [("as it was written",)]
