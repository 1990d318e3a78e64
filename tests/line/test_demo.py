"""A demonstration's last words when not every record is at the host."""

from station.demo import missing


def test_what_is_missing_is_told_with_figures_and_by_record() -> None:
    told = {"runs": 4, "waiting": 2, "record_ids": ["a", "b", "c", "d"]}
    assert missing(1, 4, told, {"a", "d"}) == (
        "not as it has to be: 4 of 4 devices were tested, 2 records wait at the station,"
        " 2 are not at the host: b, c; the station ended with 1"
    )


def test_a_station_that_tested_too_few_is_told_as_such() -> None:
    told = {"runs": 3, "waiting": 0, "record_ids": ["a", "b", "c"]}
    assert missing(0, 4, told, {"a", "b", "c"}) == (
        "not as it has to be: 3 of 4 devices were tested, 0 records wait at the station,"
        " 0 are not at the host; the station ended with 0"
    )
