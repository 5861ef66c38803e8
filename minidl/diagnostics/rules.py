"""What is wrong with this network, in words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..gradcheck.check import refuse_no_model
from . import data_rules, layer_rules, objective_rules, trial_rules
from .findings import Diagnosis, Rule, found_by
from .signals import collect

if TYPE_CHECKING:
    from ..model import Model

ROWS = 300

LEARNS_BADLY = ("learning-rate", "by-heart", "plateau")
LOUD = ("dead-units", "large-weights", "signal-through-depth", "saturated-units", "first-loss", *LEARNS_BADLY)

# Causes stand before what they cause. To add a rule, write a function of the Signals and give it a line.

# What holds of a network and its data at any time.
STANDING = (
    Rule("constant-targets", "Japkowicz & Stephen 2002", data_rules.constant_targets),
    Rule(
        "output-and-loss",
        "Bishop 2006, 4.3; Goodfellow et al. 2016, 6.2.2",
        objective_rules.output_and_loss,
        explains=LOUD,
    ),
    Rule("rows-mix", "Ioffe & Szegedy 2015, 3.1", trial_rules.rows_that_mix),
    Rule("symmetric-units", "Goodfellow et al. 2016, 8.4", layer_rules.symmetric_units, explains=LOUD),
    Rule("constant-input", "Kuhn & Johnson 2013, 3.5", data_rules.constant_inputs, explains=LOUD),
    Rule("input-scale", "LeCun et al. 1998, 4.3", data_rules.scale_of_inputs, explains=LOUD),
    Rule("repeated-columns", "Kuhn & Johnson 2013, 3.5", data_rules.repeated_columns),
    Rule("dropout", "Srivastava et al. 2014, 7.3", objective_rules.dropout, explains=LEARNS_BADLY),
    Rule(
        "missing-activation", "Goodfellow et al. 2016, 6.1", objective_rules.missing_activation, explains=LEARNS_BADLY
    ),
    Rule("large-penalty", "Goodfellow et al. 2016, 7.1", objective_rules.too_much_penalty, explains=LEARNS_BADLY),
    Rule("wrong-gradient", "Squire & Trapp 1998", trial_rules.wrong_gradient),
    Rule("exclusive-classes", "Bishop 2006, 4.3.4", objective_rules.exclusive_classes),
)

# What holds of all rows, and of the weights that a training begins with.
START = (
    Rule(
        "repeated-rows", "Elangovan et al. 2021", data_rules.repeated_rows, explains=("unrelated-targets", "by-heart")
    ),
    Rule("unbalanced-classes", "Japkowicz & Stephen 2002", data_rules.unbalanced_classes),
    Rule("unrelated-targets", "Henze 1988; Zhang et al. 2017", data_rules.unrelated_targets),
    Rule("large-weights", "Glorot & Bengio 2010; He et al. 2015", layer_rules.large_weights, explains=LOUD),
    Rule("small-weights", "Glorot & Bengio 2010; He et al. 2015", layer_rules.small_weights, explains=LOUD),
    Rule("signal-through-depth", "Glorot & Bengio 2010, 4.2", layer_rules.signal_through_depth, explains=LEARNS_BADLY),
    Rule("first-loss", "Karpathy, CS231n, sanity checks", objective_rules.first_loss, explains=LEARNS_BADLY),
    Rule("sorted-classes", "Bottou 2012, 4.1", data_rules.sorted_classes),
)

# What becomes of units.
ALIVE = (
    Rule("dead-units", "Lu et al. 2020", layer_rules.dead_units, explains=LEARNS_BADLY),
    Rule("saturated-units", "Glorot & Bengio 2010, 3", layer_rules.saturated_units, explains=LEARNS_BADLY),
)

# What short trainings show.
TRIALS = (
    Rule(
        "learning-rate",
        "Smith 2017, 3.3; Bengio 2012, 3.1.1",
        trial_rules.learning_rate,
        explains=("by-heart",),
        costly=True,
    ),
    Rule("by-heart", "Karpathy, CS231n, sanity checks", trial_rules.learning_by_heart, costly=True),
    Rule("learns-noise", "Zhang et al. 2017; Prechelt 1998", trial_rules.learning_the_noise, costly=True),
)


def diagnose(model: Model, x: Any, y: Any) -> Diagnosis:
    """What may keep the model from learning y from x, most severe first, each with its figures and a remedy.

    x (m, features ...), y (m, outputs) or (m,), as for fit. The model, built or not, compiled or not, trained or not,
    stays bit for bit what it was, and the same call says the same. One pass of a few hundred rows through a copy, a
    check of its gradient, and a few short trainings of copies: a second or two. Print it, or look at `.findings`.
    """
    refuse_no_model("diagnose", model)
    signals = collect(model, x, y, ROWS)
    findings = found_by((rule, signals) for rule in (*STANDING, *START, *ALIVE, *TRIALS))
    seen = f"{len(signals.rows)} row{'s' * (len(signals.rows) != 1)}"
    return Diagnosis(signals.model.name, seen, findings, signals.sizes)
