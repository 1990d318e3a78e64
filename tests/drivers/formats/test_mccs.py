from itertools import pairwise

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from drivers.formats import mccs
from drivers.formats.mccs import Capabilities

U2415 = (
    "(prot(monitor)type(LCD)model(U2415)cmds(01 02 03 07 0C E3 F3)"
    "vcp(02 10 12 14(04 0B 05) 60(0F 10 11 12) D6(01 04 05) F2 FD)"
    "mswhql(1)asset_eep(40)mccs_ver(2.1))"
)


def test_every_group_of_a_good_string() -> None:
    assert mccs.parse(U2415) == Capabilities(
        prot="monitor",
        type="LCD",
        model="U2415",
        cmds=(0x01, 0x02, 0x03, 0x07, 0x0C, 0xE3, 0xF3),
        vcp={
            0x02: (),
            0x10: (),
            0x12: (),
            0x14: (0x04, 0x0B, 0x05),
            0x60: (0x0F, 0x10, 0x11, 0x12),
            0xD6: (0x01, 0x04, 0x05),
            0xF2: (),
            0xFD: (),
        },
        mccs_ver="2.1",
        other={"mswhql": "1", "asset_eep": "40"},
        errors=(),
    )


def test_what_is_not_said_is_none() -> None:
    told = mccs.parse("(vcp(12))")
    assert (told.prot, told.type, told.model, told.mccs_ver) == (None,) * 4
    assert (told.cmds, told.other, told.errors) == ((), {}, ())


@pytest.mark.parametrize(
    ("text", "vcp"),
    [
        ("(vcp (00))", {0: ()}),
        ("(VCP(10 12))", {0x10: (), 0x12: ()}),
        ("( vcp ( 10 12 ) )", {0x10: (), 0x12: ()}),
        ("(vcp(CC(2 3 4 6 A)))", {0xCC: (2, 3, 4, 6, 10)}),
        ("(vcp(EA(FE00 FE01)))", {0xEA: (0xFE00, 0xFE01)}),
        ("(vcp(60(01 03)6C 6E))", {0x60: (1, 3), 0x6C: (), 0x6E: ()}),
        ("(vcp(60( 11 12 0F)))", {0x60: (0x11, 0x12, 0x0F)}),
        ("(vcp(60 (11 12)))", {0x60: (0x11, 0x12)}),
        ("(vcp(021012))", {0x02: (), 0x10: (), 0x12: ()}),
        ("(vcp(1014(0105080B)))", {0x10: (), 0x14: (1, 5, 8, 11)}),
        ("(vcp(14(01,05, 08)))", {0x14: (1, 5, 8)}),
        ("(vcp(0e 1a \t\r\n c8\0))", {0x0E: (), 0x1A: (), 0xC8: ()}),
        ("(vcp(72(05 78 FB 50 78)))", {0x72: (5, 0x78, 0xFB, 0x50, 0x78)}),
        ("(vcp(87 DB(00 04) 87(00 01) DB(00 04 FE)))", {0x87: (0, 1), 0xDB: (0, 4, 0xFE)}),
        ("(vcp(DB(00 04) DB))", {0xDB: (0, 4)}),
        ("(vcp(01 03)type(lcd)vcp(04 10))", {1: (), 3: (), 4: (), 0x10: ()}),
        ("vcp(10)", {0x10: ()}),
        ("", {}),
    ],
)
def test_spacing_and_case_and_repetition_are_free(
    text: str, vcp: dict[int, tuple[int, ...]]
) -> None:
    told = mccs.parse(text)
    assert told.vcp == vcp
    assert told.errors == (() if vcp else ("no groups",))


def test_a_missing_bracket_at_the_end_loses_nothing() -> None:
    told = mccs.parse(U2415[:-1])
    assert told[:-1] == mccs.parse(U2415)[:-1]
    assert told.errors == ("a ) is missing",)
    cut = mccs.parse("(type(lcd)vcp(02 14(05 0")
    assert (cut.type, cut.vcp) == ("lcd", {0x02: (), 0x14: (5, 0)})
    assert cut.errors


def test_a_bracket_too_many_loses_nothing() -> None:
    told = mccs.parse(U2415 + ")")
    assert told[:-1] == mccs.parse(U2415)[:-1]
    assert told.errors == ("a ) too many",)


def test_a_vcp_group_that_is_not_closed_does_not_swallow_its_neighbours() -> None:
    told = mccs.parse("(prot(monitor)vcp(02 14(05 08)mswhql(1)mccs_ver(2.1))")
    assert told.vcp == {0x02: (), 0x14: (5, 8)}
    assert (told.mccs_ver, told.other) == ("2.1", {"mswhql": "1"})
    assert "'mccs_ver' inside vcp" in told.errors


def test_vcp_inside_vcp_is_read() -> None:
    told = mccs.parse("type(LCD)vcp(vcp(02 14(01 04)))")
    assert (told.type, told.vcp) == ("LCD", {0x02: (), 0x14: (1, 4)})
    assert told.errors == ("'vcp' inside vcp",)


