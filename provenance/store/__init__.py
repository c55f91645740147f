"""The run database: the only part that knows DuckDB. DuckDB never opens an input; it holds what we found.

`schema` names tables and views, `grades` the table of grades, `database` creates, loads and queries a file,
`export` writes views as Parquet, CSV, JSON lines or SARIF with reproducible bytes, `journal` holds what people add to a
finished run, and `changes` what the later one of two has more, less or otherwise.
"""
