# SPDX-License-Identifier: Apache-2.0
"""Lines evaluated at a few columns at once, and rows of numbers multiplied.

The compiler does not turn these short loops into vector instructions by itself, so they are spelled
out in LLVM's language, which lowers them to what the machine has. Products and sums are rounded one
by one, as in the scalar code beside them.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types

from adaseg_fast.backends.numba.compile import spelled_out

LANES = 16

_INT32, _INT64 = ir.IntType(32), ir.IntType(64)


def _splat(builder: ir.IRBuilder, scalar: Any) -> Any:
    vector = ir.VectorType(scalar.type, LANES)
    nothing = ir.Constant(vector, ir.Undefined)
    first = builder.insert_element(nothing, scalar, _INT32(0))
    return builder.shuffle_vector(first, nothing, ir.VectorType(_INT32, LANES)([0] * LANES))


def _columns(builder: ir.IRBuilder, begin: Any) -> Any:
    ramp = ir.VectorType(begin.type, LANES)([float(lane) for lane in range(LANES)])
    return builder.fadd(_splat(builder, begin), ramp)


def _store(builder: ir.IRBuilder, vector: Any, data: Any) -> None:
    builder.store(vector, builder.bitcast(data, vector.type.as_pointer()), align=1)


def _load(builder: ir.IRBuilder, data: Any, at: Any, vector: ir.VectorType) -> Any:
    place = builder.bitcast(builder.gep(data, [at]), vector.as_pointer())
    return builder.load(place, align=1)


def _lanes_of(context: Any, array: Any) -> ir.VectorType:
    return ir.VectorType(context.get_value_type(array.dtype), LANES)


def _build_line(context: Any, builder: ir.IRBuilder, signature: Any, arguments: Any) -> Any:
    value, change, begin, out, at = arguments
    product = builder.fmul(_columns(builder, begin), _splat(builder, change))
    data = context.make_array(signature.args[3])(context, builder, out).data
    _store(builder, builder.fadd(_splat(builder, value), product), builder.gep(data, [at]))
    return context.get_dummy_value()


@spelled_out
def write_line(typing_context: Any, value: Any, change: Any, begin: Any, out: Any, at: Any) -> Any:
    """Write ``value + column * change`` for the columns begin ... begin + LANES - 1.

    They go to the elements from number ``at`` on of ``out``, which is contiguous and of the type of
    the three numbers.
    """
    return types.void(value, change, begin, out, types.int64), _build_line


def _build_winners(context: Any, builder: ir.IRBuilder, signature: Any, arguments: Any) -> Any:
    lines, numbers, winner = (
        context.make_array(signature.args[k])(context, builder, arguments[k]) for k in (0, 1, 4)
    )
    count, begin = arguments[2:4]
    columns = _columns(builder, begin)
    classes = builder.extract_value(lines.shape, 1)

    def item(array: Any, k: Any) -> Any:
        return _splat(builder, builder.load(builder.gep(array.data, [k])))

    def line(k: Any) -> Any:
        product = builder.fmul(columns, item(lines, builder.add(classes, k)))
        return builder.fadd(item(lines, k), product)

    first_line, first_number, before = line(_INT64(0)), item(numbers, _INT64(0)), builder.block
    head, body, done = (builder.append_basic_block(name) for name in ("head", "body", "done"))
    builder.branch(head)
    builder.position_at_end(head)
    k = builder.phi(_INT64)
    ahead, of_ahead = builder.phi(first_line.type), builder.phi(first_number.type)
    builder.cbranch(builder.icmp_signed("<", k, count), body, done)
    builder.position_at_end(body)
    other = line(k)
    better = builder.fcmp_ordered(">", other, ahead)
    loop = (
        (k, _INT64(1), builder.add(k, _INT64(1))),
        (ahead, first_line, builder.select(better, other, ahead)),
        (of_ahead, first_number, builder.select(better, item(numbers, k), of_ahead)),
    )
    builder.branch(head)
    for phi, at_first, later in loop:
        phi.add_incoming(at_first, before)
        phi.add_incoming(later, body)
    builder.position_at_end(done)
    label = context.get_value_type(signature.args[4].dtype)
    if label.width < 32:
        of_ahead = builder.trunc(of_ahead, ir.VectorType(label, LANES))
    _store(builder, of_ahead, winner.data)
    return context.get_dummy_value()


@spelled_out
def write_winners(
    typing_context: Any, lines: Any, numbers: Any, count: Any, begin: Any, winner: Any
) -> Any:
    """Write the number of the highest line at the columns begin ... begin + LANES - 1.

    Line k is ``lines[0, k] + column * lines[1, k]``, for k below ``count``, which is at least 1;
    the first of those that are level wins. ``lines`` is (2, C), and ``begin`` of its type,
    ``numbers`` (C,) int32, ``winner`` (LANES,) uint8 or int32; all are contiguous.
    """
    return types.void(lines, numbers, types.int64, begin, winner), _build_winners


def _build_unbeaten(context: Any, builder: ir.IRBuilder, signature: Any, arguments: Any) -> Any:
    values, leads = (
        context.make_array(signature.args[k])(context, builder, arguments[k]).data for k in (0, 4)
    )
    vector = _lanes_of(context, signature.args[0])
    corners = [_load(builder, values, at, vector) for at in arguments[1:4]]
    beaten = ir.VectorType(ir.IntType(1), LANES)([False] * LANES)
    for lead in range(4):
        below = ir.VectorType(ir.IntType(1), LANES)([True] * LANES)
        for k, scores in enumerate(corners):
            of_lead = builder.load(builder.gep(leads, [_INT64(3 * lead + k)]))
            below = builder.and_(below, builder.fcmp_ordered("<", scores, _splat(builder, of_lead)))
        beaten = builder.or_(beaten, below)
    bits = builder.bitcast(builder.not_(beaten), ir.IntType(LANES))
    return builder.zext(bits, _INT64)


@spelled_out
def find_unbeaten(
    typing_context: Any, values: Any, at_p: Any, at_q: Any, at_s: Any, leads: Any
) -> Any:
    """Bit k: no lead is above the scores ``values[at + k]`` at all of the three places, k < LANES.

    The four leads are ``leads[0:3]``, ``leads[3:6]`` and so on; arrays are flat and of one type.
    """
    places = types.int64
    return types.int64(values, places, places, places, leads), _build_unbeaten


def _build_product(context: Any, builder: ir.IRBuilder, signature: Any, arguments: Any) -> Any:
    numbers, matrix, out = (
        context.make_array(signature.args[k])(context, builder, arguments[k]).data
        for k in (0, 2, 5)
    )
    first, at, depth, to = (arguments[k] for k in (1, 3, 4, 6))
    vector = _lanes_of(context, signature.args[0])
    before = builder.block
    head, body, done = (builder.append_basic_block(name) for name in ("head", "body", "done"))
    builder.branch(head)
    builder.position_at_end(head)
    k, total = builder.phi(_INT64), builder.phi(vector)
    builder.cbranch(builder.icmp_signed("<", k, depth), body, done)
    builder.position_at_end(body)
    number = _splat(builder, builder.load(builder.gep(numbers, [builder.add(first, k)])))
    row = _load(builder, matrix, builder.add(at, builder.mul(k, _INT64(LANES))), vector)
    loop = (
        (k, _INT64(0), builder.add(k, _INT64(1))),
        (total, vector([0.0] * LANES), builder.fadd(total, builder.fmul(number, row))),
    )
    builder.branch(head)
    for phi, at_first, later in loop:
        phi.add_incoming(at_first, before)
        phi.add_incoming(later, body)
    builder.position_at_end(done)
    _store(builder, total, builder.gep(out, [to]))
    return context.get_dummy_value()


@spelled_out
def write_product(
    typing_context: Any,
    numbers: Any,
    first: Any,
    matrix: Any,
    at: Any,
    depth: Any,
    out: Any,
    to: Any,
) -> Any:
    """Write the sum of ``numbers[first + k] * matrix[at + k * LANES + lane]`` over k below depth.

    It goes to the elements from number ``to`` on of ``out``. All arrays are flat and of one type.
    """
    places = types.int64
    return types.void(numbers, places, matrix, places, places, out, places), _build_product


def _build_add(context: Any, builder: ir.IRBuilder, signature: Any, arguments: Any) -> Any:
    vector = _lanes_of(context, signature.args[0])
    values = []
    for k in (0, 2, 4):
        data = context.make_array(signature.args[k])(context, builder, arguments[k]).data
        values.append(_load(builder, data, arguments[k + 1], vector))
        if k == 0:
            out = builder.gep(data, [arguments[1]])
    _store(builder, builder.fadd(values[0], builder.fmul(values[1], values[2])), out)
    return context.get_dummy_value()


@spelled_out
def add_product(
    typing_context: Any, out: Any, to: Any, one: Any, at_one: Any, other: Any, at_other: Any
) -> Any:
    """``out[to + lane] += one[at_one + lane] * other[at_other + lane]``, flat and of one type."""
    places = types.int64
    return types.void(out, places, one, places, other, places), _build_add
