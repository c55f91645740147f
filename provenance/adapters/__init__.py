"""Matching inside other people's pipelines: a file for each library, and none of them needs the others.

`tables` adds columns to Arrow tables, and says how an index gets to a worker. `huggingface`, `trove` (datatrove),
`spark` and `ray_data` put that where their library wants it. All columns are those of `provenance.PROV_SCHEMA`. See
docs/pipelines.md.
"""
