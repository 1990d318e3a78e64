"""`python -m virtual_rig.installed`: an installed station, booted, used, killed and without power.

    this machine                                     guest: Debian on a disk, systemd as process 1
    twins      ◄── USB/IP, sockets of QEMU's ──────► pace-station.service, hardened, from the .deb
    mosquitto  ◄── MQTT ───────────────────────────► its publisher
    pace-host
    scenario   ◄── JSON lines, virtio port ────────► attendant: plugs in, runs commands

A keyboard's run begins when it is plugged in.
"""
