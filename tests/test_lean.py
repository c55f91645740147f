"""What commands do without is not loaded, whoever asks for it."""

from __future__ import annotations

import subprocess
import sys


def test_pyarrow_makes_tables_without_pandas():
    code = (
        "import sys\n"
        "from provenance.process.lean import do_without\n"
        "do_without('pandas', 'dateutil')\n"
        "import pyarrow as pa\n"
        "assert pa.Table.from_pylist([{'a': 1, 'b': [{'c': 'x'}]}]).num_rows == 1\n"
        "assert pa.array([1, None]).null_count == 1\n"
        "assert not {'pandas', 'dateutil'} & sys.modules.keys()\n"
        "try:\n"
        "    import pandas.tseries\n"
        "except ModuleNotFoundError as error:\n"
        "    print(error.name)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout) == (0, "pandas\n"), done.stderr
