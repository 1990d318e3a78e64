"""Thousands of records that wait."""

from chaos.line import Line

RECORDS = 1500


def thousands(line: Line) -> None:
    """Let records gather while host and broker are away, and kill what delivers them."""
    line.host.down()
    line.broker.down()
    line.queue(RECORDS)
    line.wait(lambda: line.now().shown >= RECORDS, f"{RECORDS} records wait")
    line.broker.up()
    line.host.up()
    for one in line.chance.sample(line.services, 2):
        line.wait(lambda: line.now().waiting < RECORDS, "the first are delivered")
        one.kill()
