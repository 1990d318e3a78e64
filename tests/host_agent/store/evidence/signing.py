"""Signs records as stations do: with a key, in chains, each start of the service a new one."""

from nacl.signing import SigningKey

from host_agent.messages import sort
from host_agent.mqtt import Message
from host_agent.store import Kept, Store
from host_agent.text import now_text
from records import Head, StationState, encode, topics
from records.keys import public_key
from records.messages import PublicKey
from records.signing import ALGORITHM, Header, digest, sign, thumbprint


class Card:
    """A station's card: its key, and the head of its chains."""

    def __init__(self, station: str = "bench-1", key: SigningKey | None = None) -> None:
        self.station = station
        self.key = key or SigningKey.generate()
        self.starts = 0
        self.head: Head | None = None
        self.restart()

    def restart(self, name: str = "") -> None:
        """Open a new chain, as each start of the service does."""
        self.starts += 1
        self.chain = name or f"{self.station}-{self.starts}"
        self.position = 0

    def sign(self, record: object) -> bytes:
        """Return the message that carries a record, or bytes, as the next link."""
        self.position += 1
        before = self.head
        first = self.position == 1
        header = Header(
            alg=ALGORITHM,
            kid=thumbprint(self.key.verify_key),
            chain=self.chain,
            position=self.position,
            previous=before.digest if before else "",
            after_chain=before.chain if before and first else "",
            after_position=before.position if before and first else 0,
        )
        message = sign(record if isinstance(record, bytes) else encode(record), self.key, header)
        self.head = Head(chain=self.chain, position=self.position, digest=digest(message))
        return message

    @property
    def public(self) -> PublicKey:
        """Return the key as the station's state says it."""
        return public_key(self.key, self.station)

    def state(self, **facts: object) -> bytes:
        """Return the station's state, with its key and head."""
        usual: dict[str, object] = {"key": self.public, "head": self.head, "online": True}
        return encode(StationState(station=self.station, **{**usual, **facts}))  # type: ignore[arg-type]


def tell(store: Store, station: str, *messages: bytes, topic: str = "run") -> Kept:
    """Let messages of a station arrive; nothing of them is refused."""
    where = topics.run(station) if topic == "run" else topics.state(station)
    arrived = sort([Message(1, where.encode(), one, len(one)) for one in messages], now_text())
    assert not arrived.refusals, arrived.refusals[0].reason
    return store.keep(arrived)


def settle(store: Store) -> None:
    """Do what the lane of evidence does, until there is nothing more to do."""
    while (portion := store.signed_portion()) is not None:
        store.note_links(portion)
    store.note_offers(store.offers())
    while again := store.verified_again():
        store.note_verified_again(again)
    store.audit_heads(store.heads())
