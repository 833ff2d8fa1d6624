# SPDX-License-Identifier: Apache-2.0
"""Lines evaluated at a few columns at once.

The compiler does not turn these short loops into vector instructions by itself, so they are spelled
out in LLVM's language, which lowers them to what the machine has. Products and sums are rounded one
by one, as in the scalar code beside them.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types

from adaseg_fast.backends._numba_compile import spelled_out

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
