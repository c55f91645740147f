"""Matching inside other people's pipelines: a file for each library, and none of them needs the others.

`recipe` is how an index gets to a worker, `tables` adds columns to Arrow tables. `huggingface`, `trove` (datatrove),
`spark` and `ray_data` put that where their library wants it. All columns are those of
`provenance.PROV_SCHEMA`. See docs/pipelines.md.
"""
