"""Run a board's firmware on Linux: `micropython FOLDER/linux/run_linux.py KIND WORLD.json`."""

import json
import sys

sys.path.append(sys.path[0][: -len("/linux")])

import hwsim
from board import Board
from kinds import fixture_of

kind = sys.argv[1]
with open(sys.argv[2]) as file:
    world = json.load(file)
board = Board(*fixture_of(kind, hwsim, world))
board.hw.tell("started", kind)
while True:
    board.turn()
