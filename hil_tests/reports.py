"""A rig run's report: measured values, and whose fault an error is."""

from collections.abc import Generator

import pytest

from drivers.errors import DriverError
from hil_tests.plugin import RecordValue

MEASURED = pytest.StashKey[list[str]]()
MEASURED_TITLE = "measured"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if call.when != "call":
        return report
    if lines := item.stash.get(MEASURED, []):
        report.sections.append((MEASURED_TITLE, "\n".join(lines)))
    if report.failed and call.excinfo is not None and _is_fault_of_bench(call.excinfo.value):
        # What is not of the test itself pytest and JUnit call an error, and only that.
        report.when = "setup"
        report.sections.append(("whose fault", "The bench's: nothing was said of what is tested."))
    return report


def _is_fault_of_bench(error: BaseException) -> bool:
    from station.engine.bench import BenchNotSafe
    from station.engine.step import BenchFault

    return isinstance(error, DriverError | BenchNotSafe | BenchFault)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    lines = [
        f"{report.nodeid.rpartition('/')[2]}: {text.replace(chr(10), ', ')}"
        for reports in terminalreporter.stats.values()
        for report in reports
        if isinstance(report, pytest.TestReport)
        for title, text in report.sections
        if title == MEASURED_TITLE
    ]
    if lines and terminalreporter.config.get_verbosity() >= 0:
        terminalreporter.section("measured on the rig")
        for line in lines:
            terminalreporter.write_line(line)


@pytest.fixture
def record_value(request: pytest.FixtureRequest) -> RecordValue:
    """Return `record_value(name, value, unit)`: to the terminal's summary, JUnit's properties."""

    def record(name: str, value: float, unit: str) -> None:
        text = f"{value:.9g} {unit}".rstrip()
        request.node.user_properties.append((name, text))
        request.node.stash.setdefault(MEASURED, []).append(f"{name} {text}")

    return record
