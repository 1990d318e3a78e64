"""Every actuator of broken-off runs is made safe at once, each in a thread of its own."""

import logging
import threading
from collections.abc import Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet

from drivers.buses import Hardware
from station.engine.clock import Clock
from station.engine.prompts import Prompter
from station.rig.slots import StationConfig, open_bench

log = logging.getLogger(__name__)


def make_safe_at_once(
    config: StationConfig, hardware: Hardware, at_work: Mapping[str, AbstractSet[str]]
) -> dict[str, str]:
    """Make the roles of some slots safe. Returns the troubles, by `slot.role`.

    A mute instrument delays no other; what several slots share is made safe once.
    """
    troubles: dict[str, str] = {}

    def let_go(slot: str, role: str) -> None:
        clock = Clock()
        operator = Prompter(lambda event: None, clock)
        bench = open_bench(config, slot, hardware, clock, operator, {})
        for name, why in bench.release_everything({role}).items():
            log.error("slot %s is not known to be safe: %s: %s", slot, name, why)
            troubles[f"{slot}.{name}"] = why

    threads = [
        threading.Thread(target=let_go, args=each, name=".".join(each))
        for each in _once(config, ((slot, role) for slot, its in at_work.items() for role in its))
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return troubles


def _once(config: StationConfig, roles: Iterable[tuple[str, str]]) -> Iterator[tuple[str, str]]:
    """Yield each role, but only one of those that a shared instrument plays."""
    shared: set[str] = set()
    for slot, role in roles:
        if slot not in config.slots:
            continue
        name = config.slots[slot].shared.get(role)
        if name is None or name not in shared:
            yield slot, role
        if name is not None:
            shared.add(name)
