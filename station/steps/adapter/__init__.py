"""Mains adapters: what they deliver, at what cost, cold, hot and abused.

samples     a short watch of the output: its middle, its worst in both directions, steadiness
meters      the meters at the output have to agree, to read zero, and to follow the load
bench       an adapter between its meters; what happens once is seen twice
idle        without a load: mains, voltage, power
loaded      at the load points of the efficiency test
soak        warm, logged each second
abused      overload, and recovery
"""

from station.steps.adapter.abused import overload
from station.steps.adapter.idle import mains, no_load, no_load_power
from station.steps.adapter.loaded import load_points
from station.steps.adapter.soak import hot

__all__ = ["hot", "load_points", "mains", "no_load", "no_load_power", "overload"]
