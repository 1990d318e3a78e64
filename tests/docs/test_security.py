"""Each line of the threat model names a test that exists; the bill of materials is valid."""

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

ROOT = Path(__file__).parents[2]
LINE = re.compile(r"^\| (.+) \| (.+) \| (.+) \| `(tests/[\w/]+\.py)::(test_\w+)` \|$", re.MULTILINE)


def test_each_line_of_the_threat_model_is_shown_by_a_test_that_exists() -> None:
    text = (ROOT / "SECURITY.md").read_text()
    lines = [one for one in text.splitlines() if one.startswith("| ")][2:]
    found = LINE.findall(text)
    assert len(found) == len(lines) >= 20
    missing = [
        f"{path}::{name}"
        for *_, path, name in found
        if not (ROOT / path).is_file() or f"def {name}(" not in (ROOT / path).read_text()
    ]
    assert missing == []


def locked() -> dict[str, str]:
    """Return the versions of all packages in requirements.lock, by name."""
    text = (ROOT / "requirements.lock").read_text()
    return dict(re.findall(r"^([a-z0-9.-]+)==([^ ;]+)", text, re.MULTILINE))


def why_invalid(bill: dict[str, Any]) -> object:
    """Return the schema's objection to a bill, or None.

    A package has a reference for each of its wheels, all alike; one of each is looked at, as the
    validator takes a sixth of a second for an address.
    """
    fewer = [
        {**one, "externalReferences": one["externalReferences"][:1]} for one in bill["components"]
    ]
    checked = json.dumps({**bill, "components": fewer})
    return JsonStrictValidator(SchemaVersion.V1_5).validate_str(checked)


def test_the_validator_objects_to_what_is_no_bill() -> None:
    assert why_invalid({"bomFormat": "CycloneDX", "specVersion": "1.5", "components": []}) is None
    assert why_invalid({"bomFormat": "Other", "specVersion": "1.5", "components": []}) is not None


@pytest.mark.parametrize(
    ("what", "has", "has_not"),
    [("host", "litestar", "textual"), ("station", "textual", "litestar")],
)
def test_the_bill_of_materials_is_valid_and_says_what_is_locked(
    what: str, has: str, has_not: str
) -> None:
    made = subprocess.run(
        [ROOT / "script" / "bom", what], capture_output=True, text=True, check=False, timeout=100
    )
    assert made.returncode == 0, made.stderr
    bill = json.loads(made.stdout)
    components = bill["components"]
    assert why_invalid(bill) is None
    versions = {one["name"]: one["version"] for one in components}
    assert has in versions
    assert has_not not in versions
    assert "pytest-xdist" not in versions
    assert {name: version for name, version in versions.items() if locked()[name] != version} == {}
    for one in components:
        hashes = [each for place in one["externalReferences"] for each in place["hashes"]]
        assert hashes, one["name"]
        assert {each["alg"] for each in hashes} == {"SHA-256"}


def test_another_word_is_a_usage_error() -> None:
    made = subprocess.run([ROOT / "script" / "bom", "all"], capture_output=True, check=False)
    assert made.returncode == 2
