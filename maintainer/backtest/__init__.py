"""History replayed under a simulated clock; in: a policy and a file, out: what the daemon would have done with it."""
