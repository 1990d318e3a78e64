"""What the station costs, as ratios to peers measured in the same run. Not part of the wheel."""
