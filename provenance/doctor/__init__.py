"""Whether this machine can scan, and what to mend: each check is one function, and all they say are diagnoses.

`software` looks at packages and compiled kernels, `machine` at what the system gives, `environment` at what variables
say, `selftest` scans something small and compares. Nothing is changed, printed or sent anywhere.
"""
