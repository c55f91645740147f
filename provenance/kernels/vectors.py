"""The few machine operations that numba lacks, as LLVM IR: 64 bytes classified at once, unaligned loads, bit counts.

The vectors are LLVM's own (`<64 x i8>`), so LLVM lowers them to what the processor has: AVX-512, AVX2, SSE2 or NEON.
"""

from collections.abc import Callable
from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

BLOCK = 64  # bytes classified at once, one bit each in 64-bit masks

SEPARATORS = [sign.encode() for sign in "\u2013\u2014\u201c\u201d\u2026"]
"""Signs of three bytes, equal in the first two, that separate words and are frequent: – — “ ” …"""

U8, U32, U64 = ir.IntType(8), ir.IntType(32), ir.IntType(64)
LANES = ir.VectorType(U64, 8)
SIXTEEN = ir.VectorType(U32, 16)
ALL = (1 << 64) - 1
MIX_1, MIX_2 = 0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9
BYTES = ir.VectorType(U8, BLOCK)
DEFINED = ir.IntType(1)(0)  # what `cttz` and `ctlz` give of zero


def _splat(value: int) -> ir.Constant:
    return ir.Constant(BYTES, [value] * BLOCK)


def _broadcast(builder: ir.IRBuilder, value: Any, lanes: ir.VectorType) -> Any:
    undefined = ir.Constant(lanes, ir.Undefined)
    single = builder.insert_element(undefined, value, U32(0))
    return builder.shuffle_vector(single, undefined, ir.Constant(ir.VectorType(U32, lanes.count), [0] * lanes.count))


def _every(value: int) -> ir.Constant:
    return ir.Constant(LANES, [value] * 8)


def _load_pairs(builder: ir.IRBuilder, origin: Any, edges: Any) -> tuple[Any, Any]:
    """Sixteen bytes from each of eight places, `origin` and every other of sixteen edges: their low and high halves.

    Eight loads and some shuffles: gathers are slow on many processors, and on Zen 4 more than twice as slow as this.
    """
    pair = ir.VectorType(U64, 2)
    loaded = []
    for k in range(8):
        begin = builder.zext(builder.extract_element(edges, U32(2 * k)), U64)
        loaded.append(builder.load(builder.bitcast(builder.gep(origin, [begin]), pair.as_pointer()), align=1))
    while len(loaded) > 2:
        width = 2 * loaded[0].type.count
        order = ir.Constant(ir.VectorType(U32, width), list(range(width)))
        loaded = [builder.shuffle_vector(*loaded[k : k + 2], order) for k in range(0, len(loaded), 2)]
    lows, highs = (
        builder.shuffle_vector(*loaded, ir.Constant(ir.VectorType(U32, 8), list(range(side, 16, 2)))) for side in (0, 1)
    )
    return lows, highs


def _item(context: Any, builder: ir.IRBuilder, array_type: Any, array: Any, at: Any, pointee: ir.Type) -> Any:
    """Pointer to item `at` of an array. Nothing is checked: the caller knows the bounds."""
    data = cgutils.create_struct_proxy(array_type)(context, builder, array).data
    return builder.bitcast(builder.gep(data, [at]), pointee.as_pointer())


@intrinsic
def classify_block(typing: Any, data: Any, at: Any) -> Any:
    """Masks of `data[at:at + 64]`: ASCII letters and digits, bytes above ASCII, apostrophes, hyphens."""
    signature = types.UniTuple(types.uint64, 4)(data, types.int64)

    def generate(context: Any, builder: ir.IRBuilder, signature: Any, arguments: Any) -> Any:
        block = builder.load(_item(context, builder, signature.args[0], *arguments, BYTES), align=1)
        lower = builder.or_(block, _splat(0x20))
        letters = builder.icmp_unsigned("<", builder.sub(lower, _splat(ord("a"))), _splat(26))
        digits = builder.icmp_unsigned("<", builder.sub(block, _splat(ord("0"))), _splat(10))
        tests = (
            builder.or_(letters, digits),
            builder.icmp_signed("<", block, _splat(0)),
            builder.icmp_unsigned("==", block, _splat(ord("'"))),
            builder.icmp_unsigned("==", block, _splat(ord("-"))),
        )
        masks = [builder.bitcast(test, U64) for test in tests]
        return context.make_tuple(builder, signature.return_type, masks)

    return signature, generate


