"""What commands take: their options, help and examples. Imports nothing heavy, for help and completion."""
