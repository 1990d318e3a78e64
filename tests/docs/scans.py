"""The output of `pace rig scan` for a small bench, from its real code and simulated instruments."""

from drivers.linux.discovery import Connector, Found, I2cAdapter, SerialPort, UsbPeripheral
from drivers.sim.hardware import SimulatedHardware
from drivers.sim.instruments.mains.pzem004t import SimulatedPzem004t
from drivers.sim.instruments.power.it8500 import SimulatedIt8500
from drivers.sim.mains import MainsLine
from drivers.sim.world import Circuit, SimulatedTime
from station.rig.scan import describe

BENCH: tuple[Found, ...] = (
    SerialPort(
        path="/dev/ttyUSB0",
        by_id="/dev/serial/by-id/usb-1a86_USB_Serial-if00-port0",
        port="usb:1-1.1",
        exact="usb:1-1.1:1.0",
        maker="1a86",
        product="USB Serial",
    ),
    SerialPort(
        path="/dev/ttyUSB1",
        by_id="/dev/serial/by-id/usb-FTDI_FT232R_USB_UART_A50285BI-if00-port0",
        port="usb:1-1.2",
        exact="usb:1-1.2:1.0",
        serial_number="A50285BI",
        maker="FTDI",
        product="FT232R USB UART",
    ),
    UsbPeripheral("1-1.4", 0x413C, 0x2107, "", "Dell", "USB Entry Keyboard", ((3, 1, 1),)),
    I2cAdapter(1, "bcm2835 (i2c@7e804000)", ""),
    I2cAdapter(20, "fef04500.i2c", "HDMI-A-1"),
    Connector("card1", "HDMI-A-1", "connected"),
)


def scan(given: str) -> str:
    """`given` is `identify` or empty."""
    time = SimulatedTime()
    hardware = SimulatedHardware(
        time=time,
        serial={
            "usb:1-1.1": SimulatedPzem004t(MainsLine(), time=time),
            "usb:1-1.2": SimulatedIt8500(Circuit()),
        },
    )
    command = "pace rig scan --identify" if given else "pace rig scan"
    told = describe(BENCH, hardware if given else None)
    return f"```console\n$ {command}\n{told}\n```"
