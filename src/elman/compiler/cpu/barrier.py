"""Where threads that share a group wait for each other."""

from typing import Any

from elman.compiler.cpu.emit import I32, I64, VOID, Code


def meet(code: Code, step: Any) -> None:
    """Wait until all threads of a group have done so many steps."""
    b, parts = code.b, code["parts"]
    blocks = [code.function.append_basic_block(n) for n in ("meet", "wait", "again", "met")]
    meet, wait, again, met = blocks
    b.cbranch(code.less(1, parts), meet, met)
    b.position_at_end(meet)
    count = code.entry.alloca(I64)
    b.store(code.whole(0), count)
    b.atomic_rmw("add", code["Barrier"], code.whole(1), "acq_rel")
    goal = code.mul(step, parts)
    b.branch(wait)
    b.position_at_end(wait)
    b.cbranch(code.less(b.load_atomic(code["Barrier"], "acquire", 8, typ=I64), goal), again, met)
    b.position_at_end(again)
    if code.shape.x86:
        b.call(code.external("llvm.x86.sse2.pause", VOID, []), [])
    if code.shape.posix:  # somebody else may need this core for the other thread to come along
        spins = code.add(b.load(count, typ=I64), 1)
        b.store(spins, count)
        polite = code.function.append_basic_block("polite")
        b.cbranch(code.less(spins, 2000), wait, polite)
        b.position_at_end(polite)
        b.call(code.external("sched_yield", I32, []), [])
    b.branch(wait)
    b.position_at_end(met)
