"""What is done about an outbox that a memory card has damaged."""
