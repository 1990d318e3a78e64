import ssl
import subprocess
from pathlib import Path

import pytest

from host_agent.config import (
    ConfigError,
    HostConfig,
    ListenAddress,
    Tls,
    broker_address,
    data_directory,
    database_url,
    load,
    parse_address,
)


def write(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "host.toml"
    path.write_text(text)
    return path


def mistakes(tmp_path: Path, text: str) -> tuple[str, ...]:
    with pytest.raises(ConfigError) as caught:
        load(write(tmp_path, text))
    assert all(line.startswith(f"{tmp_path / 'host.toml'}: ") for line in caught.value.mistakes)
    assert not any("\n" in line for line in caught.value.mistakes)
    return tuple(line.removeprefix(f"{tmp_path / 'host.toml'}: ") for line in caught.value.mistakes)


def test_an_empty_file_is_a_host_on_loopback(tmp_path: Path) -> None:
    config = load(write(tmp_path, ""))
    assert config == HostConfig()
    assert parse_address(config.web.listen).host == "127.0.0.1"
    assert config.limits.message_bytes == 1_048_576


def test_a_whole_file_is_read(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("hunter2\n")
    path = write(
        tmp_path,
        """
        data = "/var/lib/pace-host"
        [broker]
        host = "broker.example.org"
        port = 8883
        username = "host"
        password_file = "secret"
        client_id = "pace-host-2"
        mqtt_version = 5
        [broker.tls]
        [database]
        url = "sqlite:////srv/pace.db"
        [web]
        listen = "[::1]:0"
        names = ["pace.example.org"]
        [limits]
        message_bytes = 2000000
        """,
    )
    config = load(path)
    address = broker_address(config, tmp_path)
    assert (address.host, address.port, address.client_id) == (
        "broker.example.org",
        8883,
        "pace-host-2",
    )
    assert (address.username, address.password) == ("host", "hunter2")
    assert isinstance(address.tls, ssl.SSLContext)
    assert address.tls.verify_mode is ssl.CERT_REQUIRED
    assert address.message_limit_bytes == 2_000_000
    assert database_url(config, data_directory(config)) == "sqlite:////srv/pace.db"


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("[broker]\nport = '1883'", "broker.port: '1883' is not a TCP port from 1 to 65535"),
        ("[broker]\nport = 70000", "broker.port: 70000 is not a TCP port from 1"),
        ("[broker]\nprot = 1883", "broker: there is no key `prot`; did you mean 'port'?"),
        ("[brokr]", "there is no key `brokr`; did you mean 'broker'?"),
        ("zzz = 1", "there is no key `zzz`; known are broker, data, database, limits, web"),
        ("broker = 'x'", "broker: 'x' is not a table"),
        ("[broker]\nmqtt_version = 4", "broker.mqtt_version: 4 is not 3 (which is 3.1.1) or 5"),
        (
            "[broker]\nclient_id = 'a b'",
            "broker.client_id: 'a b' is not 1 to 64 of A-Z a-z 0-9 . _ -",
        ),
        ("[broker]\nhost = ''", "broker.host: '' is not a name or an address"),
        ("[web]\nlisten = 'nowhere'", "web.listen: 'nowhere' is not address:port"),
        ("[web]\nlisten = '::1:80'", "web.listen: '::1:80': an IPv6 address stands in [brackets]"),
        ("[web]\nlanguage = 'xx'", "web.language: no language 'xx'; there are en, fr"),
        ("[web]\ntime_zone = 'Mars/X'", "web.time_zone: 'Mars/X' is no time zone"),
        ("[web]\ntime_zone = '../x'", "web.time_zone: '../x' is no time zone"),
        ("[web]\nnames = 'a'", "web.names: 'a' is not a list of host names"),
        (
            "[limits]\nmessage_bytes = 1",
            "limits.message_bytes: 1 is not a number of bytes from 1024",
        ),
        ("[broker]\nusername = 'u'\npassword_file = 'none'", "broker.password_file: [Errno 2]"),
        ("[broker.tls]\ncert_file = 'c'", "broker.tls: cert_file and key_file go together"),
        ("[broker.tls]\nca_file = 'none'", "broker.tls: [Errno 2]"),
        ("data = 'x", "not TOML: "),
        ("data = 1", "data: 1 is not a directory"),
    ],
)
def test_a_mistake_is_one_line_with_its_place_and_what_is_right(
    tmp_path: Path, text: str, line: str
) -> None:
    (said,) = mistakes(tmp_path, text)
    assert said.startswith(line)


def test_all_mistakes_are_told_at_once(tmp_path: Path) -> None:
    said = mistakes(tmp_path, "x = 1\n[broker]\nport = 0\nhost = 1\n[web]\nlisten = 5\n")
    assert len(said) == 4


def test_a_password_belongs_to_a_name(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("hunter2\n")
    (said,) = mistakes(tmp_path, "[broker]\npassword_file = 'secret'\n")
    assert "no broker.username" in said


def test_a_file_that_is_missing_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="No such file"):
        load(tmp_path / "none.toml")


def test_data_is_where_systemd_or_the_user_keeps_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", "/home/x/data")
    monkeypatch.delenv("STATE_DIRECTORY", raising=False)
    assert data_directory(HostConfig()) == Path("/home/x/data/pace-host")
    monkeypatch.setenv("STATE_DIRECTORY", "/var/lib/pace-host")
    assert data_directory(HostConfig()) == Path("/var/lib/pace-host")
    assert data_directory(HostConfig(data="/srv/x")) == Path("/srv/x")
    assert database_url(HostConfig(), Path("/srv/x")) == "sqlite:////srv/x/host.db"


@pytest.mark.parametrize("text", ["127.0.0.1", "127.0.0.1:", ":80", "a:b", "a:70000", "a:-1", ""])
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not address:port"):
        parse_address(text)


def test_addresses_are_read_and_shown() -> None:
    assert parse_address("127.0.0.1:0") == ListenAddress("127.0.0.1", 0)
    assert str(parse_address("[::1]:8480")) == "[::1]:8480"


def test_certificates_are_loaded_from_beside_the_file(tmp_path: Path) -> None:
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=x"),
            *("-keyout", str(tmp_path / "key.pem"), "-out", str(tmp_path / "cert.pem")),
        ],
        check=True,
        capture_output=True,
    )
    config = load(
        write(
            tmp_path,
            "[broker.tls]\nca_file = 'cert.pem'\ncert_file = 'cert.pem'\nkey_file = 'key.pem'",
        )
    )
    assert config.broker.tls == Tls("cert.pem", "cert.pem", "key.pem")
    assert broker_address(config, tmp_path).tls is not None


def test_a_folder_of_words_that_is_not_there_is_told(tmp_path: Path) -> None:
    [line] = mistakes(tmp_path, "[web]\nword_folders = ['gone']")
    assert line == f"web.word_folders: {tmp_path / 'gone'} is no folder"


def test_a_catalogue_of_one_s_own_that_is_broken_is_told_with_its_line(tmp_path: Path) -> None:
    (tmp_path / "words").mkdir()
    (tmp_path / "words" / "pt.po").write_text('msgid "page.runs\n')
    [line] = mistakes(tmp_path, "[web]\nword_folders = ['words']")
    assert "pt.po" in line
    assert "1" in line
