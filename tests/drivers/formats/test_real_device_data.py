"""The decoders on what real devices say, each against an independent decoder.

The data are not part of the project; they are looked for beside the repository.
"""

import random
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from drivers.formats import edid, ieee1284, mccs
from drivers.formats.identities import is_placeholder, is_placeholder_number, maker_name

DATA = Path(__file__).parents[4] / "shared" / "data"


def samples(name: str) -> list[tuple[str, str]]:
    """Return the text before and after the first tab of each line."""
    path = DATA / name
    if not path.exists():
        pytest.skip(f"no ../shared/data/{name} beside the repository")
    lines = [line for line in path.read_text().split("\n") if line and not line.startswith("#")]
    return [(source, text) for source, _, text in (line.partition("\t") for line in lines)]


# EDID, against Debian's edid-decode


TIMING = r"(\d+)x(\d+)i?\s+([\d.]+) Hz"
PREFERRED = rf"^    DTD +1:\s+{TIMING}"
NATIVE = "First detailed timing (?:includes the native pixel format|is the preferred timing)"
DISPLAY_ID_NATIVE = rf"DTD:\s+{TIMING} .*preferred"
TIMING_SIZE = r"^    DTD +\d+: .*[( ](\d+) mm x (\d+) mm\)"
RATES = (
    "min_vertical_hz",
    "max_vertical_hz",
    "min_horizontal_khz",
    "max_horizontal_khz",
    "max_pixel_clock_mhz",
)
RANGES = r"Monitor ranges[^:]*: (\d+)-(\d+) Hz V, (\d+)-(\d+) kHz H(?:, max dotclock (\d+) MHz)?"
HDR = (
    r"HDR Static Metadata Data Block:\n    Electro[^:]*:\n"
    r"(?:      Traditional.*SDR.*\n)*      (?:Traditional.*HDR|SMPTE|Hybrid)"
)


def edid_decode(data: bytes) -> dict[str, Any] | None:
    """Return the fields of `Edid` but for its errors. None when edid-decode fails on them."""
    done = subprocess.run(
        ["edid-decode", "--skip-hex-dump"], input=data.hex().encode(), capture_output=True
    )
    if done.returncode < 0:
        return None
    told = done.stdout.decode("latin-1")
    base = told.partition("\nBlock 1,")[0]

    def first(pattern: str) -> tuple[str | None, ...]:
        found = re.search(pattern, base, re.MULTILINE)
        return found.groups() if found else (None, None)

    def number(pattern: str) -> int | None:
        text = first(pattern)[0]
        return int(text) if text else None

    def text(title: str, heading: str = "Display Product {}") -> str | None:
        texts = re.findall(rf"^    {heading.format(title)}: '(.*)'$", told, re.MULTILINE)
        stripped = [text.strip() for text in texts]
        return next(filter(None, stripped), "" if stripped else None)

    week, year = first(r"^    Made in: (?:week (\d+) of )?(\d+)")
    width_cm, height_cm = first(r"^    Maximum image size: (\d+) cm x (\d+) cm")
    gamma = first(r"^    Gamma: ([\d.]+)")[0]
    checksums = re.findall(r"^Checksum: 0x..(.*)$", told, re.MULTILINE)
    if len(checksums) != len(data) // 128:
        return None

    def placed(serial: str | None) -> str | None:
        """Return a blank for a placeholder, of which edid-decode knows nothing."""
        return "" if serial and is_placeholder(serial) else serial

    sizes = [(int(w), int(h)) for w, h in re.findall(TIMING_SIZE, told, re.MULTILINE)]
    sized = [
        size for size in sizes if all(size) and (size[0] > 16 or size[1] > 10)
    ]  # others are aspect ratios
    width_mm, height_mm = sized[0] if sized else (None, None)
    native = re.search(NATIVE, base) and re.search(PREFERRED, base, re.MULTILINE)
    if native is None:
        native = re.search(DISPLAY_ID_NATIVE, told)
    ranges = re.search(RANGES, told)
    said = number(r"^    Serial Number: (\d+)")
    return {
        "version": first(r"^  EDID Structure Version & Revision: (\S+)")[0],
        "manufacturer": first(r"^    Manufacturer: (...)")[0],
        "product_code": number(r"^    Model: (\d+)"),
        "serial_number": None if is_placeholder_number(said or 0) else said,
        "serial_text": placed(text("Serial Number")),
        "name": text("Name"),
        "week": int(week) if week else None,
        "year": int(year) if year else None,
        "model_year": number(r"^    Model year: (\d+)"),
        "width_cm": int(width_cm) if width_cm else None,
        "height_cm": int(height_cm) if height_cm else None,
        "gamma": float(gamma) if gamma else None,
        "text": text("", r"Alphanumeric Data String"),
        "digital": bool(first(r"^    (Digital) display")[0]),
        "native_width_px": int(native[1]) if native else None,
        "native_height_px": int(native[2]) if native else None,
        "native_refresh_hz": round(float(native[3]), 3) if native else None,
        "width_mm": width_mm,
        "height_mm": height_mm,
        **{
            name: int(ranges[place]) if ranges and ranges[place] else None
            for place, name in enumerate(RATES, start=1)
        },
        "audio": "Basic audio support" in told or "Audio Data Block:" in told,
        "hdr": bool(re.search(HDR, told)),
        "display_id": (re.findall(r"DisplayID Extension Block:\n  Version: (\S+)", told) or [None])[
            0
        ],
        "extensions": number(r"^  Extension blocks: (\d+)") or 0,
        "checksum_ok": not any("should be" in rest for rest in checksums),
    }


