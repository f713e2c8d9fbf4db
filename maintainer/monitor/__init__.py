"""Watching a model: profiles of two windows come in, drift scores and quality go out as one Evidence."""
