"""A USB serial port of the class that needs no driver disk. USB CDC 1.2 with PSTN 1.2 (ACM)."""

from drivers.sim.hardware import SerialDevice
from drivers.sim.linux.usb_device import Setup, Stall, UsbFunction

NOTIFY_IN, DATA_IN, DATA_OUT = 0x81, 0x82, 0x03
PACKET_BYTES = 64

# PSTN 1.2, table 13
SET_LINE_CODING = 0x20
GET_LINE_CODING = 0x21
SET_CONTROL_LINE_STATE = 0x22
SEND_BREAK = 0x23

CONFIGURATION = bytes.fromhex(
    "09 02 43 00 02 01 00 80 32"
    "09 04 00 00 01 02 02 01 00"  # communications, abstract control model, AT commands
    "05 24 00 10 01"  # header, CDC 1.10
    "05 24 01 00 01"  # no call management; data on interface 1
    "04 24 02 02"  # line coding and control line state
    "05 24 06 00 01"  # union of interfaces 0 and 1
    "07 05 81 03 08 00 10"
    "09 04 01 00 02 0a 00 00 00"  # data
    "07 05 82 02 40 00 00"
    "07 05 03 02 40 00 00"
)


class SimulatedCdcAcm(UsbFunction):
    """An instrument with USB of its own. It hears nothing while no program has its port open."""

    speed = 2

    def __init__(
        self,
        instrument: SerialDevice,
        *,
        vendor_id: int = 0x1209,
        product_id: int = 0x7010,
        maker: str = "ACME",
        product: str = "Instrument",
        serial_number: str,
    ) -> None:
        device = b"".join(
            [
                bytes.fromhex("12 01 00 02 02 00 00 40"),
                vendor_id.to_bytes(2, "little"),
                product_id.to_bytes(2, "little"),
                bytes.fromhex("00 01 01 02 03 01"),
            ]
        )
        super().__init__(device, CONFIGURATION, maker, product, serial_number)
        self._instrument = instrument
        self.reset()

    def reset(self) -> None:
        super().reset()
        self.line_coding = bytes.fromhex("80 25 00 00 00 00 08")  # 9600 8N1
        self._leaving = bytearray()

    def function_control(self, setup: Setup, data: bytes) -> bytes:
        match setup:
            case Setup(0x21, 0x20, index=0) if len(data) == 7:
                self.line_coding = data
            case Setup(0xA1, 0x21, index=0):
                return self.line_coding
            case Setup(0x21, 0x22 | 0x23, index=0):
                pass
            case _:
                raise Stall
        return b""

    def transfer_in(self, endpoint: int) -> bytes | None:
        if endpoint != DATA_IN or not self._leaving:
            return None
        packet = bytes(self._leaving[: PACKET_BYTES - 1])  # a short packet, so that it is the end
        del self._leaving[: len(packet)]
        return packet

    def transfer_out(self, endpoint: int, data: bytes) -> None:
        if endpoint != DATA_OUT:
            raise Stall
        self._leaving += self._instrument.receive(data)
