"""The descriptors of a simulated USB keyboard. USB 2.0 chapter 9; HID 1.11, 6.2 and appendix E."""

# HID 1.11 appendix E.6, with the key array opened up to all usages as boards do now
BOOT_REPORT_DESCRIPTOR = bytes.fromhex(
    "05 01 09 06 a1 01"  # Generic Desktop, Keyboard, Application
    "05 07 19 e0 29 e7 15 00 25 01 75 01 95 08 81 02"  # modifiers
    "95 01 75 08 81 01"  # reserved byte
    "95 05 75 01 05 08 19 01 29 05 91 02 95 01 75 03 91 01"  # five LEDs, three bits of padding
    "95 06 75 08 15 00 26 ff 00 05 07 19 00 2a ff 00 81 00"  # six keys
    "c0"
)
NKRO_USAGES = 0x98
NKRO_REPORT_DESCRIPTOR = bytes.fromhex(
    "05 01 09 06 a1 01 85 01"  # Keyboard, report 1
    "05 07 19 e0 29 e7 15 00 25 01 75 01 95 08 81 02"  # modifiers
    "19 00 29 97 95 98 81 02"  # a bit for each of the usages 0x00 to 0x97
    "05 08 19 01 29 05 95 05 91 02 95 03 91 01"  # LEDs
    "c0"
    "05 0c 09 01 a1 01 85 03"  # Consumer Control, report 3
    "15 00 26 ff 03 19 00 2a ff 03 75 10 95 01 81 00"
    "c0"
)
BOOT_ENDPOINT = 0x81
NKRO_ENDPOINT = 0x82


def device_descriptor(vendor_id: int, product_id: int, *, has_serial: bool) -> bytes:
    """USB 2.0, table 9-8."""
    return b"".join(
        [
            bytes.fromhex("12 01 00 02 00 00 00 08"),
            vendor_id.to_bytes(2, "little"),
            product_id.to_bytes(2, "little"),
            bytes.fromhex("10 01 01 02"),
            bytes([3 if has_serial else 0, 1]),
        ]
    )


def hid_descriptor(*, nkro: bool) -> bytes:
    """HID 1.11, 6.2.1."""
    size = len(NKRO_REPORT_DESCRIPTOR if nkro else BOOT_REPORT_DESCRIPTOR)
    return bytes.fromhex("09 21 11 01 00 01 22") + size.to_bytes(2, "little")


def configuration_descriptor(*, nkro: bool) -> bytes:
    """Bus-powered, remote wakeup, at most 100 mA. Cheap boards are asked every 10 ms."""
    interval = 1 if nkro else 10
    body = b"".join(
        [
            bytes.fromhex("09 04 00 00 01 03 01 01 00"),
            hid_descriptor(nkro=False),
            bytes([7, 5, BOOT_ENDPOINT, 3, 8, 0, interval]),
        ]
    )
    if nkro:
        body += b"".join(
            [
                bytes.fromhex("09 04 01 00 01 03 00 00 00"),
                hid_descriptor(nkro=True),
                bytes([7, 5, NKRO_ENDPOINT, 3, 32, 0, interval]),
            ]
        )
    total = (9 + len(body)).to_bytes(2, "little")
    return bytes([9, 2]) + total + bytes([2 if nkro else 1, 1, 0, 0xA0, 50]) + body
