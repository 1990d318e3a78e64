"""The devices that come along to a line: drawn from the worlds of each kind, by their weights."""

from collections.abc import Sequence
from pathlib import Path
from random import Random

from station.simulate.scenarios.files import Scenario, load, world_of


class Population:
    """The scenarios of each kind of equipment, read when they are first asked for."""

    def __init__(self, folders: Sequence[Path] = ()) -> None:
        self._folders = tuple(folders)
        self._scenarios: dict[str, tuple[Scenario, ...]] = {}

    def of(self, kind: str) -> tuple[Scenario, ...]:
        """Return all scenarios of a kind. Raises `LookupError` for one without a world."""
        if kind not in self._scenarios:
            self._scenarios[kind] = load(world_of(kind, self._folders), self._folders)
        return self._scenarios[kind]

    def draw(self, kind: str, chance: Random) -> Scenario:
        """Draw the next device of that kind. Raises `LookupError` for one without a world."""
        scenarios = self.of(kind)
        return chance.choices(scenarios, [one.weight for one in scenarios])[0]
