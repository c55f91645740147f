"""Matching inside other people's pipelines: a file for each library, and none of them needs the others.

`tables` has what they share: how an index gets to a worker, and Arrow tables with columns added. `huggingface`,
`trove` (datatrove), `spark` and `ray_data` put that where their library wants it. All columns are those of
`provenance.matching.PROV_SCHEMA`. See docs/pipelines.md.
"""
