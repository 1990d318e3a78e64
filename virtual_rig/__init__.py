"""The station's real Linux buses, in a QEMU guest, with our twins at their far ends.

    host                                         guest (kernel of Debian, this checkout read-only)
    kernel, disk, state ── made once ──────────► goes on, runs pytest hil_tests --rig virtual.toml
    far_ends: twins     ◄─ USB/IP over TCP ────► vhci_hcd: usbhid, cdc_acm, i2c-tiny-usb
                        ◄─ chardev of QEMU's ──► usb-serial: ftdi_sio
    control             ◄─ JSON lines over TCP ─ hands: tests plug, unplug, press, break

Part of the checkout only: it is not in the wheel.
"""
