"""The modules that are loaded, and their order."""

import pytest

from virtual_rig.qemu.modules import ModuleTree, NoSuchModule, module_name

DEPENDENCIES = """\
kernel/drivers/usb/usbip/vhci-hcd.ko: kernel/usb/usbip-core.ko kernel/usb/usbcore.ko kernel/c.ko
kernel/usb/usbip-core.ko: kernel/usb/usbcore.ko kernel/c.ko
kernel/usb/usbcore.ko: kernel/c.ko
kernel/c.ko:
kernel/fs/9p.ko.xz: kernel/net/9pnet.ko.xz
kernel/net/9pnet.ko.xz:
"""
TREE = ModuleTree(DEPENDENCIES, "kernel/fs/ext4.ko\nkernel/drivers/tty/i2c-core.ko\n")


def test_a_module_comes_behind_all_it_needs() -> None:
    assert TREE.load_order(["vhci_hcd"]) == (
        "kernel/c.ko",
        "kernel/usb/usbcore.ko",
        "kernel/usb/usbip-core.ko",
        "kernel/drivers/usb/usbip/vhci-hcd.ko",
    )


def test_each_is_loaded_once() -> None:
    order = TREE.load_order(["usbcore", "vhci-hcd", "9p", "usbcore"])
    assert len(order) == len(set(order)) == 6


def test_what_is_built_in_is_not_loaded() -> None:
    assert TREE.load_order(["i2c-core", "ext4"]) == ()


def test_a_kernel_without_a_module_is_said_to_be() -> None:
    with pytest.raises(NoSuchModule, match="gpio_sim"):
        TREE.load_order(["gpio_sim"])


@pytest.mark.parametrize("path", ["kernel/a/vhci-hcd.ko", "vhci_hcd.ko.xz", "vhci-hcd", "vhci_hcd"])
def test_a_module_has_one_name_however_it_is_written(path: str) -> None:
    assert module_name(path) == "vhci_hcd"
