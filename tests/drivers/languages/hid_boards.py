"""Report descriptors of keyboards: HID 1.11 appendix E.6, and boards in the field."""

from hypothesis import strategies as st

APPENDIX_E6 = bytes.fromhex(
    "05 01 09 06 a1 01 05 07 19 e0 29 e7 15 00 25 01 75 01 95 08 81 02 95 01 75 08 81 01"
    "95 05 75 01 05 08 19 01 29 05 91 02 95 01 75 03 91 01"
    "95 06 75 08 15 00 25 65 05 07 19 00 29 65 81 00 c0"
)
BITMAP_AND_CONSUMER = bytes.fromhex(
    "05 01 09 06 a1 01 85 06 05 07 19 e0 29 e7 15 00 25 01 95 08 75 01 81 02"
    "19 04 29 73 95 70 81 02 05 08 19 01 29 05 95 05 91 02 95 03 91 03 c0"
    "05 0c 09 01 a1 01 85 02 19 00 2a 3c 02 15 00 26 3c 02 95 01 75 10 81 00 c0"
)
KEY_ARRAY = "05 01 09 06 a1 01 05 07 19 00 29 65 15 00 25 65 75 08 95 06 81 00 c0"

# Items of any kind, mostly those that keyboards have.
ITEMS = st.builds(
    lambda prefix, data: bytes([prefix & 0xFC | (0, 1, 2, 2, 3)[len(data)]]) + data,
    st.sampled_from([*range(0x04, 0xC0, 4), 0x80, 0x90, 0xA0, 0xC0, 0x74, 0x94, 0x18, 0x28]),
    st.sampled_from([b"", b"\x00", b"\x01", b"\x08", b"\x02\x00", b"\x07\x00\x07\x00"]),
)

# Descriptors that were cut, or in which some bytes are others.
CUT_OR_CHANGED = st.tuples(
    st.sampled_from([APPENDIX_E6, BITMAP_AND_CONSUMER]), st.integers(0, 99), st.binary(max_size=9)
).map(lambda parts: parts[0][: parts[1]] + parts[2] + parts[0][parts[1] + len(parts[2]) :])
