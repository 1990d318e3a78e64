"""A simulated station with a witness: `go N` on its input tests N devices more.

The station is the product's own, composed as `pace station simulate` composes it; only its pauses
before it tries again are shorter, so that a round takes seconds. `queue N` puts N short records
into its outbox, as a station does that was off line for days.
"""

import argparse
import hashlib
import math
import sys
import threading
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from chaos.witness import Witness
from records import Device, Phrase, RunRecord, StepRecord, Verdict, encode, new_record_id
from station.delivery.broker import BrokerAddress
from station.delivery.keeping import Keep
from station.delivery.outbox import Outbox, OutboxError
from station.delivery.publisher import Publisher
from station.engine.clock import Clock
from station.process import hear_endings, logging_to, operate
from station.rig.config import StationConfig, load
from station.service import StationService
from station.simulate.operator import SimulatedLine
from station.simulate.rig import SimulatedRig

RIG = Path(__file__).resolve().parent.parent / "rig.toml"
PAUSE_S = 0.1

Publisher.RESEND_S = (0.5, 4.0)
Publisher.BACKOFF_S = (0.1, 1.0)
Publisher.PATIENCE_S = 3.0


def main() -> int:
    chosen = _chosen()
    witness = Witness(chosen.book, chosen.start)
    config = _config(chosen)
    rig = SimulatedRig(config, speed=math.inf)
    ended = hear_endings()
    with logging_to(chosen.data, to_file=False):
        try:
            outbox = Outbox(chosen.data / "outbox.db", keep=config.keep)
        except OutboxError as error:
            print(error, file=sys.stderr)
            return 1
        service = StationService(
            config,
            rig.hardware,
            outbox,
            new_clock=lambda slot: Clock(rig.worlds[slot].time, speed=math.inf),
            simulated=True,
        )
        line = SimulatedLine(service, rig, seed=chosen.seed, pause_s=PAUSE_S)
        service.listen(line.hear)
        service.listen(witness.hear)
        service.fly(line.take_over)
        try:
            service.open()
            witness.write(what="open")
            hearing = (line, outbox, witness, config.station)
            threading.Thread(target=_obey, args=hearing, daemon=True).start()
            operate(service, ended, None)
        finally:
            line.take_over()
            service.close()
            outbox.close()
    return 0


def _chosen() -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--book", type=Path, required=True)
    parser.add_argument("--start", type=int, default=1)
    parser.add_argument("--broker", type=int, required=True)
    parser.add_argument("--station", default="demo")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--least-free-mib", type=float, default=4.0)
    parser.add_argument("--mqtt-version", type=int, default=5)
    return parser.parse_args()


def _config(chosen: argparse.Namespace) -> StationConfig:
    return msgspec.structs.replace(
        load(RIG, start_in=chosen.data),
        station=chosen.station,
        broker=BrokerAddress(port=chosen.broker, mqtt_version=chosen.mqtt_version),
        keep=Keep(least_free_mib=chosen.least_free_mib),
    )


def _obey(line: SimulatedLine, outbox: Outbox, witness: Witness, station: str) -> None:
    for said in sys.stdin:
        match said.split():
            case ["go", number]:
                line.begin(int(number))
            case ["queue", number]:
                for _ in range(int(number)):
                    _queue(outbox, witness, station)
            case _:
                raise ValueError(said)


def _queue(outbox: Outbox, witness: Witness, station: str) -> None:
    """Put a short record into the outbox, and let the witness see it after that."""
    now = datetime.now(UTC)
    step = StepRecord(
        test="look", step="look", title=Phrase("title.look"), verdict=Verdict.PASS, started_at=now
    )
    draft = outbox.begin(
        RunRecord(
            record_id=new_record_id(),
            sequence=0,
            station=station,
            slot="adapter-1",
            operator="",
            device=Device(asset_tag="Q-1", kind="laptop-adapter"),
            plan="laptop-adapter",
            plan_sha256="",
            profile="",
            instruments=(),
            software="chaos",
            clock_synchronised=True,
            simulated=True,
            started_at=now,
            duration_s=0.1,
            steps=(step,),
            verdict=Verdict.PASS,
        )
    )
    outbox.finish(draft)
    witness.write(
        what="shown",
        record_id=draft.record_id,
        sequence=draft.sequence,
        sha256=hashlib.sha256(encode(draft)).hexdigest(),
        verdict=str(draft.verdict),
    )


if __name__ == "__main__":
    raise SystemExit(main())
