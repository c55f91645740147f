"""The run database: the only part that knows DuckDB. DuckDB never opens an input; it holds what we found.

`schema` names tables and views, `grades` the table of grades, `database` creates, loads and queries a file,
`export` writes views as Parquet, CSV or JSON lines with reproducible bytes.
"""

from provenance.store.database import RunReader, RunWriter
from provenance.store.export import EXPORTS, export

__all__ = ["EXPORTS", "RunReader", "RunWriter", "export"]
