"""The ordered list of rules, and the diagnosis of a model before it trains."""

from __future__ import annotations

from typing import Any

from ..errors import SettingError
from ..model import Model
from . import _data_rules, _layer_rules, _objective_rules, _training_rules, _trial_rules
from ._findings import Diagnosis
from ._rule import Evidence, Rule, run_rules
from ._signals import collect_signals


def ordered_rules() -> tuple[Rule, ...]:
    """All rules. Causes stand before their effects. To add a rule, write a function with @rule and insert it here."""
    return (
        _data_rules.constant_targets,
        _objective_rules.output_and_loss,
        _trial_rules.rows_that_mix,
        _layer_rules.symmetric_units,
        _data_rules.constant_inputs,
        _data_rules.scale_of_inputs,
        _data_rules.repeated_columns,
        _objective_rules.dropout,
        _objective_rules.missing_activation,
        _objective_rules.large_penalty,
        _trial_rules.wrong_gradient,
        _objective_rules.exclusive_classes,
        _data_rules.repeated_rows,
        _data_rules.unbalanced_classes,
        _data_rules.unrelated_targets,
        _layer_rules.large_weights,
        _layer_rules.small_weights,
        _layer_rules.signal_through_depth,
        _objective_rules.first_loss,
        _data_rules.sorted_classes,
        _objective_rules.lagging_statistics,
        _training_rules.one_class_batches,
        _training_rules.rate_too_high,
        _training_rules.rate_too_low,
        _training_rules.one_class_validation,
        _training_rules.no_generalization,
        _training_rules.overfitting,
        _training_rules.gradients_through_depth,
        _training_rules.gradient_spikes,
        _training_rules.plateau,
        _layer_rules.dead_units,
        _layer_rules.saturated_units,
        _trial_rules.learning_rate,
        _trial_rules.memorizing,
        _trial_rules.learning_the_noise,
    )


def diagnose(model: Model, x: Any, y: Any) -> Diagnosis:
    """Find what may keep the model from learning y from x. The most severe findings come first.

    x (m, features ...), y (m, outputs) or (m,), as for fit. The model, built or not, compiled or not, trained or not,
    stays bit for bit as it is, and the same call finds the same. It takes one pass of a few hundred rows through a
    copy, a check of the gradient, and a few short trainings of copies: a second or two. Print the result, or read its
    `findings`.
    """
    if not isinstance(model, Model):
        got = f"the class {model.__name__}" if isinstance(model, type) else type(model).__name__
        raise SettingError(f"diagnose: model must be a Model, got {got}; call diagnose(model, x, y)")
    signals = collect_signals(model, x, y)
    findings = run_rules(ordered_rules(), {Evidence.ANY_TIME: signals, Evidence.BEFORE: signals})
    seen = f"{len(signals.rows)} row{'s' * (len(signals.rows) != 1)}"
    return Diagnosis(signals.model.name, seen, findings, signals.sizes)
