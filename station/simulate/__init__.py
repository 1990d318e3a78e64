"""A rig of simulated instruments for any `station.toml`, and the devices that come to it."""
