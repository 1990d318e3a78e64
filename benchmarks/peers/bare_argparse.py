"""The least that `--help` costs with argparse: one command with as many arguments as most have."""

import argparse

parser = argparse.ArgumentParser(prog="bare", description="A bare script.")
parser.add_argument("file", help="what to read")
parser.add_argument("--json", action="store_true", help="as JSON")
parser.add_argument("--limit", type=int, default=20, help="how many")
parser.parse_args()
