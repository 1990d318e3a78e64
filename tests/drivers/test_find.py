"""A driver is found by the name of its module, wherever that is, and nothing else is imported."""

import subprocess
import sys
from pathlib import Path

import pytest

from drivers import find
from drivers.capabilities import Instrument

ROOT = Path(__file__).parents[2]
DRIVER = """
from drivers.buses import ByteStream, Time
from drivers.capabilities import Identity, LightMeter

class Own1(LightMeter):
    def __init__(self, line: ByteStream, *, time: Time) -> None:
        self.identity = Identity("ACME", "OWN-1")

    def read_illuminance_lux(self) -> float:
        return 1.0
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "own1.py").write_text(DRIVER)
    (tmp_path / "helper.py").write_text("raise RuntimeError('nobody asked for this')")
    (tmp_path / "sim").mkdir()
    (tmp_path / "sim" / "own1.py").write_text("class SimulatedOwn1:\n    pass\n")
    return tmp_path


@pytest.mark.parametrize("name", find.names())
def test_every_driver_is_found_by_its_module_and_knows_its_name(name: str) -> None:
    kind = find.find(name)
    assert issubclass(kind, Instrument)
    assert find.name_of(kind) == name
    assert kind.__name__.lower() == name.replace("_", "")


@pytest.mark.parametrize("name", [name for name in find.names() if not find.find(name).under_test])
def test_every_instrument_has_a_twin_but_the_screen_which_is_the_stations_own(name: str) -> None:
    kind = find.find(name)
    if name == "pattern_screen":
        with pytest.raises(LookupError, match="PatternScreen has no twin"):
            find.find_twin(kind)
    else:
        assert find.find_twin(kind).__name__ == f"Simulated{kind.__name__}"


@pytest.mark.parametrize("name", ["", "scpi", "ina", "pca9685", "__init__", "../devices", "Ina219"])
def test_what_is_no_drivers_name_finds_nothing(name: str) -> None:
    with pytest.raises(LookupError, match="is no driver"):
        find.find(name)


def test_a_driver_by_its_old_name_says_the_new_one() -> None:
    with pytest.raises(LookupError, match="ddc is called ddc_monitor now"):
        find.find("ddc")
    assert set(find.RENAMED.values()) <= set(find.names())
    assert not set(find.RENAMED) & set(find.names())


def test_names_imports_no_driver() -> None:
    program = (
        "import sys; from drivers import find; find.names();"
        " print([name for name in sys.modules if name.startswith(('drivers.ins', 'drivers.dev'))])"
    )
    told = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert told.stdout == "[]\n"


def test_a_folder_of_ones_own_holds_drivers_and_their_twins(folder: Path) -> None:
    assert find.names([folder])[0] == "own1"
    assert "helper" not in find.names([folder])
    kind = find.find("own1", [folder])
    assert find.name_of(kind) == "own1"
    assert find.find_twin(kind).__name__ == "SimulatedOwn1"


def test_a_folder_of_ones_own_goes_before_what_is_shipped(folder: Path) -> None:
    (folder / "ka3000.py").write_text(DRIVER.replace("Own1", "Ka3000"))
    assert find.find("ka3000", [folder]).__module__ != find.find("ka3000").__module__
    assert find.names([folder]).count("ka3000") == 1


def test_two_folders_may_have_drivers_of_one_name(folder: Path, tmp_path: Path) -> None:
    (other := tmp_path / "other").mkdir()
    (other / "own1.py").write_text(DRIVER.replace("OWN-1", "OWN-2"))
    kinds = {find.find("own1", [one]) for one in (folder, other)}
    assert len(kinds) == 2


def test_drivers_of_ones_own_may_share_a_module(folder: Path) -> None:
    (folder / "common.py").write_text("MODEL = 'SHARED'\n")
    (folder / "own2.py").write_text(
        DRIVER.replace("Own1", "Own2").replace('"OWN-1"', "MODEL") + "\nfrom .common import MODEL\n"
    )
    assert find.find("own2", [folder]).__name__ == "Own2"


def test_a_driver_without_a_twin_says_so(folder: Path) -> None:
    (folder / "sim" / "own1.py").unlink()
    with pytest.raises(LookupError, match="Own1 has no twin"):
        find.find_twin(find.find("own1", [folder]))


def test_a_twin_that_cannot_be_imported_says_why(folder: Path) -> None:
    (folder / "sim" / "own1.py").write_text("import no_such_library\n")
    with pytest.raises(ModuleNotFoundError, match="no_such_library"):
        find.find_twin(find.find("own1", [folder]))
