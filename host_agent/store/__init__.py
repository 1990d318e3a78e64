"""Keeps what stations said, durable before any station hears that it is.

Writing is for one thread, reading for any number. SQLAlchemy Core says what is written; the hot
path hands its rows to the driver as they are.
"""

from host_agent.columns import RunSummary
from host_agent.store.attachments import KeptAttachment
from host_agent.store.care.intact import Damaged
from host_agent.store.checking import Checked, Checking, Mistake
from host_agent.store.database import Database
from host_agent.store.deriving import Deriving
from host_agent.store.errors import DamageError, FullError, StoreError
from host_agent.store.evidence.asking import FindingRow
from host_agent.store.evidence.keys import KnownKey
from host_agent.store.evidence.standing import Event, Evidence, Flag, Standing
from host_agent.store.keeping import Kept
from host_agent.store.quarantine import Quarantine, Quarantined, Which
from host_agent.store.reading import Counts, Reading, StationSummary, StoredRun
from host_agent.store.searching.runs import RunFilter

__all__ = [
    "Checked",
    "Counts",
    "DamageError",
    "Damaged",
    "Database",
    "Event",
    "FindingRow",
    "Flag",
    "FullError",
    "Kept",
    "KeptAttachment",
    "KnownKey",
    "Mistake",
    "Quarantined",
    "RunFilter",
    "RunSummary",
    "Standing",
    "StationSummary",
    "Store",
    "StoreError",
    "StoredRun",
    "Which",
]


class Store(Quarantine, Deriving, Reading, Evidence, Checking):
    """One database with all that can be done with it."""
