"""History replayed through a policy with a simulated clock; in: a policy and a file, out: what the daemon would have done."""
