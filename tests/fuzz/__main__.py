"""`python -m tests.fuzz DIR [libFuzzer's options]`."""

import sys

import atheris

with atheris.instrument_imports(include=["mobility.sip"]):
    from tests.fuzz.target import SEEDS, torment


def main() -> None:
    atheris.Setup([*sys.argv, *map(str, SEEDS)], torment)
    atheris.Fuzz()


main()
