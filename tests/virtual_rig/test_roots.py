"""Debian systems in folders, without making one."""

import shutil
import subprocess
from pathlib import Path

import pytest

from virtual_rig.roots import __main__ as program
from virtual_rig.roots.debian import Release


def test_another_list_of_packages_suite_or_architecture_is_another_archive(tmp_path: Path) -> None:
    releases = [
        Release("trixie", ("python3",)),
        Release("trixie", ("python3", "git")),
        Release("bookworm", ("python3",)),
        Release("trixie", ("python3",), "arm64"),
    ]
    archives = {release.archive_in(tmp_path) for release in releases}
    assert len(archives) == 4
    assert {path.suffix for path in archives} == {".tar"}
    assert releases[0].archive_in(tmp_path) == Release("trixie", ("python3",)).archive_in(tmp_path)


def test_a_checkout_is_copied_without_what_git_ignores(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    git = shutil.which("git")
    if git is None:
        pytest.skip("needs git")
    checkout = tmp_path / "checkout"
    (checkout / "script").mkdir(parents=True)
    subprocess.run([git, "init", "-q", str(checkout)], check=True)
    (checkout / ".gitignore").write_text(".venv/\n")
    (checkout / ".venv").mkdir()
    (checkout / ".venv/python").touch()
    (checkout / "script/new").write_text("#!/bin/sh\n")
    (checkout / "script/new").chmod(0o755)
    (checkout / "link").symlink_to("nowhere")
    monkeypatch.setattr(program, "ROOT", checkout)
    program.copy_checkout(tmp_path / "copy")
    copied = {str(path.relative_to(tmp_path / "copy")) for path in (tmp_path / "copy").rglob("*")}
    assert copied == {".gitignore", "script", "script/new", "link"}
    assert (tmp_path / "copy/script/new").stat().st_mode & 0o111
    assert (tmp_path / "copy/link").is_symlink()


def test_without_root_there_is_no_debian_and_that_is_said(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    monkeypatch.setattr("signal.signal", lambda *_: None)
    assert program.main(["--suite", "trixie", "true"]) == program.FAILED
    assert "takes root" in capsys.readouterr().err
