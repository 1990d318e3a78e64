from pathlib import Path

import pytest

from virtual_rig.guest import hands


@pytest.mark.parametrize(
    ("made", "there"),
    [
        ("1-1/1-1:1.0/ttyUSB0", False),  # that cannot be opened, as there is none in /dev
        ("1-1/1-1:1.0/null", False),  # no tty's place
        ("1-1/1-1:1.0/tty/null", True),
        ("1-1/1-1:1.1/tty/null", True),
        ("1-1/1-1:1.0", False),
        ("1-1", False),
        ("1-2/1-2:1.0/tty/null", False),
        ("1-1.2/1-1.2:1.0/tty/null", False),
    ],
)
def test_a_serial_port_is_there_once_it_can_be_opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, made: str, there: bool
) -> None:
    monkeypatch.setattr(hands, "DEVICES", tmp_path)
    (tmp_path / made).mkdir(parents=True)
    assert hands.has_serial_port("1-1") == there
