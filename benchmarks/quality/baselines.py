"""What a user would write today: datasketch's MinHash LSH over windows of words, from its documentation."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from benchmarks.quality.plants import Book
from benchmarks.quality.truth import Claim

NUM_PERM, SHINGLE, WINDOW, STRIDE, THRESHOLD = 128, 5, 64, 32, 0.5


def windows(text: str) -> list[tuple[int, int, list[bytes]]]:
    """Windows of words with their bytes in the text, and the shingles of each."""
    places = [(match.start(), match.end()) for match in re.finditer(r"\S+", text)]
    words = [re.sub(r"\W", "", text[a:b]).lower() for a, b in places]
    found = []
    for at in range(0, max(1, len(words) - WINDOW + STRIDE), STRIDE):
        piece = words[at : at + WINDOW]
        if len(piece) >= SHINGLE:
            first, last = places[at][0], places[at + len(piece) - 1][1]
            begin = len(text[:first].encode())
            shingles = [" ".join(piece[n : n + SHINGLE]).encode() for n in range(len(piece) - SHINGLE + 1)]
            found.append((begin, begin + len(text[first:last].encode()), shingles))
    return found


def datasketch_claims(books: Sequence[Book], rows: Sequence[tuple[str, str]]) -> Mapping[str, list[Claim]]:
    """For each document the windows that are near one of a book: the work with most windows is claimed for each."""
    from datasketch import MinHash, MinHashLSH

    lsh = MinHashLSH(threshold=THRESHOLD, num_perm=NUM_PERM)
    for book in books:
        pieces = windows(book.text)
        for n, signature in enumerate(MinHash.generator([p[2] for p in pieces], num_perm=NUM_PERM)):
            lsh.insert((book.work, book.id, n), signature, check_duplication=False)
    claims: dict[str, list[Claim]] = {}
    for name, text in rows:
        pieces = windows(text)
        for (begin, end, _), signature in zip(
            pieces, MinHash.generator([p[2] for p in pieces], num_perm=NUM_PERM), strict=True
        ):
            works = sorted(key[0] for key in lsh.query(signature))
            if works:
                claims.setdefault(name, []).append(Claim(begin, end, max(works, key=works.count), 0))
    return claims
