"""Start a fixture board: checks the firmware in /a and /b, and runs the one that is chosen.

    /active             "a" or "b"
    /a/manifest.json    {"kind", "version", "files": {name: SHA-256}}
    /a/*.py
    /update             firmware is about to be copied: this start, and no other, runs none
    /calibration.json   stays when firmware is renewed

An update is written beside the firmware that runs, and chosen by renaming one file at its end: one
that is broken off changes nothing.
"""

import hashlib
import json
import os
import sys

SLOTS = ("a", "b")


def manifest_of(root, slot):
    """Return manifest and hash of a slot whose files are all as the manifest says, or None."""
    folder = "%s/%s/" % (root, slot)
    try:
        with open(folder + "manifest.json", "rb") as file:
            written = file.read()
        manifest = json.loads(written)
        for name, wanted in manifest["files"].items():
            if hash_of(folder + name) != wanted:
                return None
        manifest["kind"]
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None
    manifest["hash"] = hashlib.sha256(written).digest().hex()[:16]
    return manifest


def hash_of(path):
    """Return the SHA-256 of a file, in hexadecimal digits."""
    found = hashlib.sha256()
    piece = bytearray(512)
    with open(path, "rb") as file:
        while size := file.readinto(piece):
            found.update(memoryview(piece)[:size])
    return found.digest().hex()


def active(root):
    """Return the slot that was chosen last."""
    try:
        with open(root + "/active") as file:
            chosen = file.read(1)
    except OSError:
        chosen = ""
    return chosen if chosen in SLOTS else SLOTS[0]


def chosen(root):
    """Return slot and manifest of the firmware to run: the chosen one, otherwise the other."""
    first = active(root)
    for slot in (first, SLOTS[1 - SLOTS.index(first)]):
        manifest = manifest_of(root, slot)
        if manifest is not None:
            return slot, manifest
    return None, None


def is_updating(root):
    """Tell whether firmware is about to be copied. The next start is an ordinary one."""
    try:
        os.remove(root + "/update")
    except OSError:
        return False
    return True


def run(root, hardware=None):
    """Run the firmware for ever; return where there is none, or an update is about to come."""
    if is_updating(root):
        return
    slot, manifest = chosen(root)
    if slot is None:
        return
    sys.path.insert(0, "%s/%s" % (root, slot))
    if hardware is None:
        import hw_rp2 as hardware
    from board import Board
    from kinds import fixture_of

    board = Board(*fixture_of(manifest["kind"], hardware, manifest))
    while True:
        board.turn()


if sys.platform == "rp2":
    run("")
