"""What this process is: its command line, its software, the packages it does without."""
