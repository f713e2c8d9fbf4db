"""Care for what is trained on: labelled parts in, cleaned and balanced parts out, and every sample touched."""
