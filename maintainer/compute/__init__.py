"""Where a heavy phase runs: a child process of this machine; in: a command and its limits, out: files or one line of JSON."""
