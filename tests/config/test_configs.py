"""Every option and experiment in the tree composes, for every command that it is meant for."""

import re
import subprocess
import sys

import pytest
from hydra import compose as hydra_compose
from hydra import initialize_config_dir
from omegaconf import OmegaConf

from churnlab.cli.registry import COMMANDS
from churnlab.config import configs_folder, explain, recorded, to_settings
from churnlab.config.compose import compose
from churnlab.config.overrides import _GROUPS
from churnlab.config.register import COMMAND_SETTINGS, register, settings_class
from churnlab.errors import UsageError
from churnlab.models import MODELS
from churnlab.rules import RULES

NEEDS = {
    "report": ["run=x"],
    "board": ["run=x"],
    "verify": ["bundle=x"],
    "score": ["bundle=x"],
    "monitor": ["bundle=x"],
    "explain": ["customer=x"],
}
COSTS = ["rule.contact_cost=1", "rule.save_probability=.05", "rule.value_per_customer=40"]
EXPERIMENTS = sorted(p.stem for p in (configs_folder() / "experiment").glob("*.yaml"))


def options(group):
    return sorted(p.stem for p in (configs_folder() / group).glob("*.yaml"))


def test_commands_configurations_and_schemas_are_the_same_set():
    roots = {p.stem for p in configs_folder().glob("*.yaml")}
    assert roots == set(COMMANDS) == set(COMMAND_SETTINGS)


