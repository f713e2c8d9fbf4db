"""Self-contained HTML reports: values of the domain come in, one page goes out; `files.write` publishes it."""
