"""`provenance bundle`: all that is needed to read, check and hand over a run, in one folder or file."""

import click

from provenance.cli.definitions.act import Bundle
from provenance.display.text import safe
from provenance.errors import UsageError
from provenance.evidence.minimal import write_minimal
from provenance.evidence.write import write_bundle
from provenance.files.secrets import read_secret
from provenance.report.facts import ReportOptions
from provenance.store.database import refuse_same


def run(options: Bundle) -> None:
    """Write all that is needed to check a run."""
    refuse_same(options.out, options.db)
    if options.minimal and options.salt_file is None:
        raise UsageError("--minimal needs --salt-file: `head -c 32 /dev/urandom > salt` makes one; keep it")
    if options.salt_file is None:
        choice = ReportOptions(redacted=options.redact, max_matches=options.max_matches)
        digest = write_bundle(options.db, options.out, choice, options.overwrite)
    elif options.minimal:
        digest = write_minimal(options.db, options.out, read_secret(options.salt_file, "salt"), options.overwrite)
    else:
        raise UsageError("--salt-file goes with --minimal")
    click.echo(f"{digest}  {safe(str(options.out))}")
