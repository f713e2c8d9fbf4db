"""The vocabulary: frozen values and pure rules that every other folder speaks in; imports nothing above it."""
