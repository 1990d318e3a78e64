from hypothesis import given
from hypothesis import strategies as st

from drivers.formats import edid
from drivers.formats.edid import Edid
from drivers.formats.identities import is_placeholder, is_placeholder_number
from drivers.sim.devices.edid_memory import build_edid

GOOD = build_edid(
    manufacturer="DEL",
    product_code=0xA04C,
    serial_number=0x31324430,
    name="DELL 2408WFP",
    serial_text="G293H88G0D1",
    week=33,
    year=2008,
    width_cm=52,
    height_cm=32,
)


def with_bytes(at: int, new: bytes, data: bytes = GOOD) -> bytes:
    """Return the data with other bytes at a place, and with checksums that are right again."""
    changed = bytearray(data)
    changed[at : at + len(new)] = new
    for end in range(127, len(changed), 128):
        changed[end] = -sum(changed[end - 127 : end]) % 256
    return bytes(changed)


def test_every_field_of_a_good_edid() -> None:
    assert edid.parse(GOOD) == Edid(
        version="1.3",
        manufacturer="DEL",
        product_code=0xA04C,
        serial_number=0x31324430,
        serial_text="G293H88G0D1",
        name="DELL 2408WFP",
        week=33,
        year=2008,
        model_year=None,
        width_cm=52,
        height_cm=32,
        gamma=2.2,
        digital=True,
        native_width_px=1920,
        native_height_px=1080,
        native_refresh_hz=60.0,
        width_mm=520,
        height_mm=320,
        min_vertical_hz=50,
        max_vertical_hz=76,
        min_horizontal_khz=30,
        max_horizontal_khz=83,
        max_pixel_clock_mhz=170,
        extensions=0,
        checksum_ok=True,
        errors=(),
    )


def test_the_fields_stand_in_the_order_in_which_they_are_printed() -> None:
    assert " ".join(Edid._fields) == (
        "version manufacturer product_code serial_number serial_text name week year model_year"
        " width_cm height_cm gamma text digital native_width_px native_height_px native_refresh_hz"
        " width_mm height_mm min_vertical_hz max_vertical_hz min_horizontal_khz"
        " max_horizontal_khz max_pixel_clock_mhz audio hdr display_id extensions checksum_ok"
        " errors remarks"
    )


def test_what_is_not_said_is_none() -> None:
    told = edid.parse(build_edid(name="", serial_text="", serial_number=0, week=0))
    assert (told.name, told.serial_text, told.serial_number, told.week) == (None,) * 4
    assert told.errors == ()


def test_a_model_year_is_no_year_of_manufacture() -> None:
    told = edid.parse(build_edid(version="1.4", year=2019, model_year=True))
    assert (told.week, told.year, told.model_year) == (None, None, 2019)


def test_a_week_that_no_year_has_is_told_and_a_remark() -> None:
    told = edid.parse(with_bytes(0x10, b"\x37"))
    assert (told.week, told.year) == (55, 2008)
    assert (told.errors, told.remarks) == ((), ("week 55 of manufacture",))


def test_a_projector_has_no_size_and_an_aspect_ratio_is_none_either() -> None:
    for size in (b"\0\0", b"\x4f\0", b"\0\x4f"):
        for data in (GOOD, build_edid(version="1.4")):
            told = edid.parse(with_bytes(0x15, size, data))
            assert (told.width_cm, told.height_cm, told.errors) == (None, None, ())


def test_gamma_ff_is_defined_elsewhere() -> None:
    assert edid.parse(with_bytes(0x17, b"\xff")).gamma is None
    assert edid.parse(with_bytes(0x17, b"\x00")).gamma == 1.0
    assert edid.parse(with_bytes(0x17, b"\xfe")).gamma == 3.54


def test_a_serial_number_that_no_two_displays_differ_in_is_none() -> None:
    told = edid.parse(with_bytes(0x0C, b"\1\1\1\1", build_edid(serial_text="")))
    assert (told.serial_number, told.serial) == (None, "")
    assert (told.errors, told.remarks) == ((), ("serial number 16843009 is a placeholder",))
    for text in ("000000000000", "SerialNumber", "1234567890123"):
        told = edid.parse(build_edid(serial_text=text, serial_number=0))
        assert (told.serial_text, told.serial, told.errors) == ("", "", ())
        assert told.remarks == (f"serial text {text!r} is a placeholder",)
    told = edid.parse(build_edid(serial_text="000000000000", serial_number=587407777))
    assert told.serial == "587407777"


def test_odd_displays_as_they_were_found_have_no_damage() -> None:
    name = bytes.fromhex("4c 43 44 2d 34 32 53 00 31 30 48 44 0a")
    for at, new in ((0x08, b"\x36\x7f"), (0x10, b"\xa4"), (NAME_AT, name)):
        told = edid.parse(with_bytes(at, new))
        assert told.errors == ()
        assert len(told.remarks) == 1