def test_a_fit_imports_no_other_commands_code():
    """Half of a warm fit was imports of what other commands need."""
    code = (
        "import sys; from churnlab.config import compose, to_settings\n"
        "import churnlab.cli.run, churnlab.workflows.fit\n"
        "to_settings(compose('fit'))\n"
        "heavy = {'churnlab.segments', 'churnlab.export', 'churnlab.nday',\n"
        "         'scipy.stats', 'matplotlib', 'sklearn', 'pymc', 'nutpie', 'arviz'}\n"
        "assert not heavy & set(sys.modules), heavy & set(sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_composes_into_its_settings(command):
    settings = to_settings(compose(command, NEEDS.get(command, [])))
    assert type(settings) is settings_class(command)


@pytest.mark.parametrize("experiment", EXPERIMENTS)
def test_every_experiment_opens_with_its_question_and_composes(experiment):
    text = (configs_folder() / "experiment" / f"{experiment}.yaml").read_text()
    first, second = text.splitlines()[:2]
    assert first == "# @package _global_"
    assert second.startswith("# Question: ")
    command = "nday" if experiment.startswith("nday") else "backtest"
    to_settings(compose(command, [f"experiment={experiment}"]))


@pytest.mark.parametrize("experiment", [e for e in EXPERIMENTS if not e.startswith("nday")])
def test_smoke_makes_an_experiment_small(experiment):
    config = compose("backtest", [f"experiment={experiment}", "debug=smoke"])
    assert config.inference.draws == 200


@pytest.mark.parametrize("launcher", ["joblib", "submitit_local", "submitit_slurm", "ray"])
def test_a_sweep_composes_for_every_launcher(launcher):
    if launcher.startswith("submitit"):
        pytest.importorskip("hydra_plugins.hydra_submitit_launcher")
    register("backtest")
    with initialize_config_dir(str(configs_folder()), version_base="1.3"):
        config = hydra_compose("backtest", [f"hydra/launcher={launcher}"], return_hydra_config=True)
    package, _, name = config.hydra.launcher._target_.rpartition(".")
    assert package.startswith(f"hydra_plugins.hydra_{launcher.partition('_')[0]}_launcher")
    assert name.endswith("Launcher")


def test_every_model_and_every_rule_has_its_option():
    assert options("model") == sorted(MODELS)
    assert options("rule") == sorted(RULES)
    for name in RULES:
        costs = COSTS if name == "cost_ratio" else []
        assert type(to_settings(compose("fit", [f"rule={name}", *costs])).rule) is RULES[name]


def test_costs_have_no_default():
    with pytest.raises(UsageError, match=r"rule\.contact_cost, rule\.save_probability"):
        to_settings(compose("fit", ["rule=cost_ratio"]))


def test_a_missing_mandatory_value_says_what_to_give():
    with pytest.raises(UsageError, match="bundle must be given"):
        to_settings(compose("verify"))


def test_a_rules_field_can_be_set_and_is_checked():
    assert to_settings(compose("fit", ["rule=fixed", "rule.value=.3"])).rule.value == 0.3
    with pytest.raises(UsageError, match="value"):
        to_settings(compose("fit", ["rule=fixed", "rule.value=3"]))


def test_priors_are_text_as_typed():
    typed = "model.priors.rate_shape=Gamma(alpha=2, beta=1)"
    assert to_settings(compose("fit", [typed])).model.priors == {
        "rate_shape": "Gamma(alpha=2, beta=1)"
    }


@pytest.mark.parametrize(
    "typed", ["data.members.attributes={channel: col}", "data.members.attributes.channel=col"]
)
def test_attributes_are_mapped_whole_or_one_by_one(typed):
    settings = to_settings(compose("fit", ["data=files", typed]))
    assert settings.data.members.attributes == {"channel": "col"}


@pytest.mark.parametrize(
    "typed", ["model.events={sale: [12-01, 12-05]}", "model.events.sale=[12-01, 12-05]"]
)
def test_events_are_named_whole_or_one_by_one(typed):
    model = to_settings(compose("fit", ["model.calendar=month", typed])).model
    assert model.events == {"sale": ["12-01", "12-05"]}
    assert model.candidate == "mbg_nbd@month"


def test_unknown_keys_and_options_name_the_nearest():
    with pytest.raises(Exception) as caught:
        compose("fit", ["inference.drws=100"])
    assert "Did you mean 'inference.draws'" in str(explain(caught.value, "fit"))
    with pytest.raises(Exception) as caught:
        compose("fit", ["model=mbgnbd"])
    assert "Did you mean 'mbg_nbd'" in str(explain(caught.value, "fit"))


@pytest.mark.parametrize(
    ("command", "typed", "said"),
    [
        ("fit", "risk.horizon_days=null", "risk.horizon_days needs a value; got null. Leave it"),
        ("fit", "seed=null", "seed needs a value; got null"),
        ("fit", "model.covariates=gender", r"must be a list; got gender. Write model.covariates="),
        ("backtest", "split.horizon_days=90", r"Write split.horizon_days=\[90\]"),
        ("fit", "++model.priors=3", r"model.priors must give values by name; got 3"),
        ("fit", "risk=5", "risk is no value but holds keys; got 5. Set risk.basis, risk.horizon"),
        ("fit", "rule=null", "rule is chosen by name; got null. Leave it out"),
        ("segment", "visits=[1,2]", r"visits is chosen by name; got \[1,2\]."),
        ("fit", "model={a:1}", "model is chosen by name; got {a:1}."),
    ],
)
def test_values_of_the_wrong_shape_are_said_in_the_users_words(command, typed, said):
    with pytest.raises(Exception) as caught:
        compose(command, [typed])
    error = explain(caught.value, command)
    assert isinstance(error, UsageError)
    with pytest.raises(UsageError, match=said):
        raise error
    assert not re.search("full_key|ListConfig|DictConfig|Error merging|Optional", str(error))


def test_every_folder_of_choices_is_chosen_by_name():
    folders = {p.name for p in configs_folder().iterdir() if p.is_dir()}
    assert set(_GROUPS) == folders - {"hydra"}  # Hydra's own are Hydra's


@pytest.mark.parametrize("typed", ["model.group=3", "model.group=[age,3]"])
def test_a_group_is_a_column_or_a_list_of_them(typed):
    with pytest.raises(UsageError, match="a column of the customers or a list of them; got"):
        to_settings(compose("fit", [typed]))


def test_the_plain_configuration_resolves():
    content = recorded(compose("fit"))
    assert content["model"]["name"] == "mbg_nbd"
    assert OmegaConf.create(content)


@pytest.mark.parametrize("command", ["backtest", "pipeline"])
def test_an_experiment_s_candidates_replace_the_command_s_own(command):
    found = compose(command, ["experiment=visits_lead"]).candidates
    assert found[:3] == ["mbg_nbd", "mbg_nbd_visits", "visits_thinned"]
    assert compose(command, ["experiment=visits_lead", "candidates=[hiatus]"]).candidates == [
        "hiatus"
    ]
