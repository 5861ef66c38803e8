"""The table of rules, the run of the rules, and the diagnosis of a model before it trains."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from enum import Enum, auto
from typing import Any

from ..errors import SettingError
from ..model import Model
from . import _data_rules as data
from . import _image_rules as images
from . import _model_rules as network
from . import _sequence_rules as sequences
from . import _training_rules as training
from . import _trial_rules as trials
from ._evidence import collect_signals
from ._findings import Diagnosis, Finding, Observation

SEVERITIES = ("error", "warning", "note")

# names of rules whose findings are effects
POOR_TRAINING = ("learning-rate", "by-heart", "plateau")
WRONG_SIZES = ("dead-units", "large-weights", "signal-through-depth", "saturated-units", "first-loss", *POOR_TRAINING)
WRONG_ORDER = ("kernel-beyond-image", *POOR_TRAINING)
POOR_VALIDATION = ("unrelated-targets", "overfitting")
UNCLEAR_TARGETS = ("unrelated-targets", "by-heart")
LONG_STEPS = ("dead-units", "saturated-units", "plateau", "overfitting")


class Evidence(Enum):
    """The evidence that a rule reads: Signals of the network and its data, or the Record of a training."""

    ANY_TIME = auto()  # Signals, before or after training
    BEFORE = auto()  # Signals before training
    AFTER = auto()  # Signals after training
    COURSE = auto()  # Record


@dataclass(frozen=True)
class Rule:
    """A function that yields observations, and its metadata. Two rules may share a name.

    source    the publication that describes the problem
    reads     the evidence that the function takes
    explains  the rules whose findings become notes once this rule has found an error or a warning
    costly    True if the rule is skipped once an error has been found
    """

    observe: Callable[[Any], Iterable[Observation]]
    name: str
    source: str
    reads: Evidence = Evidence.ANY_TIME
    explains: tuple[str, ...] = ()
    costly: bool = False


# Causes stand before their effects. To add a rule, write a function that yields observations and insert it here.
RULES = (
    Rule(data.constant_targets, "constant-targets", "Japkowicz & Stephen 2002"),
    Rule(
        network.output_and_loss,
        "output-and-loss",
        "Bishop 2006, 4.3; Goodfellow et al. 2016, 6.2.2",
        explains=WRONG_SIZES,
    ),
    Rule(trials.rows_that_mix, "rows-mix", "Ioffe & Szegedy 2015, 3.1"),
    Rule(network.symmetric_units, "symmetric-units", "Goodfellow et al. 2016, 8.4", explains=WRONG_SIZES),
    Rule(images.channels_first, "channels-first", "LeCun et al. 1989", explains=WRONG_ORDER),
    Rule(data.constant_inputs, "constant-input", "Kuhn & Johnson 2013, 3.5", explains=WRONG_SIZES),
    Rule(images.blank_images, "constant-input", "Kuhn & Johnson 2013, 3.5", explains=(*WRONG_SIZES, "repeated-rows")),
    Rule(data.scale_of_inputs, "input-scale", "LeCun et al. 1998, 4.3", explains=WRONG_SIZES),
    Rule(data.repeated_columns, "repeated-columns", "Kuhn & Johnson 2013, 3.5"),
    Rule(network.dropout, "dropout", "Srivastava et al. 2014, 7.3", explains=POOR_TRAINING),
    Rule(network.dropout_before_normalization, "dropout", "Li et al. 2019"),
    Rule(
        images.kernel_beyond_image,
        "kernel-beyond-image",
        "Dumoulin & Visin 2016",
        explains=("dead-units", *POOR_TRAINING),
    ),
    Rule(images.large_flatten, "large-flatten", "Lin et al. 2014, 3.2"),
    Rule(sequences.unmasked_padding, "unmasked-padding", "Dwarampudi & Reddy 2019", Evidence.BEFORE),
    Rule(
        sequences.exploding_steps,
        "gradient-through-time",
        "Bengio et al. 1994; Pascanu et al. 2013",
        explains=("signal-through-depth", *POOR_TRAINING),
    ),
    Rule(
        sequences.short_memory,
        "gradient-through-time",
        "Hochreiter 1991; Bengio et al. 1994",
        Evidence.BEFORE,
        ("closed-forget-gates", *POOR_TRAINING),
    ),
    Rule(
        sequences.short_memory_after_training,
        "gradient-through-time",
        "Hochreiter 1991; Bengio et al. 1994",
        Evidence.AFTER,
        ("plateau",),
    ),
    Rule(
        sequences.closed_forget_gates,
        "closed-forget-gates",
        "Gers et al. 2000; Jozefowicz et al. 2015",
        Evidence.BEFORE,
    ),
    Rule(network.missing_activation, "missing-activation", "Goodfellow et al. 2016, 6.1", explains=POOR_TRAINING),
    Rule(network.large_penalty, "large-penalty", "Goodfellow et al. 2016, 7.1", explains=POOR_TRAINING),
    Rule(network.small_penalty, "small-penalty", "Krogh & Hertz 1992"),
    Rule(trials.wrong_gradient, "wrong-gradient", "Squire & Trapp 1998"),
    Rule(network.exclusive_classes, "exclusive-classes", "Bishop 2006, 4.3.4"),
    Rule(data.repeated_rows, "repeated-rows", "Elangovan et al. 2021", Evidence.BEFORE, UNCLEAR_TARGETS),
    Rule(data.unbalanced_classes, "unbalanced-classes", "Japkowicz & Stephen 2002", Evidence.BEFORE),
    Rule(data.unrelated_targets, "unrelated-targets", "Henze 1988; Zhang et al. 2017", Evidence.BEFORE),
    Rule(network.large_weights, "large-weights", "Glorot & Bengio 2010; He et al. 2015", Evidence.BEFORE, WRONG_SIZES),
    Rule(network.small_weights, "small-weights", "Glorot & Bengio 2010; He et al. 2015", Evidence.BEFORE, WRONG_SIZES),
    Rule(
        network.signal_through_depth,
        "signal-through-depth",
        "Glorot & Bengio 2010, 4.2",
        Evidence.BEFORE,
        POOR_TRAINING,
    ),
    Rule(network.first_loss, "first-loss", "Karpathy, CS231n, sanity checks", Evidence.BEFORE, POOR_TRAINING),
    Rule(data.sorted_classes, "sorted-classes", "Bottou 2012, 4.1", Evidence.BEFORE),
    Rule(
        network.lagging_statistics, "lagging-statistics", "Ioffe & Szegedy 2015, 3.1", Evidence.AFTER, POOR_VALIDATION
    ),
    Rule(training.one_class_batches, "one-class-batches", "Bottou 2012, 4.1", Evidence.COURSE, POOR_TRAINING),
    Rule(training.one_row_batches, "one-row-batches", "Wu & He 2018", Evidence.COURSE, ("plateau", *POOR_VALIDATION)),
    Rule(training.rate_too_high, "learning-rate", "Karpathy, CS231n, babysitting", Evidence.COURSE, LONG_STEPS),
    Rule(training.rate_too_low, "learning-rate", "Karpathy, CS231n, babysitting", Evidence.COURSE, ("plateau",)),
    Rule(training.one_class_validation, "one-class-validation", "Kohavi 1995", Evidence.COURSE, POOR_VALIDATION),
    Rule(training.no_generalization, "unrelated-targets", "Zhang et al. 2017", Evidence.COURSE, ("overfitting",)),
    Rule(training.overfitting, "overfitting", "Prechelt 1998; Goodfellow et al. 2016, 7.8", Evidence.COURSE),
    Rule(training.gradients_through_depth, "signal-through-depth", "Hochreiter 1991", Evidence.COURSE, ("plateau",)),
    Rule(training.gradient_spikes, "gradient-spikes", "Pascanu et al. 2013", Evidence.COURSE),
    Rule(training.plateau, "plateau", "Goodfellow et al. 2016, 8.2", Evidence.COURSE),
    Rule(network.dead_units, "dead-units", "Lu et al. 2020", explains=POOR_TRAINING),
    Rule(network.saturated_units, "saturated-units", "Glorot & Bengio 2010, 3", explains=POOR_TRAINING),
    Rule(
        trials.learning_rate,
        "learning-rate",
        "Smith 2017, 3.3; Bengio 2012, 3.1.1",
        Evidence.BEFORE,
        ("by-heart",),
        costly=True,
    ),
    Rule(trials.memorizing, "by-heart", "Karpathy, CS231n, sanity checks", Evidence.BEFORE, costly=True),
    Rule(trials.learning_the_noise, "learns-noise", "Zhang et al. 2017; Prechelt 1998", Evidence.BEFORE, costly=True),
)


def run_rules(rules: Iterable[Rule], evidence: Mapping[Evidence, Any]) -> list[Finding]:
    """Run the rules that read this evidence. Findings are sorted by severity, then by the order of the rules."""
    findings, explained = list[Finding](), set[str]()
    for rule in rules:
        if rule.reads not in evidence or (rule.costly and any(found.severity == "error" for found in findings)):
            continue
        found = [Finding(o.severity, rule.name, *o[1:], rule.source) for o in rule.observe(evidence[rule.reads])]
        if rule.name in explained:
            found = [replace(finding, severity="note") for finding in found]
        if any(finding.severity != "note" for finding in found):
            explained.update(rule.explains)
        findings += found
    return sorted(findings, key=lambda finding: SEVERITIES.index(finding.severity))


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
    findings = run_rules(RULES, {Evidence.ANY_TIME: signals, Evidence.BEFORE: signals})
    seen = f"{len(signals.rows)} row{'s' * (len(signals.rows) != 1)}"
    return Diagnosis(signals.model.name, seen, findings, signals.sizes)
