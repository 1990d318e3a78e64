"""Does `pace-host backup` and `restore`, and verifies a backup."""

import argparse
from pathlib import Path

from host_agent.cli.failure import Failed
from host_agent.cli.options import Commands, add_command, add_config, configuration, open_store


def add_to(commands: Commands) -> None:
    """Add `backup` and `restore`."""
    help_ = "copy records and attachments into a new folder, while the host runs"
    parser = add_command(commands, "backup", backup, help_)
    parser.add_argument("folder", type=Path, metavar="TO", help="a folder that is not there yet")
    add_config(parser)
    help_ = "put a backup in the place of the host's data, while the host stands still"
    parser = add_command(commands, "restore", restore, help_)
    parser.add_argument("folder", type=Path, metavar="FROM", help="a folder that `backup` made")
    parser.add_argument(
        "--force", action="store_true", help="set aside the data that is there, and go on"
    )
    add_config(parser)


def backup(options: argparse.Namespace) -> None:
    """Make a backup."""
    from host_agent.backup import BackupError, make

    with open_store(options, configuration(options)) as store:
        try:
            made = make(store, options.folder)
        except BackupError as error:
            raise Failed(f"pace-host: {error}") from error
    print(
        f"{made.folder}: {made.size_bytes} bytes, the database and {made.attachments} attachments"
    )
    if made.damaged:
        names = "\n".join(made.damaged)
        raise Failed(f"pace-host: attachments that are damaged, and not in it:\n{names}")


def verify_backup(folder: Path) -> None:
    """Print in what a backup differs from its manifest. Raises `Failed` if in anything."""
    from host_agent.backup import BackupError, manifest_of, mistakes

    try:
        found = list(mistakes(folder))
        manifest = manifest_of(folder)
    except BackupError as error:
        raise Failed(f"pace-host: {error}") from error
    for one in found:
        print(one)
    if found:
        raise Failed(f"pace-host: {folder} is damaged")
    print(f"{folder}: made at {manifest.made_at}, {len(manifest.files)} files: all is well")


def restore(options: argparse.Namespace) -> None:
    """Restore a backup."""
    from host_agent.backup import BackupError, restore
    from host_agent.store import StoreError

    with open_store(options, configuration(options)) as store:
        try:
            aside = restore(store, options.folder, force=options.force)
        except (BackupError, StoreError) as error:
            raise Failed(f"pace-host: {error}") from error
    for path in aside:
        print(f"set aside: {path}")
    print("restored; the host asks its stations for what came since, when it runs")