def test_a_model_without_brackets_is_taken_off_the_commands() -> None:
    told = mccs.parse("(type(lcd)MStarcmds(01 02)vcp(10))")
    assert (told.cmds, told.model) == ((1, 2), None)
    assert told.errors == ("'MStarcmds' read as 'cmds'",)


def test_names_that_begin_like_known_ones_are_groups_of_their_own() -> None:
    told = mccs.parse("(vcp(10)vcpname(10(Bright ness)12(Contrast))mpu_ver(-1009.0)mpu(01))")
    assert told.vcp == {0x10: ()}
    assert told.other == {
        "vcpname": "10(Bright ness)12(Contrast)",
        "mpu_ver": "-1009.0",
        "mpu": "01",
    }
    assert told.errors == ()


def test_binary_groups_may_hold_brackets() -> None:
    edid, vdif = ")))(((", "()"
    told = mccs.parse(f"(type(lcd)edid bin(6({edid}))vdif bin (2({vdif}))vcp(10))")
    assert told.other == {"edid bin": f"6({edid})", "vdif bin": f"2({vdif})"}
    assert (told.type, told.vcp, told.errors) == ("lcd", {0x10: ()}, ())


def test_a_model_may_hold_brackets() -> None:
    assert mccs.parse("(model(LG (27UK) 4K))").model == "LG (27UK) 4K"


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("(vcp(10 zz 12))", "vcp: 'zz' is no number"),
        ("(vcp(10 123 12))", "vcp: '123' has an odd number of digits"),
        ("(vcp(10(01(02)) 12))", "values of 10: (02) left out"),
        ("(vcp(10 12)stray)", "'stray' is no group"),
        ("(vcp(10 12)cmds(01(02)))", "cmds: '01' has values (02)"),
        ("(vcp(10 12)type(a)type(b))", "'type' comes again: 'b'"),
        ("(vcp(10 12)x(a)x(b))", "'x' comes again: 'b'"),
    ],
)
def test_nonsense_is_named_and_the_rest_is_read(text: str, error: str) -> None:
    told = mccs.parse(text)
    assert told.errors == (error,)
    assert set(told.vcp) == {0x10, 0x12}


@given(st.text() | st.text("(()) vcpCmdstype10AF\0 bin9", max_size=200))
def test_no_text_makes_it_raise(text: str) -> None:
    told = mccs.parse(text)
    assert told.errors or told[:-1] != mccs.parse("")[:-1]
    assert all(0 <= code <= 0xFF for code in (*told.vcp, *told.cmds))
    assert all(0 <= value <= 0xFFFF for values in told.vcp.values() for value in values)


@pytest.mark.parametrize("text", ["(" * 20000, ")" * 20000, "vcp(" * 20000, "10(" * 20000])
def test_no_depth_makes_it_raise(text: str) -> None:
    assert mccs.parse(text).errors


FEATURES = st.dictionaries(
    st.integers(0, 255), st.lists(st.integers(0, 255) | st.integers(0x1000, 0xFFFF), max_size=5)
)


def ambiguous(values: list[int]) -> bool:
    """Tell whether values of 16 bits could as well be bytes in ascending order without blanks."""
    packed = bytes.fromhex("".join(f"{value:02x}" for value in values))
    return max(values, default=0) > 0xFF and all(low < high for low, high in pairwise(packed))


def test_values_without_blanks_are_bytes_in_ascending_order_or_values_of_16_bits() -> None:
    told = mccs.parse("(vcp(8D(0102) EA(FE00 FE01) 14(0102 0408) 60(010203) CC(02 03 04)))")
    assert told.vcp == {
        0x8D: (1, 2),
        0xEA: (0xFE00, 0xFE01),
        0x14: (1, 2, 4, 8),
        0x60: (1, 2, 3),
        0xCC: (2, 3, 4),
    }
    assert told.errors == ()


@pytest.mark.parametrize("group", ["prot", "type", "model", "mccs_ver"])
def test_a_text_that_is_not_closed_ends_where_the_next_group_begins(group: str) -> None:
    raw = "\0)(" * 42 + "\0)"
    text = f"({group}( NAME edid bin(128({raw})) cmds(01 02 03)vcp(00010210 12))"
    told = mccs.parse(text)
    assert getattr(told, group) == "NAME"
    assert told.cmds == (1, 2, 3)
    assert set(told.vcp) == {0x00, 0x01, 0x02, 0x10, 0x12}
    assert f"{group}: a ) is missing" in told.errors


@given(FEATURES, st.lists(st.integers(0, 255)), st.sampled_from([" ", "  ", "\n"]))
def test_what_was_written_is_read(vcp: dict[int, list[int]], cmds: list[int], blank: str) -> None:
    assume(not any(ambiguous(values) for values in vcp.values()))
    features = blank.join(
        f"{code:02X}" + (f"({blank.join(f'{value:02x}' for value in values)})" if values else "")
        for code, values in vcp.items()
    )
    told = mccs.parse(f"(cmds({blank.join(f'{c:02X}' for c in cmds)})vcp({features})model(x))")
    assert told.vcp == {code: tuple(values) for code, values in vcp.items()}
    assert told.cmds == tuple(cmds)
    assert told.errors == ()
