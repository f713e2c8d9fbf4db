"""What is kept: DuckDB (samples, labels), SQLite (the journal), artifact directories; nobody else touches them."""
