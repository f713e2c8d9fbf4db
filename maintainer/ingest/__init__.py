"""What comes in: files in a folder; out: whole files to take in, each moved to done/ or quarantine/ afterwards."""
