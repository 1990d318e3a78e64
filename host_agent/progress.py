"""Says how the ingest is: what came since its start, and what is wrong now."""

import time
from dataclasses import dataclass, field

STANDS_STILL_S = 60.0
"""Runs that wait so long without any being derived are a trouble; a portion takes 20 ms."""


@dataclass
class Progress:
    """The state of the ingest since its start. One loop writes it, and any thread may read it."""

    connected: bool = False
    broker_trouble: str = ""
    """The reason why the broker cannot be used, while that is so and it is known."""

    broker_refusals: dict[str, str] = field(default_factory=dict)
    """The reason why the broker refuses what the host publishes, by topic."""

    stored: int = 0
    stored_again: int = 0
    refused: int = 0
    waiting: int = 0
    store_trouble: str = ""
    """The reason why nothing can be stored, while that is so."""

    store_is_full: bool = False
    """The reason is a full disk, of which the store tells itself."""

    derive_trouble: str = ""
    """The reason why steps and measurements cannot be derived, while that is so and it is known."""

    pieces_trouble: str = ""
    """The broker's reason for refusing the attachments."""

    evidence_trouble: str = ""
    """The reason why signatures cannot be verified, while that is so."""

    behind_since_s: float | None = None
    """Since when the derived tables have stood still, by the monotonic clock; None: complete."""

    def troubles(self) -> list[str]:
        """Return what is wrong now as sentences for people; none when all is well."""
        found = []
        if not self.connected:
            why = f": {self.broker_trouble}" if self.broker_trouble else ""
            found.append(f"Not connected to the broker, stations keep their records{why}")
        if self.store_trouble and not self.store_is_full:
            found.append(f"Records cannot be stored now, stations keep them: {self.store_trouble}")
        for topic, why in list(self.broker_refusals.items()):
            found.append(f"The broker refuses what the host publishes to {topic}: {why}")
        since_s = self.behind_since_s
        behind_s = 0.0 if since_s is None else time.monotonic() - since_s
        if self.derive_trouble or behind_s > STANDS_STILL_S:
            why = self.derive_trouble or f"nothing was derived for {behind_s:.0f} s"
            found.append(f"The tables of steps and measurements stand still: {why}")
        if self.connected and self.pieces_trouble:
            found.append(f"Attachments do not come, stations keep them: {self.pieces_trouble}")
        if self.evidence_trouble:
            found.append(f"Signatures are not verified now: {self.evidence_trouble}")
        return found
