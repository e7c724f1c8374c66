"""The rival in jax: the cell's equations in a jitted `lax.scan`, the input's product before it."""

import os
from collections.abc import Sequence
from functools import cache
from importlib.util import find_spec
from typing import Any

import torch

from elman.bench.workload import Run, Work
from elman.compiler import Equations, equations
from elman.compiler.expression import order, read


def lack() -> str | None:
    """What this machine lacks for it, None if nothing."""
    return None if find_spec("jax") else "jax is not installed: pip install jax"


def start(job: Work) -> Run:
    """Its run for a layer's work, compiled."""
    jax = _jax(torch.get_num_threads())
    step = equations(job.layer.cell)
    place = jax.devices("cpu")[0]

    def put(tensor: Any) -> Any:
        return jax.device_put(tensor.detach().numpy(), place)

    names = [name for name, _ in job.layer.named_parameters()]
    weights = [put(value) for value in job.layer.parameters()]
    x, states = put(job.x), tuple(put(state[0]) for state in job.states)

    def forward(x: Any, states: Any, *weights: Any) -> Any:
        given = {n.removesuffix("_l0"): w for n, w in zip(names, weights, strict=True)}
        params = [given[name] for name in job.layer.cell.params]
        return _scan(step, x, states, given, params)

    if job.upstream is None:
        infer = jax.jit(forward)
        return lambda: [jax.block_until_ready(infer(x, states, *weights))]

    def gradients(x: Any, upstream: Any, states: Any, *weights: Any) -> Any:
        output, back = jax.vjp(lambda x, *weights: forward(x, states, *weights), x, *weights)
        return [output, *back(upstream)]

    train, upstream = jax.jit(gradients), put(job.upstream)
    return lambda: jax.block_until_ready(train(x, upstream, states, *weights))


@cache
def _jax(threads: int) -> Any:
    """The library, its pool as large as torch's: it reads that number when it starts."""
    import jax

    before = os.environ.get("NPROC")
    os.environ["NPROC"] = str(threads)
    try:
        jax.devices("cpu")
    finally:
        if before is None:
            del os.environ["NPROC"]
        else:
            os.environ["NPROC"] = before
    return jax


def _scan(
    step: Equations, x: Any, states: Any, weights: dict[str, Any], params: Sequence[Any]
) -> Any:
    """The output, (T, B, H), of `x` (T, B, I) and states (B, H) each."""
    import jax.numpy as jnp
    from jax import lax

    gates = x @ weights["weight_ih"].T + weights["bias_ih"]

    def one(states: Any, gates: Any) -> Any:
        inputs = {read("x", g): v for g, v in enumerate(jnp.split(gates, step.gates, -1))}
        inputs |= {read("s", i): v for i, v in enumerate(states)}
        inputs |= {read("p", i): v for i, v in enumerate(params)}
        if step.recurrent:
            products = states[0] @ weights["weight_hh"].T + weights["bias_hh"]
            parts = jnp.split(products, len(step.recurrent), -1)
            inputs |= {read("r", q): v for q, v in enumerate(parts)}
        new = tuple(_evaluate(step, inputs))
        return new, new[0]

    return lax.scan(one, states, gates)[1]


def _evaluate(step: Equations, inputs: dict[Any, Any]) -> list[Any]:
    """The new states."""
    import jax
    import jax.numpy as jnp

    functions: dict[str, Any] = {
        "add": jnp.add,
        "sub": jnp.subtract,
        "mul": jnp.multiply,
        "div": jnp.divide,
        "neg": jnp.negative,
        "lt": jnp.less,
        "le": jnp.less_equal,
        "gt": jnp.greater,
        "ge": jnp.greater_equal,
        "eq": jnp.equal,
        "ne": jnp.not_equal,
        "and": jnp.logical_and,
        "or": jnp.logical_or,
        "not": jnp.logical_not,
        "sigmoid": jax.nn.sigmoid,
        "relu": jax.nn.relu,
        "softplus": jax.nn.softplus,
    }
    values = dict(inputs)
    for node in order(step.new, inputs):
        if node in values:
            continue
        if node.op == "const":
            values[node] = node.leaf
        else:
            function = functions.get(node.op) or getattr(jnp, node.op)
            values[node] = function(*(values[arg] for arg in node.args))
    return [values[each] for each in step.new]
