"""Debian systems in folders: made by mmdebstrap, kept as archives, entered by chroot."""
