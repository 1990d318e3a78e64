"""The kernel modules that a guest needs, and their order of loading: kmod's `modules.dep`."""

from collections.abc import Iterable
from pathlib import PurePosixPath


class NoSuchModule(Exception):
    """The kernel was built without it, neither as a module nor into the image."""


class ModuleTree:
    """The output of `depmod` for `/lib/modules/<version>`. Paths are relative to that folder."""

    def __init__(self, dependencies: str, builtin: str) -> None:
        """Read the texts of `modules.dep` and `modules.builtin`."""
        self._needs: dict[str, list[str]] = {}
        self._path: dict[str, str] = {}
        for line in dependencies.splitlines():
            path, _, needed = line.partition(":")
            self._needs[path] = needed.split()
            self._path[module_name(path)] = path
        self._builtin = {module_name(path) for path in builtin.split()}

    def load_order(self, names: Iterable[str]) -> tuple[str, ...]:
        """Return the files of `names` and of all they depend on, each once, behind its needs."""
        ordered: dict[str, None] = {}
        for name in names:
            wanted = module_name(name)
            if wanted in self._builtin:
                continue
            if wanted not in self._path:
                raise NoSuchModule(f"this kernel has no module {name}")
            path = self._path[wanted]
            # modules.dep lists what a module needs, the last to load first (depmod.d(5)).
            for file in [*reversed(self._needs[path]), path]:
                ordered.setdefault(file)
        return tuple(ordered)


def module_name(path: str) -> str:
    """Return a module's name: `kernel/drivers/usb/usbip/vhci-hcd.ko.xz` is `vhci_hcd`."""
    return PurePosixPath(path).name.partition(".")[0].replace("-", "_")
