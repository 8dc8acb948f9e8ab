"""Many runs in one value: 512 lanes of one bit each, in a register of the machine's widest or in several narrower.

Inside compiled loops a value has the operators of a whole number, on every lane or every 64-bit word of it.
"""

# mypy: ignore-errors

import operator

import numpy as np
from llvmlite import ir
from numba import njit, types
from numba.extending import intrinsic, models, overload, register_model

from counterpoint.counter_rng_kernels import FIRST, SECOND, STRIDE

WORDS = 8
COUNT = 64 * WORDS
VECTOR = ir.VectorType(ir.IntType(64), WORDS)


class Lanes(types.Type):
    """The type of a value of 512 lanes."""

    def __init__(self):
        super().__init__(name="Lanes")


lanes = Lanes()


@register_model(Lanes)
class LanesModel(models.PrimitiveModel):
    """Lanes are a vector of words."""

    def __init__(self, manager, kind):
        super().__init__(manager, kind, VECTOR)


@intrinsic
def address(typing, array):
    """Return where an array's values lie. Whoever uses it keeps the array: addresses are not counted as references.

    That is what they are for. Every function that is given an array counts a reference to it, on a cache line that all
    threads write; loops that call small functions spent a third of their time on that.
    """

    def code(context, builder, signature, values):
        data = context.make_array(signature.args[0])(context, builder, values[0]).data
        return builder.ptrtoint(data, ir.IntType(64))

    return types.int64(array), code


def _pointer(builder, base, place, kind):
    return builder.gep(builder.inttoptr(base, kind.as_pointer()), [place])


@intrinsic
def load(typing, base, place):
    """Return the lanes at a place, counted in lanes from an address."""

    def code(context, builder, signature, values):
        value = builder.load(_pointer(builder, values[0], values[1], VECTOR))
        value.align = 8
        return value

    return lanes(types.int64, types.int64), code


@intrinsic
def store(typing, base, place, value):
    """Write lanes to a place."""

    def code(context, builder, signature, values):
        builder.store(values[2], _pointer(builder, values[0], values[1], VECTOR), align=8)
        return context.get_dummy_value()

    return types.none(types.int64, types.int64, lanes), code


def _reader(kind, named):
    @intrinsic
    def read(typing, base, place):
        def code(context, builder, signature, values):
            return builder.load(_pointer(builder, values[0], values[1], kind))

        return named(types.int64, types.int64), code

    return read


word = _reader(ir.IntType(64), types.uint64)
whole = _reader(ir.IntType(64), types.int64)
short = _reader(ir.IntType(32), types.uint32)
byte = _reader(ir.IntType(8), types.uint8)
real = _reader(ir.DoubleType(), types.float64)
single = _reader(ir.FloatType(), types.float32)


@intrinsic
def put(typing, base, place, value):
    """Write one word."""

    def code(context, builder, signature, values):
        builder.store(values[2], _pointer(builder, values[0], values[1], ir.IntType(64)))
        return context.get_dummy_value()

    return types.none(types.int64, types.int64, types.uint64), code


@intrinsic
def splat(typing, word):
    """Return lanes of which every word is this one."""

    def code(context, builder, signature, values):
        one = builder.insert_element(ir.Constant(VECTOR, ir.Undefined), values[0], ir.Constant(ir.IntType(32), 0))
        zeros = ir.Constant(ir.VectorType(ir.IntType(32), WORDS), [0] * WORDS)
        return builder.shuffle_vector(one, ir.Constant(VECTOR, ir.Undefined), zeros)

    return lanes(types.uint64), code


@intrinsic
def steps(typing):
    """Return lanes of which word i is i strides of the keyed generator."""

    def code(context, builder, signature, values):
        return ir.Constant(VECTOR, [(i * int(STRIDE)) % 2**64 for i in range(WORDS)])

    return lanes(), code


@intrinsic
def some(typing, value):
    """Return whether any lane is set."""

    def code(context, builder, signature, values):
        nonzero = builder.icmp_unsigned("!=", values[0], ir.Constant(VECTOR, [0] * WORDS))
        return builder.icmp_unsigned(
            "!=", builder.bitcast(nonzero, ir.IntType(WORDS)), ir.Constant(ir.IntType(WORDS), 0)
        )

    return types.boolean(lanes), code


@intrinsic
def mark(typing, base, place, word, value):
    """Set the bits of `value` in those of the 64 bytes from a place on whose bits of `word` are set."""

    def code(context, builder, signature, values):
        count = 64
        wide = ir.VectorType(ir.IntType(8), count)
        at = builder.bitcast(_pointer(builder, values[0], values[1], ir.IntType(8)), wide.as_pointer())
        one = builder.insert_element(ir.Constant(wide, ir.Undefined), values[3], ir.Constant(ir.IntType(32), 0))
        zeros = ir.Constant(ir.VectorType(ir.IntType(32), count), [0] * count)
        every = builder.shuffle_vector(one, ir.Constant(wide, ir.Undefined), zeros)
        where = builder.bitcast(values[2], ir.VectorType(ir.IntType(1), count))
        old = builder.load(at)
        old.align = 1
        new = builder.or_(old, builder.select(where, every, ir.Constant(wide, [0] * count)))
        builder.store(new, at, align=1)
        return context.get_dummy_value()

    return types.none(types.int64, types.int64, types.uint64, types.uint8), code


@intrinsic
def trailing(typing, word):
    """Return the place of the lowest bit that is set."""

    def code(context, builder, signature, values):
        return builder.cttz(values[0], ir.Constant(ir.IntType(1), 1))

    return types.int64(types.uint64), code


def _operator(operation, method):
    @intrinsic
    def both(typing, one, other):
        def code(context, builder, signature, values):
            return getattr(builder, method)(*values)

        return lanes(lanes, lanes), code

    @overload(operation)
    def _(one, other):
        if one == lanes and other == lanes:
            return lambda one, other: both(one, other)
        return None


for each, named in (
    (operator.and_, "and_"),
    (operator.or_, "or_"),
    (operator.xor, "xor"),
    (operator.add, "add"),
    (operator.mul, "mul"),
    (operator.rshift, "lshr"),
):
    _operator(each, named)


@overload(operator.invert)
def _inverted(value):
    if value == lanes:
        return lambda value: value ^ splat(np.uint64(0xFFFFFFFFFFFFFFFF))
    return None


@njit(cache=True, inline="always")
def nothing():
    """Return lanes none of which is set."""
    return splat(np.uint64(0))


@njit(cache=True, inline="always")
def drawn(key):
    """Return lanes each of which is set or not by a fair coin of this key; the next key is WORDS strides on."""
    x = splat(key) + steps()
    x = (x ^ (x >> splat(np.uint64(30)))) * splat(FIRST)
    x = (x ^ (x >> splat(np.uint64(27)))) * splat(SECOND)
    return x ^ (x >> splat(np.uint64(31)))
