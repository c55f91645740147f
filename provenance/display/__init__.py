"""What people see: numbers, times and texts made harmless, and two texts side by side."""
