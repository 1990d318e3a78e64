"""`pace demo`: broker, host, simulated station and screen in one."""

import argparse
from pathlib import Path

from station.cli.arguments import complain, count


def add(demo: argparse.ArgumentParser) -> None:
    """Add the arguments of this command."""
    demo.set_defaults(command=_run)
    demo.add_argument("--headless", action="store_true", help="without the operator's screen")
    demo.add_argument("--runs", type=count, help="with --headless: so many devices; default: 40")
    demo.add_argument("--seed", type=int, default=1, help="which devices come along")
    demo.add_argument("--json", action="store_true", help="with --headless: one line on stdout")
    demo.add_argument("--data", type=Path, help="folder for records and logs")
    demo.add_argument("--language", default="en", help="of the screen; default: %(default)s")
    demo.add_argument("--broker", help="HOST:PORT of a running broker instead of the embedded one")
    demo.add_argument(
        "--mqtt-version", type=int, choices=(3, 5), help="default: 3 embedded, else 5"
    )


def _run(chosen: argparse.Namespace) -> int:
    if not chosen.headless and (chosen.runs is not None or chosen.json):
        return complain("--runs and --json go with --headless: the screen runs until you quit it")
    from station.demo import Demo, run_demo

    return run_demo(
        Demo(
            headless=chosen.headless,
            runs=40 if chosen.runs is None else chosen.runs,
            seed=chosen.seed,
            json=chosen.json,
            data=chosen.data,
            broker=chosen.broker,
            mqtt_version=chosen.mqtt_version,
            language=chosen.language,
        )
    )
