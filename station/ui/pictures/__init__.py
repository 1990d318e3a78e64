"""Live drawings of what is tested: one module each."""
