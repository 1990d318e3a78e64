"""The station's costs, as ratios to peers measured in the same run. Not part of the wheel."""
