"""The USB adapter i2c-tiny-usb with our chips on its bus. Linux drivers/i2c/busses/i2c-tiny-usb.c.

The kernel's driver makes a full adapter of it, `/dev/i2c-N`, with plain I²C and emulated SMBus.
"""

from drivers.buses import I2cBus
from drivers.errors import DriverError
from drivers.sim.linux.usb_device import Setup, Stall, UsbFunction

CMD_I2C_IO = 4
CMD_I2C_BEGIN = 1  # flags on top of CMD_I2C_IO: this message is the first, or the last
CMD_I2C_END = 2
I2C_M_RD = 0x0001

STATUS_ADDRESS_ACK = 1
STATUS_ADDRESS_NAK = 2

# I2C_FUNC_I2C and I2C_FUNC_SMBUS_EMUL, as the firmware says. As on the Raspberry Pi's adapter,
# there is no SMBus block read among them.
FUNCTIONALITY = 0x0EFF0009

DEVICE = bytes.fromhex("12 01 10 01 ff 00 00 08 03 04 31 c6 05 02 01 02 03 01")
CONFIGURATION = bytes.fromhex("09 02 12 00 01 01 00 80 32  09 04 00 00 00 00 00 00 00")


class SimulatedI2cTinyUsb(UsbFunction):
    """`bus` is what is soldered on. The twins take a transaction whole, so that messages are kept
    until the last: what was written, then, after the repeated start, how much is read."""

    speed = 2

    def __init__(self, bus: I2cBus, serial_number: str) -> None:
        super().__init__(DEVICE, CONFIGURATION, "Till Harbaum", "i2c-tiny-usb", serial_number)
        self._bus = bus
        self._status = 0
        self._written = b""

    def reset(self) -> None:
        super().reset()
        self._status = 0
        self._written = b""

    def function_control(self, setup: Setup, data: bytes) -> bytes:
        match setup.request:
            case 0:  # CMD_ECHO
                return setup.value.to_bytes(2, "little")
            case 1:  # CMD_GET_FUNC
                return FUNCTIONALITY.to_bytes(4, "little")
            case 2:  # CMD_SET_DELAY
                return b""
            case 3:  # CMD_GET_STATUS
                return bytes([self._status])
            case request if CMD_I2C_IO <= request <= CMD_I2C_IO | CMD_I2C_BEGIN | CMD_I2C_END:
                return self._message(setup, data)
        raise Stall

    def _message(self, setup: Setup, data: bytes) -> bytes:
        """Carry one message: flags in `value`, the 7-bit address in `index`."""
        if setup.request & CMD_I2C_BEGIN:
            self._written = b""
        reads = bool(setup.value & I2C_M_RD)
        self._written += b"" if reads else data
        self._status = STATUS_ADDRESS_ACK
        if not setup.request & CMD_I2C_END and not reads:
            return b""  # an absent chip shows at the end: the kernel fails the whole transaction
        written, self._written = self._written, b""
        try:
            return self._bus.transfer(setup.index, written, setup.size if reads else 0)
        except DriverError:
            self._status = STATUS_ADDRESS_NAK
            return bytes(setup.size if reads else 0)
