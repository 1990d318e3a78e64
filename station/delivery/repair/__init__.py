"""Repair of an outbox that a memory card has damaged."""
