"""How many passages of the known books a scan of these very shards would find: some are planted, and counted."""
