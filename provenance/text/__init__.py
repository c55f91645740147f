"""The text rules (version 1): what a word is, for books and shards alike.

`rules` names the classes, `generate` builds the table from Unicode data, `tables` loads it,
`reference` is the plain-Python tokenizer that every kernel must agree with.
"""

from provenance.text.reference import Word, fold, words
from provenance.text.rules import TEXT_RULES_VERSION
from provenance.text.tables import FoldTable, fold_table

__all__ = ["TEXT_RULES_VERSION", "FoldTable", "Word", "fold", "fold_table", "words"]
