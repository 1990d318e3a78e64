"""Faults on a whole line of real processes, and an audit of what operators saw.

`script/chaos` runs it; `docs/reliability.md` says what is promised, tried and found.
"""
