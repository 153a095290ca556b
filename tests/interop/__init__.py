"""Tests of the whole program as a process, with real peers on loopback."""
