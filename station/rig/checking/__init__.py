"""The guided check of a rig, and its dated record."""
