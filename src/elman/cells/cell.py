"""What a cell is: names for its gates, states and parameters, and one step of equations."""

import keyword
from collections.abc import Iterable, Mapping
from typing import Any, ClassVar

from elman.errors import SettingTypeError

Range = tuple[float, float]
_TAKEN = ("weight_", "bias_", "norm_", "initial_")  # how a layer's own parameters begin


class Cell:
    """Base of every cell; a subclass states its names and writes `step`.

    **Class attributes:**

    - `gates`: names of the gates, in the order in which their weights are stacked.
    - `recurrent`: the gates that have a recurrent product `r.<gate>`; all of them by default,
      `()` for a cell without a recurrent matrix.
    - `state`: names of the states; the first is the output and the one that the recurrent
      matrix multiplies.
    - `params`: parameters a hidden unit has for itself (peepholes, time constants): each name
      with the range that it is drawn from at the start, `{"u": (-1.0, 1.0)}`. When there are
      any, `step` takes them as a fourth argument `p`.
    - `forget`: the gate that keeps the state when it is open, if there is one; the layer's
      `forget_bias` acts on it.

    **`step(self, x, r, s)` or `step(self, x, r, s, p)`:** `x.i` is gate `i`'s share of
    `W x_t + b_ih`, `r.i` of `R h_{t-1} + b_hh`, `s.h` the previous state, `p.u` a parameter of
    shape (hidden,). All is elementwise over (batch, hidden). Returns a dict with the new value
    of every state. Write it with operators and the functions of `elman.math`.

    ```python
    class LeakyIntegrator(elman.Cell):
        gates = ("h",)
        params = {"a": (0.1, 0.9)}

        def step(self, x, r, s, p):
            return {"h": (1 - p.a) * s.h + p.a * tanh(x.h + r.h)}

    layer = elman.layer(LeakyIntegrator, input_size=8, hidden_size=32)
    ```
    """

    gates: ClassVar[tuple[str, ...]] = ()
    recurrent: ClassVar[tuple[str, ...]] = ()
    state: ClassVar[tuple[str, ...]] = ("h",)
    params: ClassVar[Mapping[str, Range]] = {}
    forget: ClassVar[str | None] = None

    def __init_subclass__(cls, **kwargs: Any) -> None:
        """Check the names once, when the class is made."""
        super().__init_subclass__(**kwargs)
        if "gates" in cls.__dict__ and "recurrent" not in cls.__dict__:
            cls.recurrent = cls.gates
        for kind in ("gates", "recurrent", "state", "params"):
            names = getattr(cls, kind)
            if isinstance(names, str):
                raise SettingTypeError(
                    f'{cls.__name__}.{kind} is the text "{names}"; write a tuple of names'
                )
            if not all(isinstance(n, str) and _is_name(n) for n in names):
                raise SettingTypeError(
                    f"{cls.__name__}.{kind} must hold Python names, got {tuple(names)}"
                )
            if len(set(names)) != len(names):
                raise SettingTypeError(
                    f"{cls.__name__}.{kind} names something twice: {tuple(names)}"
                )
        if not isinstance(cls.params, Mapping) or not all(map(_is_range, cls.params.values())):
            raise SettingTypeError(
                f'{cls.__name__}.params must map names to ranges, such as {{"u": (-1.0, 1.0)}}'
            )
        if taken := [name for name in cls.params if name.startswith(_TAKEN)]:
            raise SettingTypeError(
                f"{cls.__name__}.params has {taken[0]}, which looks like a layer's own parameter;"
                f" begin with none of {', '.join(_TAKEN)}"
            )
        if not cls.gates or not cls.state:
            raise SettingTypeError(f"{cls.__name__} needs at least one gate and one state")
        if not set(cls.recurrent) <= set(cls.gates):
            raise SettingTypeError(
                f"{cls.__name__}.recurrent names a gate that gates does not have"
            )
        if cls.forget is not None and cls.forget not in cls.gates:
            raise SettingTypeError(
                f'{cls.__name__}.forget is "{cls.forget}", which is not one of its gates'
            )

    def step(self, *args: Any, **kwargs: Any) -> dict[str, Any]:
        """One time step of the equations: `step(x, r, s)` or `step(x, r, s, p)`; see the class."""
        raise NotImplementedError(f"{type(self).__name__} has no step")

    def advance(self, x: Any, r: Any, s: Any, p: Any) -> tuple[Any, ...]:
        """Run `step` on tuples of values, in the order of the names; checks what it returns."""
        arguments = [Named(self.gates, x), Named(self.recurrent, r), Named(self.state, s)]
        if self.params:
            arguments.append(Named(self.params, p))
        new = self.step(*arguments)
        if not isinstance(new, dict) or set(new) != set(self.state):
            got = tuple(new) if isinstance(new, dict) else type(new).__name__
            raise SettingTypeError(
                f"{type(self).__name__}.step must return a dict of {self.state}, got {got}"
            )
        return tuple(new[name] for name in self.state)


class Named:
    """Values by their names; a class that torch.compile can follow, as SimpleNamespace is not."""

    def __init__(self, names: Iterable[str], values: Iterable[Any]) -> None:
        for name, value in zip(names, values, strict=True):
            setattr(self, name, value)


def _is_name(text: str) -> bool:
    return text.isidentifier() and not keyword.iskeyword(text)


def _is_range(value: Any) -> bool:
    return (
        isinstance(value, tuple | list)
        and len(value) == 2
        and all(isinstance(v, int | float) for v in value)
        and value[0] <= value[1]
    )
