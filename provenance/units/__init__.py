"""What a child process does with a unit: its texts are read, matched and located; and how shards are cut into units."""
