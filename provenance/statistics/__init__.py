"""Formulas with their sources: containment of sketches, and matches that chance makes."""