def real_edids() -> list[tuple[str, bytes]]:
    if shutil.which("edid-decode") is None:
        pytest.skip("edid-decode is not installed: apt-get install edid-decode")
    return [(source, bytes.fromhex(text)) for source, text in samples("edid.txt")]


def fields(data: bytes) -> dict[str, Any]:
    told = edid.parse(data)._asdict()
    del told["errors"], told["remarks"]
    return told


def test_no_field_of_a_real_edid_is_read_otherwise_than_by_edid_decode() -> None:
    edids = real_edids()
    wrong = {source: data.hex() for source, data in edids if fields(data) != edid_decode(data)}
    assert wrong == {}
    assert len(edids) >= 400


def damaged(data: bytes, chance: random.Random) -> bytes:
    """Return the data with a few bytes changed; half of them with checksums made right again."""
    changed = bytearray(data)
    for _ in range(chance.choice((1, 2, 8))):
        at = chance.choice((chance.randrange(8, 128), chance.randrange(8, len(data))))
        changed[at] = chance.choice((0, 0x0A, 0x20, 0xFF, chance.randrange(256)))
    if chance.random() < 0.5:
        for end in range(127, len(changed), 128):
            changed[end] = -sum(changed[end - 127 : end]) % 256
    return bytes(changed)


def test_damaged_edids_are_read_as_edid_decode_reads_them() -> None:
    chance = random.Random(1284)
    wrong, compared = {}, 0
    for source, data in chance.sample(real_edids(), 150):
        bad = damaged(data, chance)
        oracle = edid_decode(bad)
        if oracle is not None and has_pixels(oracle):  # damage makes it crash now and then
            compared += 1
            told = fields(bad)
            for name in ("audio", "hdr"):  # a damaged list of data blocks ends somewhere else
                told[name] = oracle[name]
            if told != oracle:
                wrong[source] = bad.hex()
    assert wrong == {}
    assert compared > 135


def has_pixels(told: dict[str, Any]) -> bool:
    """Tell whether a timing of edid-decode's has pixels; one of 0 × 1024 is no timing to us."""
    return 0 not in (told["native_width_px"], told["native_height_px"])


def test_errors_of_real_edids_are_about_blocks_and_about_nothing_else() -> None:
    errors = [
        error for _, text in samples("edid.txt") for error in edid.parse(bytes.fromhex(text)).errors
    ]
    assert all(re.search(r"blocks, but it promises|is block 0 again", error) for error in errors)
    assert errors


# MCCS, against the brackets taken one by one


def brackets(text: str) -> list[Any]:
    """Words, and lists for what stands in brackets."""
    stack: list[list[Any]] = [[]]
    for token in re.findall(r"[()]|[^\s()]+", text):
        if token == "(":
            stack.append([])
        elif token == ")" and len(stack) > 1:
            inner = stack.pop()
            stack[-1].append(inner)
        elif token != ")":
            stack[-1].append(token)
    while len(stack) > 1:
        inner = stack.pop()
        stack[-1].append(inner)
    return stack[0]


