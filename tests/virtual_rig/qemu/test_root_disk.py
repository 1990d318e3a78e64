"""The files gathered for the guest's root, and their places."""

import os
from pathlib import Path

import pytest

from virtual_rig.qemu.kernel import CannotBuild
from virtual_rig.qemu.root_disk import Gathered


@pytest.fixture
def source(tmp_path: Path) -> Path:
    source = tmp_path / "source"
    (source / "usr/bin").mkdir(parents=True)
    (source / "usr/lib/python/test").mkdir(parents=True)
    (source / "bin").symlink_to("usr/bin")
    (source / "usr/bin/python3.11").write_text("it")
    (source / "usr/bin/python3").symlink_to("python3.11")
    (source / "usr/bin/python").symlink_to("/bin/python3")
    (source / "usr/bin/loop").symlink_to("../bin/loop")
    (source / "usr/lib/python/os.py").write_text("import abc")
    (source / "usr/lib/python/test/test_os.py").touch()
    return source


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "folder"
    folder.mkdir()
    return folder


def test_a_file_comes_with_all_links_on_the_way_to_it(source: Path, folder: Path) -> None:
    Gathered(folder, source).add(Path("/bin/python"))
    assert (folder / "bin").readlink() == Path("usr/bin")
    assert (folder / "usr/bin/python").readlink() == Path("/bin/python3")
    assert (folder / "usr/bin/python3").readlink() == Path("python3.11")
    assert (folder / "usr/bin/python3.11").read_text() == "it"


def test_byte_code_still_fits_because_a_copy_is_as_old_as_the_file(
    source: Path, folder: Path
) -> None:
    file = source / "usr/lib/python/os.py"
    os.utime(file, (1e9, 1e9))
    Gathered(folder, source).add(Path("/usr/lib/python"))
    assert (folder / "usr/lib/python/os.py").stat().st_mtime == 1e9


def test_what_is_left_out_of_a_folder_is_not_there(source: Path, folder: Path) -> None:
    Gathered(folder, source).add(Path("/usr/lib/python"), ["test"])
    assert [path.name for path in (folder / "usr/lib/python").iterdir()] == ["os.py"]


def test_what_there_is_twice_is_there_once_and_what_there_is_not_is_not(
    source: Path, folder: Path
) -> None:
    gathered = Gathered(folder, source)
    for path in ("/bin/python3.11", "/usr/bin/python3.11", "/usr/lib/python", "/usr/lib/python"):
        gathered.add(Path(path))
    gathered.add(Path("/etc/localtime"))
    assert not (folder / "etc").exists()


def test_links_that_lead_nowhere_are_an_error(source: Path, folder: Path) -> None:
    with pytest.raises(CannotBuild, match="loop"):
        Gathered(folder, source).add(Path("/bin/loop"))
