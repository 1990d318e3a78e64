"""The suites of this folder take their fixtures from the plugin, installed or not.

pytest registers an entry point under its name, and ours is the module's: so it is the same plugin.
"""

pytest_plugins = ["hil_tests.plugin"]
