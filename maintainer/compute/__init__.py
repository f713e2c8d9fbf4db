"""Where heavy work runs: child processes of this machine; in: a command, its limits; out: files or a line of JSON."""
