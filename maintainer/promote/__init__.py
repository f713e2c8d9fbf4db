"""The champion pointer, forward and back; in: a finished run's directories, out: a published version that serves."""
