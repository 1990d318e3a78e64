"""The cost of a signature: a record of 40 measurements, signed and verified as in service.

arguments: rounds. Prints the seconds of one signature and of one verification, medians of five.
"""

import json
import sys
import time
from collections.abc import Callable
from statistics import median

from nacl.signing import SigningKey

from benchmarks.programs.codec import RECORD
from records import encode
from records.signing import ALGORITHM, Header, sign, thumbprint, verify


def main() -> None:
    rounds = int(sys.argv[1])
    key, body = SigningKey.generate(), encode(RECORD)
    kid = thumbprint(key.verify_key)
    keys = {kid: key.verify_key}
    header = Header(alg=ALGORITHM, kid=kid, chain="0" * 36, position=1, previous="5e" * 32)
    message = sign(body, key, header)
    if verify(message, keys) != header:
        raise SystemExit("a signature does not come back as it was")
    signed_s = _each_s(lambda: sign(body, key, header), rounds)
    print(json.dumps([signed_s, _each_s(lambda: verify(message, keys), rounds)]))


def _each_s(work: Callable[[], object], rounds: int) -> float:
    taken_s = []
    for _ in range(5):
        start_s = time.perf_counter()
        for _ in range(rounds):
            work()
        taken_s.append((time.perf_counter() - start_s) / rounds)
    return median(taken_s)


if __name__ == "__main__":
    main()
