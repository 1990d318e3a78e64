"""OpenHTF until its first test could begin: imported, 20 steps declared. Then it says READY=1."""

import os
import socket
import time
from collections.abc import Callable

import openhtf as htf
from openhtf.output.callbacks import json_factory


def phase(number: int) -> Callable[..., None]:
    name = f"value_{number}"

    @htf.PhaseOptions(name=f"step_{number}")
    @htf.measures(htf.Measurement(name).in_range(0.0, 10.0).with_units("V"))
    def measure(test: "htf.TestApi") -> None:
        test.measurements[name] = 5.0

    return measure


test = htf.Test(*map(phase, range(20)), test_name="benchmark")
test.add_output_callbacks(json_factory.OutputToJSON("{dut_id}.json"))
with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
    sender.sendto(b"READY=1", os.environ["NOTIFY_SOCKET"])
time.sleep(60)
