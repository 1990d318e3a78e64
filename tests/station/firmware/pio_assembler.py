"""The decorator `rp2.asm_pio`, so that a program's own source runs on an emulator.

Encoding: RP2040 datasheet, 3.4 "Instruction Set". Side-set is not used by our programs.
"""

import importlib.util
import sys
import types
from collections.abc import Callable
from typing import Any

from station.rig.flash import FIRMWARE

CONDITIONS = {"": 0, "not_x": 1, "x_dec": 2, "not_y": 3, "y_dec": 4, "x_not_y": 5, "pin": 6}
SOURCES = {"pins": 0, "x": 1, "y": 2, "null": 3, "isr": 6, "osr": 7}
TARGETS = {"pins": 0, "x": 1, "y": 2, "null": 3, "pindirs": 4, "pc": 5, "isr": 6, "osr": 7}
MOV_TARGETS = {"pins": 0, "x": 1, "y": 2, "isr": 6, "osr": 7}


class Instruction:
    """An instruction, whose delay follows it in brackets."""

    def __init__(self, opcode: int) -> None:
        self.opcode = opcode

    def __getitem__(self, delay: int) -> "Instruction":
        assert 0 <= delay < 32
        self.opcode |= delay << 8
        return self


class Program:
    """A program's words, where it wraps, and how the state machine is set up."""

    def __init__(self, function: Callable[[], None], setup: dict[str, Any]) -> None:
        self.setup = setup
        self._jumps: list[tuple[Instruction, str]] = []
        self._labels: dict[str, int] = {}
        self._instructions: list[Instruction] = []
        self.wrap_target, self.wrap_top = 0, -1
        words = self._words()
        space = function.__globals__
        before = {name: space[name] for name in words if name in space}
        space.update(words)
        try:
            function()
        finally:
            for name in words:
                del space[name]
            space.update(before)
        for instruction, label in self._jumps:
            instruction.opcode |= self._labels[label]
        self.opcodes = [one.opcode for one in self._instructions]
        assert 0 < len(self.opcodes) <= 32
        if self.wrap_top < 0:
            self.wrap_top = len(self.opcodes) - 1

    def _put(self, opcode: int) -> Instruction:
        self._instructions.append(instruction := Instruction(opcode))
        return instruction

    def _words(self) -> dict[str, Any]:
        def jmp(condition: str, label: str = "") -> Instruction:
            if not label:
                condition, label = "", condition
            self._jumps.append((found := self._put(CONDITIONS[condition] << 5), label))
            return found

        def mov(target: str, source: str) -> Instruction:
            return self._put(0xA000 | MOV_TARGETS[target] << 5 | SOURCES[source])

        def set_(target: str, value: int) -> Instruction:
            assert 0 <= value < 32
            return self._put(0xE000 | TARGETS[target] << 5 | value)

        def wrap_target() -> None:
            self.wrap_target = len(self._instructions)

        def wrap() -> None:
            self.wrap_top = len(self._instructions) - 1

        def label(name: str) -> None:
            self._labels[name] = len(self._instructions)

        names = (*SOURCES, *TARGETS, *CONDITIONS)
        return {name: name for name in names if name} | {
            "jmp": jmp,
            "wait": lambda level, source, n: self._put(
                0x2000 | level << 7 | {"gpio": 0, "pin": 1}[source] << 5 | n
            ),
            "in_": lambda source, bits: self._put(0x4000 | SOURCES[source] << 5 | bits & 31),
            "out": lambda target, bits: self._put(0x6000 | TARGETS[target] << 5 | bits & 31),
            "push": lambda *how: self._put(0x8000 | ("block" in how) << 5),
            "pull": lambda *how: self._put(0x8080 | ("block" in how) << 5),
            "block": "block",
            "mov": mov,
            "set": set_,
            "label": label,
            "wrap_target": wrap_target,
            "wrap": wrap,
        }


class Pio:
    """The constants of `rp2.PIO`."""

    SHIFT_LEFT, SHIFT_RIGHT, IN_LOW, OUT_LOW, JOIN_RX = range(5)


def programs_of(name: str) -> types.ModuleType:
    """Return a module of the firmware, each of its PIO programs a `Program`."""
    rp2 = types.ModuleType("rp2")
    rp2.PIO = Pio  # type: ignore[attr-defined]
    rp2.asm_pio = lambda **setup: lambda function: Program(function, setup)  # type: ignore[attr-defined]
    before = sys.modules.get("rp2")
    sys.modules["rp2"] = rp2
    try:
        spec = importlib.util.spec_from_file_location(f"firmware_{name}", FIRMWARE / f"{name}.py")
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
    finally:
        del sys.modules["rp2"]
        if before is not None:
            sys.modules["rp2"] = before
    return module
