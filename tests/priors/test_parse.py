import pytest

from churnlab.errors import UsageError
from churnlab.models import get
from churnlab.priors import parse


@pytest.mark.parametrize(
    ("text", "family", "arguments"),
    [
        ("Gamma(alpha=2, beta=1)", "Gamma", {"alpha": 2, "beta": 1}),
        (" Gamma( 2,1 ) ", "Gamma", {"alpha": 2, "beta": 1}),
        ("pm.Gamma(alpha=2, beta=.5)", "Gamma", {"alpha": 2, "beta": 0.5}),
        ("Gamma(mu=3, sigma=1.5)", "Gamma", {"alpha": 4, "beta": 4 / 3}),
        ("Beta(mu=.25, nu=4)", "Beta", {"alpha": 1, "beta": 3}),
        ("Beta(mu=.5, sigma=.25)", "Beta", {"alpha": 1.5, "beta": 1.5}),
        ("Exponential(scale=4)", "Exponential", {"lam": 0.25}),
        ("LogNormal(mu=-1e0, sigma=+2)", "LogNormal", {"mu": -1, "sigma": 2}),
        ("Uniform(0, 1)", "Uniform", {"lower": 0, "upper": 1}),
    ],
)
def test_reads_pymc_notation(text: str, family: str, arguments: dict[str, float]) -> None:
    prior = parse(text)
    assert prior.family == family
    assert prior.distribution.arguments() == pytest.approx(arguments)


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("Gama(alpha=2, beta=1)", "Did you mean 'Gamma'"),
        ("Gamma(alpha=2, bta=1)", "Did you mean 'beta'"),
        ("Gamma(alpha=2)", "alpha, beta"),
        ("Gamma(2, 1, 3)", "too many"),
        ("Gamma(2, alpha=2)", "twice"),
        ("Gamma(alpha=-2, beta=1)", "must be positive; got -2"),
        ("Gamma(alpha=2, beta=1e999)", "finite"),
        ("Gamma(alpha='2', beta=1)", "plain finite numbers"),
        ("Gamma(alpha=__import__('os').getpid(), beta=1)", "plain finite numbers"),
        ("Gamma(**{'alpha': 2})", "\\*\\*"),
        ("3", "is not a distribution"),
        ("Gamma(alpha=2", "cannot be read"),
        ("Uniform(2, 1)", "lower < upper"),
        ("TruncatedNormal(mu=0, sigma=1, lower=-1)", "lower=0"),
    ],
)
def test_refuses_with_what_to_do(text: str, part: str) -> None:
    with pytest.raises(UsageError, match=part):
        parse(text)


def test_names_of_a_model_are_checked() -> None:
    with pytest.raises(UsageError, match=r"rate_mean.*Did you mean 'rate_shape'"):
        get("bg_nbd").priors({"rate_shap": "Gamma(1, 1)"})
    with pytest.raises(UsageError, match="dropout_mean must live between 0 and 1"):
        get("bg_nbd").priors({"dropout_mean": "Gamma(1, 1)"})
    with pytest.raises(UsageError, match="has no prior 'dropout_mean'"):
        get("pareto_nbd").priors({"dropout_mean": "Beta(1, 1)"})
    replaced = get("bg_nbd").priors({"rate_shape": "Gamma(2, 1)"})
    assert [p.family for p in replaced] == ["LogNormal", "Gamma", "Beta", "LogNormal"]


def test_uniform_fits_a_probability_only_inside_it() -> None:
    get("bg_nbd").priors({"dropout_mean": "Uniform(0, 1)", "rate_shape": "Uniform(0, 5)"})
    with pytest.raises(UsageError, match="between 0 and 1"):
        get("bg_nbd").priors({"dropout_mean": "Uniform(0, 5)"})
