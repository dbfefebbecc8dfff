"""Priors as text in PyMC's notation, parsed without evaluating anything.

``Gamma(alpha=2, beta=1)`` is read with `ast`; only a call of a known family with numbers is
accepted. Mean-and-spread forms that PyMC knows (``Gamma(mu=, sigma=)``, ``Beta(mu=, nu=)``,
``Beta(mu=, sigma=)``, ``Exponential(scale=)``) are turned into the standard parameters.
"""

import ast
from dataclasses import dataclass, fields

import numpy as np

from churnlab.errors import UsageError, nearest
from churnlab.priors.distributions import FAMILIES, Distribution
from churnlab.types import Array

_EXAMPLE = "write it as in PyMC, for example Gamma(alpha=2, beta=1)"


@dataclass(frozen=True)
class Prior:
    """A prior read from text."""

    text: str
    distribution: Distribution

    @property
    def family(self) -> str:
        """Name of the distribution, as in PyMC."""
        return type(self.distribution).__name__

    @property
    def support(self) -> str:
        """Where the density lives: "positive", "unit" or "real"."""
        return self.distribution.support

    def fits(self, support: str) -> bool:
        """Whether the density lives inside `support`."""
        if self.family == "Uniform":
            return support == "positive" or (support == "unit" and self.distribution.upper <= 1)  # type: ignore[attr-defined]
        return self.support == support

    def logpdf(self, x: Array) -> Array:
        """Log density."""
        return self.distribution.logpdf(x)

    def dlogpdf(self, x: Array) -> Array:
        """Derivative of the log density."""
        return self.distribution.dlogpdf(x)

    def sample(self, n: int, rng: np.random.Generator) -> Array:
        """Return `n` draws."""
        return self.distribution.sample(n, rng)


def parse(text: str) -> Prior:
    """Read one prior.

    text: A distribution in PyMC's notation, e.g. ``LogNormal(mu=0, sigma=1)``.
    Raises UsageError: Text that is not such a call; an unknown distribution or parameter; a
        parameter that is missing, repeated, not a number or out of range.
    """
    name, positional, named = _read_call(str(text))
    family = FAMILIES.get(name)
    if family is None:
        known = ", ".join(FAMILIES)
        raise UsageError(
            f"Unknown prior distribution {name!r} in {text!r}; known: {known}."
            + nearest(name, FAMILIES)
        )
    arguments = _standard(name, _bind(text, family, positional, named))
    _check_values(text, family, arguments)
    return Prior(str(text), family(**arguments))


def _read_call(text: str) -> tuple[str, list[float], dict[str, float]]:
    try:
        node = ast.parse(text.strip(), mode="eval").body
    except SyntaxError as error:
        raise UsageError(f"The prior {text!r} cannot be read; {_EXAMPLE}.") from error
    if not isinstance(node, ast.Call):
        raise UsageError(f"The prior {text!r} is not a distribution; {_EXAMPLE}.")
    function = node.func
    name = function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")
    if any(keyword.arg is None for keyword in node.keywords):
        raise UsageError(f"The prior {text!r} uses **; {_EXAMPLE}.")
    positional = [_number(text, argument) for argument in node.args]
    named = {str(keyword.arg): _number(text, keyword.value) for keyword in node.keywords}
    return name, positional, named


def _number(text: str, node: ast.expr) -> float:
    sign = 1.0
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub | ast.UAdd):
        sign = -1.0 if isinstance(node.op, ast.USub) else 1.0
        node = node.operand
    good = isinstance(node, ast.Constant) and type(node.value) in (int, float)
    if not good or not np.isfinite(node.value):  # type: ignore[attr-defined]
        raise UsageError(f"The prior {text!r} needs plain finite numbers; {_EXAMPLE}.")
    return sign * float(node.value)  # type: ignore[attr-defined]


def _bind(
    text: str, family: type[Distribution], positional: list[float], named: dict[str, float]
) -> dict[str, float]:
    order = [f.name for f in fields(family)]  # type: ignore[arg-type]
    if len(positional) > len(order):
        raise UsageError(f"{text!r} has too many numbers; {family.__name__} takes {order}.")
    bound = dict(zip(order, positional, strict=False))
    for key, value in named.items():
        if key in bound:
            raise UsageError(f"{text!r} gives {key!r} twice.")
        known = {*order, *_ALTERNATIVES.get(family.__name__, ())}
        if key not in known:
            raise UsageError(
                f"{family.__name__} has no parameter {key!r} (in {text!r}); it takes "
                f"{', '.join(sorted(known))}." + nearest(key, known)
            )
        bound[key] = value
    return bound


_ALTERNATIVES: dict[str, tuple[str, ...]] = {
    "Gamma": ("mu", "sigma"),
    "Beta": ("mu", "sigma", "nu"),
    "Exponential": ("scale",),
}


def _standard(name: str, given: dict[str, float]) -> dict[str, float]:
    """Turn a mean-and-spread form into the standard parameters; others pass."""
    keys = set(given)
    if keys & {"sigma", "nu", "scale"} and any(v <= 0 for v in given.values()):
        return given  # refused below, with the text
    if name == "Gamma" and keys == {"mu", "sigma"}:
        variance = given["sigma"] ** 2
        return {"alpha": given["mu"] ** 2 / variance, "beta": given["mu"] / variance}
    if name == "Beta" and keys in ({"mu", "nu"}, {"mu", "sigma"}):
        mu = given["mu"]
        nu = given["nu"] if "nu" in given else mu * (1 - mu) / given["sigma"] ** 2 - 1
        return {"alpha": mu * nu, "beta": (1 - mu) * nu}
    if name == "Exponential" and keys == {"scale"}:
        return {"lam": 1 / given["scale"]}
    return given


def _check_values(text: str, family: type[Distribution], given: dict[str, float]) -> None:
    needed = [
        f.name
        for f in fields(family)  # type: ignore[arg-type]
        if not isinstance(f.default, float | int)
    ]
    missing = [name for name in needed if name not in given]
    extra = [name for name in given if name not in {f.name for f in fields(family)}]  # type: ignore[arg-type]
    if missing or extra:
        raise UsageError(
            f"{text!r} does not give {family.__name__} its parameters ({', '.join(needed)}); "
            f"{_EXAMPLE}."
        )
    for name, value in given.items():
        if name not in family.free and value <= 0:
            raise UsageError(f"{name} of {text!r} must be positive; got {value:g}.")
    if family.__name__ == "Uniform" and not 0 <= given["lower"] < given["upper"]:
        raise UsageError(f"{text!r} needs 0 <= lower < upper.")
    if family.__name__ == "TruncatedNormal" and given.get("lower", 0.0) != 0.0:
        raise UsageError(f"{text!r}: only lower=0 is supported; got {given['lower']:g}.")
