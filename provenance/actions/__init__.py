"""What is done with the results of runs: gates, comparisons, cleaned data."""
