"""Benchmarks: what the front end costs, measured against the bare Twisted bound in the same minute.

    python -m benchmarks [--only NAME] [--seconds S] [--quick]

NAME is get, im, fanout, crowd, memory, signin or reconnect.

Rates are per second of processor time of the server, so that other work on the machine changes
them little.  Bound and front end run by turns; a ratio is the median over their turns.  Everything
is on loopback: servers on one core, the generator on another.
"""
