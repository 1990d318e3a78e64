"""Hold the steps by function. A plan names one by its module: `power.idle_power`."""
