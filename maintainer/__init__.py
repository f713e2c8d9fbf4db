"""Continuous model maintenance: keep a model good after it shipped."""

__version__ = "0.1.0"
