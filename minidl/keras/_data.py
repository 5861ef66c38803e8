"""Arguments and results of `fit`, `evaluate` and `predict`, between Keras's forms and those of the core."""

from __future__ import annotations

from typing import Any

import numpy as np

# of the core's History: Keras counts the penalties in the loss alone
OWN_FIGURES = ("data_loss", "penalty")


# ---- to the core


def inputs(model: Any, x: Any) -> Any:
    """Return x without the list or dict around a single input. One number per row becomes one column."""
    x = model.by_input(x) if isinstance(x, dict) else x
    if len(model.inputs) > 1:
        return x
    if isinstance(x, dict) and set(x) == set(model.input_names):
        return in_columns(x[model.input_names[0]])
    single = isinstance(x, list | tuple) and len(x) == 1 and np.ndim(x[0]) == len(model.inputs[0].shape)
    return in_columns(x[0] if single else x)


def in_columns(x: Any) -> Any:
    """Return an array of one number per row as one column, as Keras does."""
    return np.asarray(x)[:, None] if len(getattr(x, "shape", ())) == 1 else x


def targets(model: Any, y: Any) -> Any:
    """Return y without the list or dict around the targets of a single output.

    A list may leave out the outputs without a loss, as in Keras.
    """
    if len(model.outputs) > 1:
        trained = model.trained_outputs
        left_out = isinstance(y, list | tuple) and len(y) == len(trained) < len(model.outputs)
        return dict(zip(trained, y, strict=True)) if left_out else y
    if isinstance(y, dict) and set(y) == set(model.output_names):
        return y[model.output_names[0]]
    single = isinstance(y, list | tuple) and len(y) == 1 and np.ndim(y[0]) > 0
    return y[0] if single else y


def are_flat(model: Any, y: Any) -> bool:
    """Return True unless all targets have as many axes as their outputs. Those of batches (None) count as (m, ...)."""
    ranks: dict[Any, int] = {
        name: len(output.shape) for name, output in zip(model.output_names, model.outputs, strict=True)
    }
    several = y if isinstance(y, dict) else dict(enumerate(y)) if isinstance(y, list | tuple) else {}
    if not any(hasattr(part, "shape") for part in several.values()):
        several = {0: y}
    ranks |= dict(enumerate(ranks.values()))
    return any(np.ndim(part) < ranks.get(name, 2) for name, part in several.items())


def validation(model: Any, given: Any) -> Any:
    """Return validation_data of arrays as the core takes it; anything else as it is."""
    if not (isinstance(given, tuple | list) and len(given) in (2, 3)):
        return given
    return (inputs(model, given[0]), targets(model, given[1]), *given[2:])


# ---- from the core


def outputs(model: Any, given: Any) -> Any:
    """Return the core's outputs in the form in which the model was given its own: one, a list or a dict."""
    if len(model.outputs) == 1:
        return {model.output_names[0]: given} if model.has_named_outputs else given
    named = given if isinstance(given, dict) else dict(zip(model.output_names, given, strict=True))
    return named if model.has_named_outputs else [named[name] for name in model.output_names]


def figures(model: Any, found: dict[str, Any], return_dict: bool) -> Any:
    """Return figures as Keras does: a dict by name, [loss, metric, ...], or the loss alone."""
    if return_dict:
        return {name: found[name] for name in sorted(found) if not name.endswith(OWN_FIGURES)}
    values = [found[name] for name in model.metrics_names]
    return values if len(values) > 1 else values[0]


def names_of_figures(measured: list[str], outputs: list[str]) -> list[str]:
    """Return the names in Keras's order: losses in that of the outputs, then metrics, those of several outputs sorted.

    Keras takes the outputs in the order of the losses if both are dicts.
    """
    losses = [name for name in ("loss", *(f"{output}_loss" for output in outputs)) if name in measured]
    others = [name for name in measured if name not in losses]
    return losses + (sorted(others) if len(outputs) > 1 else others)


def in_order(history: dict[str, Any], measured: list[str]) -> dict[str, Any]:
    """Return the figures in Keras's order: by name, those that begin after the first epoch after the others."""
    own = [name for name in history if name in measured or name.removeprefix("val_") in measured]
    own.sort(key=lambda name: (len(history[name]) < len(history["loss"]), name))
    others = [name for name in history if name not in own and not name.endswith(OWN_FIGURES)]
    return {name: history[name] for name in (*own, *others)}
