"""Learn the nameplate of a device: from memory, from a scanned code, or from the operator.

nameplate.py   the ratings, and whether those that were typed can be true
memory.py      the labels of models that were told before
code.py        the values in a scanned code or text
asking.py      identify a device: from memory, from a code, or by questions
"""
