"""Two runs beside one another: what a later one has more or less, and the gate that stops at it."""
