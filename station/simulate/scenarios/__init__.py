"""World files: their tables, how values are drawn, and a scenario staged for one run."""
