"""The composition: one step of one run, which stage does which phase, the clock; in: policies, out: promoted models."""
