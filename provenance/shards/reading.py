"""How shards are read, as somebody asks for it; the same for all shards of a run."""

from dataclasses import dataclass

from provenance.options.field import option

LEAST_UNIT = 1 << 10  # bytes


@dataclass(frozen=True)
class Reading:
    """Which columns of shards are read, as what, in which pieces, and what is too long."""

    text_columns: tuple[str, ...] = option(
        "--text-column", "Column to scan, once or several times; by default the first of text, content, raw_content, "
        "body, document, messages, input_ids.", (), metavar="NAME", unnamed=True,
    )  # fmt: skip
    id_column: str | None = option(
        "--id-column", "Column that names a document; by default the first of id, doc_id, url and the like.",
        unnamed=True,
    )  # fmt: skip
    url_column: str | None = option(
        "--url-column", "Column that says from where a document is; by default url and the like.", unnamed=True
    )
    source_column: str | None = option(
        "--source-column", "Column that names its collection; by default source, dataset and the like.", unnamed=True
    )
    tokenizer: str | None = option(
        "--tokenizer", "tokenizer.json that token ids are decoded with.", kind="place", metavar="JSON", unnamed=True
    )
    end_of_text: int | None = option(
        "--end-of-text", "Token id that ends a document; by default as it is named.", metavar="ID", unnamed=True
    )
    unit_bytes: int = option(
        "--unit-size", "Text in one unit of work, about.", 256_000_000, "size", least=LEAST_UNIT, unnamed=True
    )
    max_row_bytes: int = option("--max-row-bytes", "Longer rows are not scanned, and named.", 64 << 20, least=1)
    max_ratio: int = option("--max-ratio", "Compressed files that grow more are not scanned.", 1000, least=1)
