"""What `vectors.py` looks like to its callers, who do not pass the typing context of numba's intrinsics."""

import numpy as np
import numpy.typing as npt

BLOCK: int
SEPARATORS: list[bytes]

def classify_block(data: npt.NDArray[np.uint8], at: int) -> tuple[np.uint64, np.uint64, np.uint64, np.uint64]: ...
def find_punctuation(data: npt.NDArray[np.uint8], at: int) -> tuple[np.uint64, np.uint64, np.uint64]: ...
def load_u64(data: npt.NDArray[np.uint8], at: int) -> np.uint64: ...
def store_u64(data: npt.NDArray[np.uint8], at: int, value: np.uint64) -> None: ...
def lowest_bit(mask: np.uint64) -> int: ...
def count_bits(mask: np.uint64) -> int: ...
def hash_eight(
    data: npt.NDArray[np.uint8],
    start: int,
    edges: npt.NDArray[np.uint32],
    clump: int,
    bits: np.uint64,
    word_key: np.uint64,
    hashes: npt.NDArray[np.uint64],
    at: int,
) -> np.uint64: ...