def test_a_timing_that_is_not_said_to_be_native_is_not_taken_for_it() -> None:
    told = edid.parse(with_bytes(0x18, b"\x2c"))
    assert (told.native_width_px, told.native_height_px, told.native_refresh_hz) == (None,) * 3


def test_an_aspect_ratio_in_a_timing_is_no_size() -> None:
    told = edid.parse(with_bytes(0x36 + 12, b"\x10\x09\x00"))
    assert (told.width_mm, told.height_mm) == (None, None)


def test_an_input_is_digital_or_analog() -> None:
    assert edid.parse(GOOD).digital is True
    assert edid.parse(with_bytes(0x14, b"\x0e")).digital is False


def display_id(*blocks: bytes, version: int = 0x12) -> bytes:
    """Return a DisplayID extension, each of whose two checksums is right."""
    section = bytes([version, sum(map(len, blocks)), 3, 0]) + b"".join(blocks)
    section += bytes([-sum(section) % 256])
    block = (b"\x70" + section).ljust(127, b"\0")
    return block + bytes([-sum(block) % 256])


def test_display_id_tells_the_native_pixels_where_the_base_block_does_not() -> None:
    parameters = bytes.fromhex("01 00 0c") + bytes.fromhex("4c 1d 88 10 00 0f 70 08 00 00 00 00")
    data = with_bytes(0x18, b"\x2c", build_edid(extensions=[display_id(parameters)]))
    told = edid.parse(data)
    assert (told.display_id, told.errors) == ("1.2", ())
    assert (told.native_width_px, told.native_height_px) == (3840, 2160)
    assert told.native_refresh_hz is None


NAME_AT = 0x5A + 5


def name_of(raw: bytes) -> tuple[str | None, int]:
    told = edid.parse(with_bytes(NAME_AT, raw.ljust(13)))
    assert told.errors == ()
    return told.name, len(told.remarks)


def test_texts_end_where_their_makers_meant_them_to() -> None:
    assert name_of(b"SyncMaster\n") == ("SyncMaster", 0)
    assert name_of(b"THIRTEEN CHAR") == ("THIRTEEN CHAR", 0)
    assert name_of(b" padded      ") == ("padded", 0)
    assert name_of(b"LCD801\0\n") == ("LCD801", 0)
    assert name_of(b"LCD801".ljust(13, b"\0")) == ("LCD801", 0)
    assert name_of(b"LCD801".ljust(13, b"\xff")) == ("LCD801", 0)
    assert name_of(b"LCD\nleft over") == ("LCD", 0)
    assert name_of(b"\n") == ("", 0)
    assert name_of(b'it\'s "2"\n') == ('it\'s "2"', 0)


def test_a_text_that_is_not_ascii_is_cut_there_and_a_remark() -> None:
    assert name_of(b"Gro\x81er 22\n") == ("Gro", 1)
    assert name_of(b"TAB\tTAB\n") == ("TAB", 1)
    assert name_of(b"\x01\x02\x03\x04\x05\x06") == ("", 1)
    told = edid.parse(with_bytes(NAME_AT, b"Gro\x81er 22\n   "))
    assert told.remarks == ("name is not ASCII: 47 72 6f 81 65 72 20 32 32 0a 20 20 20",)


def test_of_two_names_the_first_that_is_not_blank_counts() -> None:
    second = 0x6C
    assert edid.parse(with_bytes(second, b"\0\0\0\xfc\0CN13241846\n")).name == "DELL 2408WFP"
    assert edid.parse(with_bytes(second, b"\0\0\0\xfc\0 \n          ")).name == "DELL 2408WFP"
    both = with_bytes(NAME_AT, b"\n            ", with_bytes(second, b"\0\0\0\xfc\0CN13241846\n"))
    assert edid.parse(both).name == "CN13241846"


def test_a_timing_is_no_text_whatever_its_fourth_byte() -> None:
    assert edid.parse(with_bytes(0x5A, b"\x01\x1d\0\xfc")).name is None


def cta_extension(*data_blocks: bytes, descriptors: bytes = b"") -> bytes:
    blocks = b"".join(data_blocks)
    block = bytes([2, 3, 4 + len(blocks), 0]) + blocks + descriptors
    block = block.ljust(127, b"\0")
    return block + bytes([-sum(block) % 256])


def test_a_name_may_stand_in_the_first_extension() -> None:
    extension = cta_extension(b"\x41\x10", descriptors=b"\0\0\0\xfc\0IN THE CTA\n  ")
    assert edid.parse(build_edid(name="", extensions=[extension])).name == "IN THE CTA"
    assert edid.parse(build_edid(name="BASE", extensions=[extension])).name == "BASE"