@intrinsic
def find_punctuation(typing: Any, data: Any, at: Any) -> Any:
    """Masks of `data[at:at + 64]`: bytes E2, bytes 80, and third bytes of the dashes, quotes and dots in SEPARATORS."""
    signature = types.UniTuple(types.uint64, 3)(data, types.int64)

    def generate(context: Any, builder: ir.IRBuilder, signature: Any, arguments: Any) -> Any:
        block = builder.load(_item(context, builder, signature.args[0], *arguments, BYTES), align=1)
        third = builder.icmp_unsigned("==", block, _splat(SEPARATORS[0][2]))
        for sign in SEPARATORS[1:]:
            third = builder.or_(third, builder.icmp_unsigned("==", block, _splat(sign[2])))
        tests = (builder.icmp_unsigned("==", block, _splat(byte)) for byte in SEPARATORS[0][:2])
        masks = [builder.bitcast(test, U64) for test in (*tests, third)]
        return context.make_tuple(builder, signature.return_type, masks)

    return signature, generate


@intrinsic
def load_u64(typing: Any, data: Any, at: Any) -> Any:
    """Eight bytes from `data[at]` as a little-endian number, at any alignment."""
    signature = types.uint64(data, types.int64)

    def generate(context: Any, builder: ir.IRBuilder, signature: Any, arguments: Any) -> Any:
        return builder.load(_item(context, builder, signature.args[0], *arguments, U64), align=1)

    return signature, generate


@intrinsic
def store_u64(typing: Any, data: Any, at: Any, value: Any) -> Any:
    """Put a number into `data[at:at + 8]`, little-endian, at any alignment."""

    def generate(context: Any, builder: ir.IRBuilder, signature: Any, arguments: Any) -> Any:
        array, at, value = arguments
        builder.store(value, _item(context, builder, signature.args[0], array, at, U64), align=1)
        return context.get_dummy_value()

    return types.void(data, types.int64, types.uint64), generate


@intrinsic
def prefetch(typing: Any, array: Any, at: Any) -> Any:
    """Ask for the cache line of `array[at]`, which will be read soon. Never faults."""

    def generate(context: Any, builder: ir.IRBuilder, signature: Any, arguments: Any) -> Any:
        pointer = _item(context, builder, signature.args[0], *arguments, U8)
        kind = ir.FunctionType(ir.VoidType(), [pointer.type, U32, U32, U32])
        function = cgutils.get_or_insert_function(builder.module, kind, "llvm.prefetch.p0")
        builder.call(function, [pointer, U32(0), U32(2), U32(1)])
        return context.get_dummy_value()

    return types.void(array, types.int64), generate


def _of_number(result: Any, make: Callable[[ir.IRBuilder, Any], Any]) -> Any:
    """Signature and code of what takes a 64-bit number."""

    def generate(context: Any, builder: ir.IRBuilder, signature: Any, arguments: Any) -> Any:
        return make(builder, arguments[0])

    return result(types.uint64), generate


@intrinsic
def swap_bytes(typing: Any, value: Any) -> Any:
    """The eight bytes of a number in the other order."""
    return _of_number(types.uint64, lambda builder, value: builder.bswap(value))


@intrinsic
def lowest_bit(typing: Any, mask: Any) -> Any:
    """Position of the lowest bit set; 64 where there is none."""
    return _of_number(types.int64, lambda builder, mask: builder.cttz(mask, DEFINED))


@intrinsic
def highest_bit(typing: Any, mask: Any) -> Any:
    """Position of the highest bit set; -1 where there is none."""
    return _of_number(types.int64, lambda builder, mask: builder.sub(U64(63), builder.ctlz(mask, DEFINED)))


@intrinsic
def count_bits(typing: Any, mask: Any) -> Any:
    """How many bits are set."""
    return _of_number(types.int64, lambda builder, mask: builder.ctpop(mask))


