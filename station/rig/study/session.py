"""The file of a study: its design in the first line, then one line for each reading.

Each line is on the disk before the next reading is asked for. A study that was killed goes on where
it stopped; the order of its readings follows from its design alone.
"""

import os
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Annotated, TypeVar

import msgspec

from station.rig.study.crossed import Cell, Crossed, StudyError

Line = TypeVar("Line")

Some = Annotated[int, msgspec.Meta(ge=2)]


class Design(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The first line: the quantity that a role of a slot measures, of which parts, by whom.

    `tolerance` is upper minus lower limit in the unit of the quantity. `zone` counts from 1.
    """

    study: Annotated[int, msgspec.Meta(ge=1, le=1)] = 1
    slot: str
    role: str
    quantity: str
    parts: Some
    operators: Annotated[tuple[str, ...], msgspec.Meta(min_length=2)]
    trials: Some
    seed: int = 1
    zone: Annotated[int, msgspec.Meta(ge=1)] = 1
    tolerance: Annotated[float, msgspec.Meta(gt=0)] | None = None
    simulated: bool = False

    def turns(self) -> Iterator["Turn"]:
        """Yield the readings in their order: within each trial of an operator, parts are mixed."""
        for trial in range(1, self.trials + 1):
            for operator in self.operators:
                parts = [str(number) for number in range(1, self.parts + 1)]
                Random(f"{self.seed}/{trial}/{operator}").shuffle(parts)
                for part in parts:
                    yield Turn(part=part, operator=operator, trial=trial)


class Turn(msgspec.Struct, frozen=True, kw_only=True):
    """One reading that is to be taken. `trial` counts from 1."""

    part: str
    operator: str
    trial: int


class Reading(Turn, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One line: the value, in the unit of the quantity, and when it was taken (UTC)."""

    value: float
    at: datetime


Take = Callable[[Turn], float]
"""Returns the value of a reading. May raise whatever ends the session."""


class Session:
    """A study and the file that it stands in."""

    def __init__(self, path: Path, design: Design | None = None) -> None:
        """Open a study, or begin it with a design. Raises `StudyError`, and `OSError`.

        A last line that was cut off is dropped: its reading is taken again.
        """
        self.path = path
        self.readings: list[Reading] = []
        lines = path.read_bytes().splitlines(keepends=True) if path.exists() else []
        if lines and not lines[-1].endswith(b"\n"):
            lines.pop()
            os.truncate(path, sum(map(len, lines)))
        if not lines:
            if design is None:
                raise StudyError(
                    f"{path}: there is no study yet; begin it with --slot and the rest"
                )
            if len(set(design.operators)) < len(design.operators):
                raise StudyError("two operators have the same name")
            self.design = design
            self._add(design)
            return
        self.design = self._read(lines[0], 1, Design)
        if design is not None and design != self.design:
            raise StudyError(f"{path} is a study of another design; name another file")
        turns = self.design.turns()
        for number, line in enumerate(lines[1:], 2):
            reading = self._read(line, number, Reading)
            if (reading.part, reading.operator, reading.trial) != _key(next(turns, None)):
                raise StudyError(f"{path}, line {number}: this reading's turn was another")
            self.readings.append(reading)

    @property
    def missing(self) -> list[Turn]:
        """Return the readings that are still to be taken."""
        return list(self.design.turns())[len(self.readings) :]

    def go_on(self, take: Take) -> None:
        """Take all readings that are missing, and keep each. Raises what `take` raises."""
        for turn in self.missing:
            value = float(take(turn))
            reading = Reading(
                part=turn.part,
                operator=turn.operator,
                trial=turn.trial,
                value=value,
                at=datetime.now(UTC).replace(microsecond=0),
            )
            self._add(reading)
            self.readings.append(reading)

    def crossed(self) -> Crossed:
        """Return the whole study. Raises `StudyError` while a reading is missing."""
        if self.missing:
            raise StudyError(f"{self.path}: {len(self.missing)} readings are missing")
        taken: dict[Cell, list[float]] = {}
        for one in self.readings:
            taken.setdefault((one.part, one.operator), []).append(one.value)
        return Crossed.of(taken)

    def _add(self, line: Design | Reading) -> None:
        with self.path.open("ab") as file:
            file.write(msgspec.json.encode(line) + b"\n")
            file.flush()
            os.fsync(file.fileno())

    def _read(self, line: bytes, number: int, kind: type[Line]) -> Line:
        try:
            return msgspec.json.decode(line, type=kind)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise StudyError(f"{self.path}, line {number}: {error}") from error


def _key(turn: Turn | None) -> tuple[str, str, int] | None:
    return None if turn is None else (turn.part, turn.operator, turn.trial)
