"""Reading a display's EDID memory: VESA E-DDC 1.3.

    0x50    write the offset, read 128 bytes
    0x30    selects the segment of 256 bytes

Displays garble what they send; the retries here are those that ddcutil's users found to be needed
(github.com/rockowitz/ddcutil).
"""

from drivers.buses import I2cBus, Time
from drivers.errors import BadReply, BusMissing, DriverError, NoReply, NotConnected
from drivers.formats.edid import begins_edid, blocks_promised
from drivers.formats.edid_details import BLOCK_SIZE

EDID_ADDRESS = 0x50
SEGMENT_ADDRESS = 0x30
EEPROM = f"display at {EDID_ADDRESS:#04x}"

EDID_ATTEMPTS = 4
WAIT_S = 0.06
MOST_BLOCKS = 256


def read_edid(bus: I2cBus, time: Time) -> bytes:
    """Read all blocks of the EDID, 128 bytes each, and judge none of them.

    Of a display that promises more blocks than it has, those that it has. Raises `BadReply` when a
    damaged block reads differently each time: then the wire is at fault, not the display.
    """
    blocks = [_read_block(bus, time, 0)]
    while len(blocks) < min(MOST_BLOCKS, blocks_promised(b"".join(blocks))):
        try:
            block = _read_block(bus, time, len(blocks))
        except BusMissing:
            raise
        except NotConnected:
            _read_block(bus, time, 0)  # raises when the whole display has gone
            break
        if len(blocks) % 2 == 0 and block == blocks[0]:
            raise BadReply(
                f"{EEPROM}: block {len(blocks)} is block 0 again ({block[:12].hex(' ')} …),"
                f" so it did not keep segment {len(blocks) // 2}"
            )
        blocks.append(block)
    return b"".join(blocks)


def _read_block(bus: I2cBus, time: Time, number: int) -> bytes:
    """Read 128 bytes until they are sound, or until they read the same twice.

    Sound is a right checksum, and the header where it belongs.
    """
    segment, second = divmod(number, 2)
    before = b""
    problem: DriverError
    for _ in range(EDID_ATTEMPTS):
        try:
            block = _read_segment(bus, segment, second * BLOCK_SIZE)
        except (NotConnected, NoReply) as error:
            problem = type(error)(f"{EEPROM}: EDID block {number}: {error}")
        else:
            # A display that was not ready gives its second block where the first is asked for.
            sound = sum(block) % 256 == 0 and (number > 0 or begins_edid(block))
            if len(block) == BLOCK_SIZE and (sound or block == before):
                return block
            problem = BadReply(
                f"{EEPROM}: EDID block {number} reads as {before.hex()}, then {block.hex()}"
            )
            before = block
        time.sleep(WAIT_S)
    raise problem


def _read_segment(bus: I2cBus, segment: int, offset: int) -> bytes:
    """Read a block by segment and offset.

    E-DDC (2.2.5) wants all of this in one transaction, and the segment forgotten at its end. Some
    displays forget it sooner, at the stop before the read, and give segment 0 again. Some never
    forget it: segment 0 is selected again at the end. For segment 0 none is selected before.
    """
    with bus.hold():
        if not segment:
            return bus.transfer(EDID_ADDRESS, bytes([offset]), BLOCK_SIZE)
        bus.transfer(SEGMENT_ADDRESS, bytes([segment]))
        try:
            return bus.transfer(EDID_ADDRESS, bytes([offset]), BLOCK_SIZE)
        finally:
            bus.transfer(SEGMENT_ADDRESS, b"\0")
