"""Holdouts and two exported models in; one finding for each gate of the policy out."""
