"""USB descriptors as libusb hands them to pyusb: the fields by their names in the standard."""

from types import SimpleNamespace


def read_device(data: bytes) -> SimpleNamespace:
    """Return the fields of a device descriptor (USB 2.0, table 9-8)."""

    def word(at: int) -> int:
        return int.from_bytes(data[at : at + 2], "little")

    return SimpleNamespace(
        bLength=data[0],
        bDescriptorType=data[1],
        bcdUSB=word(2),
        bDeviceClass=data[4],
        bDeviceSubClass=data[5],
        bDeviceProtocol=data[6],
        bMaxPacketSize0=data[7],
        idVendor=word(8),
        idProduct=word(10),
        bcdDevice=word(12),
        iManufacturer=data[14],
        iProduct=data[15],
        iSerialNumber=data[16],
        bNumConfigurations=data[17],
    )


def read_configuration(data: bytes) -> SimpleNamespace:
    """Return the fields of a configuration, its interfaces and endpoints.

    USB 2.0, tables 9-10, 9-12 and 9-13. As in libusb, class descriptors stay with the descriptor
    that they follow, and are a list of numbers.
    """
    configuration = SimpleNamespace(
        bLength=data[0],
        bDescriptorType=data[1],
        wTotalLength=int.from_bytes(data[2:4], "little"),
        bNumInterfaces=data[4],
        bConfigurationValue=data[5],
        iConfiguration=data[6],
        bmAttributes=data[7],
        bMaxPower=data[8],
        extra_descriptors=[],
        interfaces=[],
    )
    latest = configuration
    by_number: dict[int, list[SimpleNamespace]] = {}
    at = data[0]
    while at < len(data):
        size, kind = data[at], data[at + 1]
        fields = data[at : at + size]
        if kind == 4:
            latest = SimpleNamespace(
                bLength=size,
                bDescriptorType=kind,
                bInterfaceNumber=fields[2],
                bAlternateSetting=fields[3],
                bNumEndpoints=fields[4],
                bInterfaceClass=fields[5],
                bInterfaceSubClass=fields[6],
                bInterfaceProtocol=fields[7],
                iInterface=fields[8],
                extra_descriptors=[],
                endpoints=[],
            )
            interface = latest
            by_number.setdefault(fields[2], []).append(interface)
        elif kind == 5:
            latest = SimpleNamespace(
                bLength=size,
                bDescriptorType=kind,
                bEndpointAddress=fields[2],
                bmAttributes=fields[3],
                wMaxPacketSize=int.from_bytes(fields[4:6], "little"),
                bInterval=fields[6],
                bRefresh=0,
                bSynchAddress=0,
                extra_descriptors=[],
            )
            interface.endpoints.append(latest)
        else:
            latest.extra_descriptors += list(fields)
        at += size
    configuration.interfaces = list(by_number.values())
    return configuration
