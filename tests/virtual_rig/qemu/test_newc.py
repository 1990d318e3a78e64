"""Archives that the kernel unpacks; the oracle is busybox's cpio where it is installed."""

import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from virtual_rig.qemu import newc


def test_a_file_is_a_header_of_hexadecimal_a_name_and_content_each_on_a_multiple_of_four() -> None:
    packed = newc.archive([newc.file("init", b"#!x", executable=True)])
    assert packed[:6] == b"070701"
    assert packed[6:14] == b"00000001"  # inode
    assert packed[14:22] == b"000081ed"  # a file that all may read and run
    assert packed[54:62] == b"00000003"  # size
    assert packed[94:102] == b"00000005"  # name's size, with its zero
    assert packed[110:116] == b"init\0\0"
    assert packed[116:120] == b"#!x\0"
    assert packed[120:126] == b"070701"
    assert packed.endswith(b"TRAILER!!!\0\0\0\0")


def test_the_same_entries_give_the_same_bytes() -> None:
    entries = [newc.folder("bin"), newc.file("bin/sh", b"x")]
    assert newc.archive(entries) == newc.archive(entries)


@pytest.mark.parametrize(
    "entries",
    [
        [newc.file("/init", b"")],
        [newc.file("bin/sh", b"")],
        [newc.folder("bin"), newc.folder("bin")],
    ],
    ids=["absolute", "before its directory", "twice"],
)
def test_what_the_kernel_could_not_unpack_is_refused(entries: list[newc.Entry]) -> None:
    with pytest.raises(ValueError, match="twice, absolute, or before"):
        newc.archive(entries)


@given(st.lists(st.binary(max_size=40), max_size=6))
def test_every_entry_begins_on_a_multiple_of_four(contents: list[bytes]) -> None:
    entries = [newc.file(f"f{number}", content) for number, content in enumerate(contents)]
    packed = newc.archive(entries)
    at = 0
    for entry in [*entries, newc.Entry(newc.TRAILER, 0)]:
        assert packed[at : at + 6] == b"070701"
        name_bytes, size = int(packed[at + 94 : at + 102], 16), int(packed[at + 54 : at + 62], 16)
        assert packed[at + 110 : at + 110 + name_bytes] == entry.path.encode() + b"\0"
        at += -(-(110 + name_bytes) // 4) * 4
        assert packed[at : at + size] == entry.content
        at += -(-size // 4) * 4
    assert at == len(packed)


@pytest.mark.skipif(shutil.which("busybox") is None, reason="busybox is not installed")
def test_busybox_unpacks_it(tmp_path: Path) -> None:
    packed = newc.archive([newc.folder("bin"), newc.file("bin/tool", b"abc", executable=True)])
    subprocess.run(["busybox", "cpio", "-i"], input=packed, cwd=tmp_path, check=True)
    assert (tmp_path / "bin/tool").read_bytes() == b"abc"
    assert (tmp_path / "bin/tool").stat().st_mode & 0o111