def test_blocks_are_counted_against_what_the_base_block_promises() -> None:
    extension = cta_extension()
    two = build_edid(extensions=[extension])
    assert edid.parse(two).errors == ()
    assert edid.parse(two).extensions == 1
    assert edid.parse(two[:128]).errors == ("1 blocks, but it promises 2",)
    assert edid.parse(two + extension).errors == ("3 blocks, but it promises 2",)


def test_hdmi_2_1_overrides_the_number_of_extensions() -> None:
    override = cta_extension(b"\xe2\x78\x02")
    data = with_bytes(0x7E, b"\x01", build_edid(extensions=[override, cta_extension()]))
    assert edid.blocks_promised(data) == 3
    assert edid.parse(data).errors == ()
    assert edid.parse(data).extensions == 1


def test_a_memory_that_wraps_repeats_its_first_block() -> None:
    assert edid.parse(GOOD + GOOD).errors == (
        "2 blocks, but it promises 1",
        "block 1 is block 0 again",
    )


def test_a_wrong_checksum_names_its_block() -> None:
    data = bytearray(build_edid(extensions=[cta_extension()]))
    data[128 + 127] ^= 0x10
    told = edid.parse(bytes(data))
    assert not told.checksum_ok
    assert [error for error in told.errors if "checksum" in error] == [
        f"block 1 has checksum {data[255]:#04x}, not {data[255] ^ 0x10:#04x}"
    ]


def test_a_manufacturer_that_is_not_three_letters_is_a_remark() -> None:
    told = edid.parse(with_bytes(0x08, b"\0\0"))
    assert told.manufacturer == "@@@"
    assert told.errors == ()
    assert told.remarks == ("manufacturer 00 00 is '@@@', not three letters of the alphabet",)


def test_an_unknown_version_is_a_remark_and_still_read() -> None:
    told = edid.parse(with_bytes(0x12, b"\x02\x00"))
    assert (told.version, told.name) == ("2.0", "DELL 2408WFP")
    assert (told.errors, told.remarks) == ((), ("version 2.0 is unknown, read as 1.4",))


def test_one_wrong_byte_in_the_header_is_an_error_and_still_read() -> None:
    told = edid.parse(with_bytes(0, b"\x01"))
    assert told.manufacturer == "DEL"
    assert told.errors == ("header is 01 ff ff ff ff ff ff 00, not 00 ff ff ff ff ff ff 00",)


def test_what_is_no_edid_says_nothing() -> None:
    for data in (b"", b"\xff" * 128, bytes(128), bytes(range(256)), GOOD[:127]):
        told = edid.parse(data)
        assert told == Edid(errors=told.errors)
        assert told.errors
        assert not told.checksum_ok


def test_a_rest_of_a_block_is_an_error() -> None:
    told = edid.parse(GOOD + b"\0" * 7)
    assert told.errors == ("135 bytes, not a multiple of 128",)
    assert not told.checksum_ok
    assert told.name == "DELL 2408WFP"


LIKE_AN_EDID = st.tuples(
    st.just(edid.HEADER), st.binary(min_size=120, max_size=120), st.binary(max_size=400)
).map(b"".join)


@given(st.binary(max_size=600) | LIKE_AN_EDID)
def test_no_bytes_make_it_raise(data: bytes) -> None:
    told = edid.parse(data)
    assert told.errors or (told.checksum_ok and told.version is not None)
    for text in (told.name, told.serial_text):
        assert text is None or (text.isascii() and text == text.strip())


@given(
    st.integers(0, 65535),
    st.integers(0, 2**32 - 1),
    st.text("ABCxyz0189 -/", max_size=13),
    st.integers(0, 54),
    st.integers(1990, 2245),
    st.sampled_from(["1.3", "1.4"]),
)
def test_what_was_built_is_read(
    product_code: int, serial_number: int, text: str, week: int, year: int, version: str
) -> None:
    told = edid.parse(
        build_edid(
            product_code=product_code,
            serial_number=serial_number,
            serial_text=text,
            week=week,
            year=year,
            version=version,
        )
    )
    assert told.errors == ()
    assert told.version == version
    assert told.product_code == product_code
    assert told.serial_number == (None if is_placeholder_number(serial_number) else serial_number)
    blank = "" if text else None
    assert told.serial_text == (blank if is_placeholder(text) else text.strip())
    assert (told.week, told.year) == (week or None, year)


@given(st.integers(0, 256 * 8 - 1))
def test_a_flipped_bit_is_noticed(bit: int) -> None:
    data = bytearray(build_edid(extensions=[cta_extension()]))
    data[bit // 8] ^= 1 << bit % 8
    told = edid.parse(bytes(data))
    assert not told.checksum_ok
    assert any(f"block {bit // 1024} has checksum" in error for error in told.errors)