def groups(tree: list[Any]) -> list[tuple[str, list[Any]]]:
    """Return every word that has something in brackets after it, however deep."""
    found = []
    for at, node in enumerate(tree):
        if isinstance(node, list):
            if at and isinstance(tree[at - 1], str):
                found.append((tree[at - 1], node))
            found += groups(node)
    return found


def features(content: list[Any]) -> dict[int, list[int]]:
    found: dict[int, list[int]] = {}
    for at, node in enumerate(content):
        if isinstance(node, str) and node != "vcp":
            values = found.setdefault(int(node, 16), [])
            after = content[at + 1] if at + 1 < len(content) else None
            if isinstance(after, list):
                values += (int(text, 16) for text in after)
    return {code: list(dict.fromkeys(values)) for code, values in found.items()}


def test_no_group_of_a_real_capability_string_is_read_otherwise_than_by_its_brackets() -> None:
    strings = samples("mccs_capabilities.txt")
    for source, text in strings:
        told = mccs.parse(text)
        named: dict[str, list[Any]] = {}
        vcp: dict[int, list[int]] = {}
        for name, content in groups(brackets(text)):
            if name == "vcp":
                for code, values in features(content).items():
                    had = vcp.setdefault(code, [])
                    had += [value for value in values if value not in had]
            elif re.search(r"[g-z]", name, re.IGNORECASE):
                named[name] = content
        cmds = [int(c, 16) for name in named if name.endswith("cmds") for c in named[name]]
        assert told.vcp.keys() == vcp.keys(), source
        for code, found in told.vcp.items():
            assert list(dict.fromkeys(found)) == vcp[code], (source, code)
        assert list(told.cmds) == cmds, source
        for key in ("prot", "type", "model", "mccs_ver"):
            assert getattr(told, key) == (" ".join(named[key]) if key in named else None), source
        rest = {
            name: " ".join(content)
            for name, content in named.items()
            if name not in ("prot", "type", "model", "mccs_ver") and not name.endswith("cmds")
        }
        assert told.other == rest, source
    assert len(strings) >= 70


def test_the_errors_of_real_capability_strings_are_these() -> None:
    told = {source: mccs.parse(text).errors for source, text in samples("mccs_capabilities.txt")}
    assert {source: errors for source, errors in told.items() if errors} == {
        "PHL08DC.xml": ("'vcp' inside vcp",),
        "LHC3500.xml": ("'MStarcmds' read as 'cmds'",),
    }


# IEEE 1284, against a regular expression for each field


def field(text: str, *keys: str) -> str | None:
    found = re.search(rf"(?:^|;)\s*(?:{'|'.join(keys)})\s*:([^;]*)", text, re.IGNORECASE)
    return found[1].strip() if found else None


def test_no_field_of_a_real_device_id_is_read_otherwise_than_by_its_key() -> None:
    ids = samples("ieee1284.txt")
    for source, text in ids:
        told = ieee1284.parse(text)
        commands = field(text, "CMD", "COMMAND SET") or ""
        maker, model = field(text, "MFG", "MANUFACTURER"), field(text, "MDL", "MODEL")
        assert told.maker == (maker if maker is None else maker_name(maker)), source
        assert model in (told.model, None), source
        assert ",".join(told.commands) == re.sub(r"\s*,\s*", ",", commands), source
        assert told.printer_class == field(text, "CLS", "CLASS"), source
        assert told.description == field(text, "DES", "DESCRIPTION"), source
        assert told.serial_number == field(text, "SERN", "SN", "SERIALNUMBER"), source
        known = len(told.commands) > 0 or field(text, "CMD", "COMMAND SET") is not None
        told = told._replace(model=model)  # of a text without a model, the description has it
        given = [told.maker, told.model, told.printer_class, told.description, told.serial_number]
        count = len([value for value in given if value is not None]) + known + len(told.other)
        assert count == text.count(":") - sum(v.count(":") for v in told.other.values()), source
    assert len(ids) >= 400


def test_real_device_ids_come_through_the_wire_format_unchanged() -> None:
    for source, text in samples("ieee1284.txt"):
        raw = text.encode("latin-1")
        told = ieee1284.parse_bytes((len(raw) + 2).to_bytes(2, "big") + raw)
        assert told == ieee1284.parse(text), source


def test_only_real_device_ids_that_lost_a_key_have_errors() -> None:
    for source, text in samples("ieee1284.txt"):
        for error in ieee1284.parse(text).errors:
            assert re.fullmatch(r"'W[FP]-\d+ Series' has no key", error), source
