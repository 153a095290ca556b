"""`python -m tests.fuzz DIR [libFuzzer's options]`."""

import sys
import tempfile
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["mobility.sip"]):
    from tests.fuzz.target import SEEDS, torment
    from tests.sip.rfc4475 import MESSAGES


def main() -> None:
    with tempfile.TemporaryDirectory() as written:
        for name, data in MESSAGES.items():
            (Path(written) / name).write_bytes(data)
        atheris.Setup([*sys.argv, *map(str, SEEDS), written], torment)
        atheris.Fuzz()


main()
