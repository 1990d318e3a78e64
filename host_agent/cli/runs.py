"""Does `pace-host runs`."""

import argparse

from host_agent.cli.options import (
    Commands,
    add_command,
    add_config,
    add_json,
    add_limit,
    readable_store,
)
from host_agent.cli.output import print_json


def add_to(commands: Commands) -> None:
    """Add `runs`."""
    parser = add_command(commands, "runs", list_latest, "list the latest runs")
    add_config(parser)
    add_json(parser)
    add_limit(parser)


def list_latest(options: argparse.Namespace) -> None:
    """Print the latest runs, a line each."""
    from host_agent.store import RunFilter
    from host_agent.text import printable

    with readable_store(options) as store:
        found = store.latest_runs(RunFilter(), limit=options.limit)
    if options.json:
        print_json(found)
        return
    for run in found:
        verdict = run.verdict.upper() + (", MARGINAL" if run.marginal else "")
        facts = (run.asset_tag, run.kind, run.plan, f"{run.station}/{run.slot}", run.record_id)
        when = run.started_at[:19]
        print(f"{when}Z  {verdict:<14}  " + "  ".join(printable(fact) for fact in facts))