@intrinsic
def unequal_sixteen(typing: Any, one: Any, first: Any, other: Any, second: Any) -> Any:
    """Mask of the places at which `one[first:first + 16]` and `other[second:second + 16]`, of 32 bits, differ."""

    def generate(context: Any, builder: ir.IRBuilder, signature: Any, arguments: Any) -> Any:
        one, first, other, second = arguments
        pairs = zip(signature.args[::2], (one, other), (first, second), strict=True)
        left, right = (
            builder.load(_item(context, builder, kind, array, at, SIXTEEN), align=4) for kind, array, at in pairs
        )
        return builder.zext(builder.bitcast(builder.icmp_unsigned("!=", left, right), ir.IntType(16)), U64)

    return types.uint64(one, types.int64, other, types.int64), generate


@intrinsic
def compare_sixteen(typing: Any, array: Any, at: Any, value: Any) -> Any:
    """Masks of those of `array[at:at + 16]`, of 32 bits, that are below the value, and that are equal to it."""
    signature = types.UniTuple(types.uint64, 2)(array, types.int64, types.uint32)

    def generate(context: Any, builder: ir.IRBuilder, signature: Any, arguments: Any) -> Any:
        array, at, value = arguments
        items = builder.load(_item(context, builder, signature.args[0], array, at, SIXTEEN), align=4)
        wanted = _broadcast(builder, value, SIXTEEN)
        tests = (builder.icmp_unsigned(sign, items, wanted) for sign in ("<", "=="))
        masks = [builder.zext(builder.bitcast(test, ir.IntType(16)), U64) for test in tests]
        return context.make_tuple(builder, signature.return_type, masks)

    return signature, generate


@intrinsic
def hash_eight(
    typing: Any, data: Any, start: Any, edges: Any, clump: Any, bits: Any, word_key: Any, hashes: Any, at: Any
) -> Any:
    """Hash eight clumps at once into `hashes[at:at + 8]`, as `mix_block` does one of up to 16 bytes.

    Clump c is `data[start + edges[2 * c]:start + edges[2 * c + 1]]`; 16 bytes from each begin are read, and `bits` set
    in each eight of them. Returns a mask of those that are longer than 16 bytes, whose hashes are wrong.
    """
    signature = types.uint64(data, types.int64, edges, types.int64, types.uint64, types.uint64, hashes, types.int64)

    def generate(context: Any, builder: ir.IRBuilder, signature: Any, arguments: Any) -> Any:
        data, start, edges, clump, set_bits, word_key, hashes, at = arguments
        set_bits = _broadcast(builder, set_bits, LANES)

        def fold(x: Any, shift: int) -> Any:
            return builder.xor(x, builder.lshr(x, _every(shift)))

        pointer = _item(context, builder, signature.args[2], edges, builder.shl(clump, U64(1)), SIXTEEN)
        pairs = builder.load(pointer, align=4)
        undefined = ir.Constant(pairs.type, ir.Undefined)
        begins, ends = (
            builder.zext(builder.shuffle_vector(pairs, undefined, ir.Constant(ir.VectorType(U32, 8), order)), LANES)
            for order in (list(range(0, 16, 2)), list(range(1, 16, 2)))
        )
        sizes = builder.sub(ends, begins)
        lows, highs = _load_pairs(builder, _item(context, builder, signature.args[0], data, start, U8), pairs)
        bits = builder.shl(sizes, _every(3))
        unused = builder.select(builder.icmp_unsigned("<", sizes, _every(8)), builder.sub(_every(64), bits), _every(0))
        low = builder.and_(builder.or_(lows, set_bits), builder.lshr(_every(ALL), unused))
        more = builder.icmp_unsigned(">", sizes, _every(8))
        within = builder.and_(more, builder.icmp_unsigned("<", sizes, _every(16)))
        unused = builder.select(within, builder.sub(_every(128), bits), _every(0))
        high = builder.or_(highs, set_bits)
        high = builder.select(more, builder.and_(high, builder.lshr(_every(ALL), unused)), _every(0))
        x = builder.mul(fold(builder.xor(_broadcast(builder, word_key, LANES), low), 32), _every(MIX_1))
        x = builder.mul(fold(builder.add(fold(x, 29), high), 32), _every(MIX_2))
        builder.store(fold(x, 32), _item(context, builder, signature.args[6], hashes, at, LANES), align=8)
        return builder.zext(builder.bitcast(builder.icmp_unsigned(">", sizes, _every(16)), U8), U64)

    return signature, generate
