"""Many runs in one value: 512 lanes of one bit each, in a register of the machine's widest or in several narrower.

Inside compiled loops a value has the operators of a whole number, on every lane or every 64-bit word of it.
"""

import operator

import numpy as np
from llvmlite import ir
from numba import njit, types
from numba.extending import intrinsic, models, overload, register_model

from counterpoint.rumours.kernels.keyed import FIRST, SECOND, STRIDE

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


def _place(context, builder, array_type, values):
    array = context.make_array(array_type)(context, builder, values[0])
    at = builder.gep(array.data, [values[1]])
    return builder.bitcast(at, VECTOR.as_pointer())


@intrinsic
def load(typing, array, place):
    """Return the lanes that begin at word `place` of uint64[...] that lies without gaps."""

    def code(context, builder, signature, values):
        value = builder.load(_place(context, builder, signature.args[0], values))
        value.align = 8
        return value

    return lanes(array, types.intp), code


@intrinsic
def store(typing, array, place, value):
    """Write the lanes to words of the array."""

    def code(context, builder, signature, values):
        builder.store(values[2], _place(context, builder, signature.args[0], values), align=8)
        return context.get_dummy_value()

    return types.none(array, types.intp, lanes), code


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
def mark(typing, array, place, word, value):
    """Set the bits of `value` in those of the 64 bytes of uint8[...] from `place` on whose bits of `word` are set."""

    def code(context, builder, signature, values):
        byte, count = ir.IntType(8), 64
        wide = ir.VectorType(byte, count)
        array_given = context.make_array(signature.args[0])(context, builder, values[0])
        at = builder.bitcast(builder.gep(array_given.data, [values[1]]), wide.as_pointer())
        one = builder.insert_element(ir.Constant(wide, ir.Undefined), values[3], ir.Constant(ir.IntType(32), 0))
        zeros = ir.Constant(ir.VectorType(ir.IntType(32), count), [0] * count)
        every = builder.shuffle_vector(one, ir.Constant(wide, ir.Undefined), zeros)
        where = builder.bitcast(values[2], ir.VectorType(ir.IntType(1), count))
        old = builder.load(at)
        old.align = 1
        new = builder.or_(old, builder.select(where, every, ir.Constant(wide, [0] * count)))
        builder.store(new, at, align=1)
        return context.get_dummy_value()

    return types.none(array, types.intp, types.uint64, types.uint8), code


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
