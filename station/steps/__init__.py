"""Hold the steps. A plan names one by its module or package: `power.idle_power`."""
