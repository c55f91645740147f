"""Whether this machine can scan, and what to mend: each check is one function, and all they say are diagnoses.

`software` looks at packages, `machine` at what the system gives, `environment` at what variables say, `loaded` at
compiled kernels and an index; `selftest` scans something small and compares. Nothing is changed, printed or sent
anywhere.
"""
