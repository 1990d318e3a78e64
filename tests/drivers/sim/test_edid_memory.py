"""The EDIDs that simulated displays have, judged by edid-decode."""

import shutil
import subprocess
from typing import Any

import pytest

from drivers.sim.devices.edid_memory import build_edid


@pytest.mark.parametrize("version", ["1.3", "1.4"])
@pytest.mark.parametrize("text", ["", "SN-0123456789"])
def test_the_edid_that_is_built_conforms(version: str, text: str) -> None:
    if shutil.which("edid-decode") is None:
        pytest.skip("edid-decode is not installed: apt-get install edid-decode")
    data = build_edid(version=version, serial_text=text, week=12)
    done = subprocess.run(
        ["edid-decode", "--check"], input=data.hex(), capture_output=True, text=True
    )
    assert "EDID conformity: PASS" in done.stdout, done.stdout


def test_an_edid_that_cannot_be_is_not_built() -> None:
    bad: list[dict[str, Any]] = [
        {"manufacturer": "de"},
        {"manufacturer": "DÉL"},
        {"version": "2.0"},
        {"product_code": 1 << 16},
        {"serial_number": -1},
        {"model_year": True},
        {"name": "fourteen chars"},
        {"serial_text": "Ü"},
        {"year": 1989},
        {"width_cm": 256},
    ]
    for settings in bad:
        with pytest.raises(ValueError, match=r"."):
            build_edid(**settings)
