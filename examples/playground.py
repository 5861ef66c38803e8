# /// script
# [tool.marimo.display]
# theme = "system"
# ///
"""The playground: when you move a slider, the whole training runs again.

python -m pip install -e '.[playground]' && marimo run examples/playground.py

experiment.py contains the training, this file the page. Controls define two settings, A and B. A separate thread
trains, plots and diagnoses them; the cells that show its results run again when it has new ones.
"""

import marimo  # needs: python -m pip install -e '.[playground]'

__generated_with = "0.25.2"
app = marimo.App(width="full", app_title="minidl playground", css_file="playground.css")

with app.setup:
    import base64
    import io
    import threading
    import time
    from collections.abc import Callable
    from dataclasses import dataclass, fields, replace
    from html import escape

    import marimo as mo
    from experiment import (
        PER_LAYER,
        SHARED,
        VALUES,
        Result,
        Setting,
        address,
        code,
        from_address,
        network,
        train,
        written,
    )
    from matplotlib.figure import Figure

    from minidl import check_model, diagnose
    from minidl.callbacks import Callback, Monitor
    from minidl.plots import cost_curves, decision_boundary, signal

    SCENES = {
        "zeros": "initializer=zeros&learning_rate=0.01&epochs=15000",
        "random * 10": "initializer=random&scale=10.0&learning_rate=0.01&epochs=15000",
        "He": "learning_rate=0.01&epochs=15000",
        "overfitting, without and with L2 and dropout": "data=moons&noise=0.3&points=100&units=50,20,0,0&optimizer=Adam"
        "&learning_rate=0.01&compare=True&b.l2=0.7&b.dropout=0.2,0.2,0.0,0.0",
    }

    FIGURES = {
        "cost": "loss",
        "of which data": "data_loss",
        "of which penalty": "penalty",
        "train accuracy": "accuracy",
        "test cost": "val_loss",
        "test accuracy": "val_accuracy",
    }
    SETTINGS = [part.name for part in fields(Setting)]
    OWN = [name for name in SETTINGS if name not in SHARED]


@app.cell(hide_code=True)
def _():
    _links = ", ".join(f'<a href="?{escape(_address)}">{_name}</a>' for _name, _address in SCENES.items())
    mo.Html(f"""<h1>minidl playground</h1>
    <p>Move a slider, and the whole training runs again. Scenes of the notebook: {_links}.</p>""")
    return


@app.function
def picture(draw, words):
    """Return what draw(ax) draws as an image for the page, with the words as its alternative text."""
    figure = Figure(figsize=(4.2, 3.2), facecolor="none", layout="constrained")
    draw(figure.add_subplot(facecolor="none"))
    file = io.BytesIO()
    figure.savefig(file, dpi=120)
    image = base64.b64encode(file.getvalue()).decode()
    return f'<img alt="{escape(words)}" src="data:image/png;base64,{image}">'


@app.function
def boundary_picture(result):
    """Plot the decision boundary, with training points in colour and test points in black."""
    x, y, x_test, y_test = result.data

    def draw(ax):
        decision_boundary(result.model, x, y, ax=ax)
        ax.autoscale(False)  # distant test points do not change the limits
        for label, marker in ((0, "o"), (1, "s")):
            ax.scatter(*x_test[y_test == label].T, marker=marker, s=9, c="black", linewidths=0)

    caption = "<p>in colour: points to learn from, black: points to test on</p>"
    return picture(draw, f"Decision boundary on {result.setting.data}") + caption


@app.function
def cost_picture(result):
    """Plot the costs by epoch: on training data, on test data, and the penalty separately."""
    part = "data_loss" if "penalty" in result.history else "loss"
    lines = {"train": part, "test": f"val_{part}", "penalty": "penalty"}
    curves = {label: result.history[name] for label, name in lines.items() if name in result.history}

    def draw(ax):
        cost_curves(curves, ax=ax).set(ylabel="cost")
        highest, lowest = (pick(map(pick, curves.values())) for pick in (max, min))
        if 0 < 30 * lowest < highest:
            ax.set_yscale("log")

    return picture(draw, f"Cost by epoch: {', '.join(curves)}") if curves else ""


@app.function
def signal_picture(diagnosis):
    """Plot the size of the signal and of the gradient by layer, before training."""
    return picture(lambda ax: signal(diagnosis, ax=ax).set_title(""), "Size of signal and gradient by layer")


@app.function
def result_words(result):
    """Describe the result of the training in a sentence."""
    if result.trouble:
        return f'<p class="trouble">The training failed; these pictures are older. {escape(result.trouble)}</p>'
    stopped = "Stopped after " if result.epochs < result.setting.epochs else ""
    figures = f"train {result.last('accuracy'):.1%}, test {result.last('val_accuracy'):.1%} right"
    ended = f"{stopped}{result.epochs:,} epochs in {result.seconds:.2f} s"
    return f"<p>{ended}. Cost {result.last('loss'):.4f}; {figures}.</p>"


@app.function
def findings(title, found):
    """List the findings, most severe first, under a title."""
    items = "".join(
        f"<li><b>{finding.severity}</b> {escape(finding.path)}: {escape(finding.words)} {escape(finding.advice)}</li>"
        for finding in found
    )
    return f"<h3>{title}</h3>" + (f"<ul>{items}</ul>" if items else "<p>Nothing wrong found.</p>")


@app.class_definition
@dataclass(frozen=True)
class Shown:
    """All that the page shows for a setting: the result of its training, pictures, and findings.

    pictures   of this result; if the training failed, of the previous one
    seen       findings during training
    verdict    findings before training; they take longer, so those of the previous setting stay until they are ready
    """

    result: Result
    pictures: str
    seen: str
    verdict: str
    diagnosed: bool = False


@app.class_definition
@dataclass(eq=False)
class Watch(Callback):
    """Report the progress of a training, and end it on request.

    tell   called with a message four times a second
    ended  called after every epoch; returns True to end the training
    """

    side: str
    tell: Callable
    ended: Callable

    def on_train_begin(self, logs=None):
        self.told = time.monotonic()

    def on_epoch_end(self, epoch, logs=None):
        if self.ended():
            self.model.stop_training = True
        if time.monotonic() - self.told > 0.25:
            self.told = time.monotonic()
            self.tell(f"{self.side}: epoch {epoch + 1:,} of {self.params['epochs']:,}, cost {logs['loss']:.4f}")


@app.function
def comparison(shown):
    """Return a table of the settings that differ and of the results, with the cost to the last digit."""
    results = [found.result for found in shown.values()]
    texts = {name: [written(getattr(result.setting, name)) for result in results] for name in SETTINGS}
    rows = {name.replace("_", " "): cells for name, cells in texts.items() if len(set(cells)) > 1}
    for label, name in FIGURES.items():
        if any(name in result.history for result in results):
            rows[label] = ["-" if result.last(name) is None else repr(result.last(name)) for result in results]
    lines = [["", *shown], *([label, *cells] for label, cells in rows.items())]
    cells = ["".join(f"<td>{escape(cell)}</td>" for cell in line) for line in lines]
    return f"<table>{''.join(f'<tr>{line}</tr>' for line in cells)}</table>"


@app.function
def side(name, its_controls, shown):
    """Return the column of one setting: result, controls, pictures, findings."""
    found = shown.get(name)
    result = result_words(found.result) if found else ""
    rest = f'{found.pictures}<div class="seen">{found.seen}</div>{found.verdict}' if found else ""
    state = "" if found and found.diagnosed else "waiting"
    return f"""<section class="side {state}" aria-label="setting {name}"><div class="name"><h2>{name}</h2>{result}</div>
        <div class="own">{its_controls}</div>{rest}</section>"""


@app.function
def code_section(side, result):
    """Return Python code that repeats this training, up to the epoch where it was stopped."""
    text = code(result.setting if result.trouble else replace(result.setting, epochs=result.epochs))
    block = mo.md(f"```python\n{text}\n```").text  # inserted as HTML, because Markdown text would lose its line breaks
    return f'<section class="code" aria-label="code of {side}"><h2>{side} in Python</h2>{block}</section>'


@app.function
def drawn(result, found, before):
    """Return the result with its pictures, or, if the training failed, with the previous pictures."""
    seen = findings("While it trained", found)
    verdict = before.verdict if before else ""
    if before and result.trouble:
        return Shown(result, before.pictures, seen, verdict)
    boundary, cost = boundary_picture(result), cost_picture(result)
    return Shown(result, f'<div class="boundary">{boundary}</div><div class="cost">{cost}</div>', seen, verdict)


@app.function
def diagnosed(shown):
    """Add the diagnosis of the network before training on this data."""
    diagnosis = diagnose(network(shown.result.setting), *shown.result.data[:2])
    words = findings("Before it trained", diagnosis.findings)
    verdict = f'<div class="signal">{signal_picture(diagnosis)}</div><div class="words">{words}</div>'
    return replace(shown, verdict=verdict, diagnosed=True)


@app.function
def work(settings, shown, show, tell, stopped, superseded):
    """Train the settings that changed, show all results together, then diagnose them.

    settings    {side: setting}
    shown       {side: Shown}, updated here
    superseded  returns True once a newer change has made this work useless
    """

    def ended():
        return stopped.is_set() or superseded()

    for side in [side for side in shown if side not in settings]:
        del shown[side]
    for side, setting in settings.items():
        before = shown.get(side)
        if before is None or before.result.setting != setting:
            monitor = Monitor()
            result = train(setting, [Watch(side, tell, ended), monitor])
            after = drawn(result, monitor.findings, before)
            if superseded():
                return
            shown[side] = after
    show(dict(shown))
    for side in [side for side in shown if not shown[side].diagnosed]:
        tell(f"{side}: diagnosing")
        after = diagnosed(shown[side])
        if superseded():
            return
        shown[side] = after
        show(dict(shown))
    tell("")


@app.function
def control(name, value, label):
    """Return the control for one value of a setting."""
    if isinstance(value, bool):
        return mo.ui.checkbox(value, label=label)
    if isinstance(value, str):
        return mo.ui.dropdown(VALUES[name], value=value, label=label, allow_select_none=False, full_width=True)
    return mo.ui.slider(steps=VALUES[name], value=value, label=label, show_value=True, full_width=True)


@app.function
def controls(names, setting):
    """Return the controls for these names as one element."""
    elements = {
        f"{name}_{i}": control(name, getattr(setting, name)[i], f"{name} {i + 1}")
        for i in range(4)
        for name in PER_LAYER
        if name in names
    }
    for name in (name for name in names if name not in PER_LAYER):
        elements[name] = control(name, getattr(setting, name), name.replace("_", " "))
    html = "".join(f'<div class="control">{{{name}}}</div>' for name in elements)
    return mo.Html(f'<div class="controls">{html}</div>').batch(**elements)


@app.function
def chosen(values):
    """Convert the values of the controls to arguments of Setting."""
    whole = {name: value for name, value in values.items() if name in VALUES}
    return whole | {name: tuple(values[f"{name}_{i}"] for i in range(4)) for name in PER_LAYER if f"{name}_0" in values}


@app.cell
def _():
    given = dict(mo.query_params().to_dict())
    first_a, refused_a = from_address(given, Setting())
    first_b, refused_b = from_address(given, first_a, "b.")
    refused = refused_a + refused_b
    start_b, set_start_b = mo.state(first_b)
    shown, show = mo.state({})
    told, tell = mo.state("")
    stopped = threading.Event()
    kept = {}
    return first_a, given, kept, refused, set_start_b, show, shown, start_b, stopped, tell, told


@app.cell
def _(first_a, given):
    data_controls = controls(SHARED, first_a)
    controls_a = controls(OWN, first_a)
    compare = mo.ui.switch(given.get("compare") == "True", label="compare with B")
    return compare, controls_a, data_controls


@app.cell
def _(start_b):
    controls_b = controls(OWN, start_b())
    return (controls_b,)


@app.cell
def _(compare, controls_a, controls_b, data_controls):
    shared = chosen(data_controls.value)
    setting_a = Setting(**shared, **chosen(controls_a.value))
    setting_b = Setting(**shared, **chosen(controls_b.value))
    settings = {"A": setting_a, "B": setting_b} if compare.value else {"A": setting_a}
    return setting_a, setting_b, settings


@app.cell
def _(compare, setting_a, setting_b):
    parameters = mo.query_params()
    wanted = address(setting_a, Setting())
    if compare.value:
        wanted |= {"compare": "True"} | address(setting_b, setting_a, "b.")
    for _name, _text in wanted.items():
        if parameters.get(_name) != _text:
            parameters.set(_name, _text)
    for _name in {"compare", *SETTINGS, *(f"b.{name}" for name in SETTINGS)} - set(wanted):
        if _name in parameters:
            parameters.remove(_name)
    return


@app.cell
def _(kept, settings, show, stopped, tell):
    stopped.clear()
    thread = mo.Thread(
        target=lambda: work(settings, kept, show, tell, stopped, lambda: mo.current_thread().should_exit)
    )
    thread.start()
    return


@app.cell
def _(stopped):
    stop = mo.ui.button(label="Stop", on_click=lambda _: stopped.set())
    check = mo.ui.run_button(label="Check the gradients")
    return check, stop


@app.cell
def _(set_start_b, setting_a):
    copy = mo.ui.button(label="B = A", on_click=lambda _: set_start_b(setting_a))
    return (copy,)


@app.cell
def _(compare, copy, data_controls, refused, stop, told):
    mo.Html(f"""
    <div class="shared">{data_controls}<div>{compare}{copy if compare.value else ""}</div></div>
    <div class="status">{stop}<span role="status">{escape(told() or "ready")}</span></div>
    {"".join(f"<p class='trouble'>{escape(_sentence)}</p>" for _sentence in refused)}
    """)
    return


@app.cell
def _(compare, controls_a, controls_b, shown):
    _sides = {"A": controls_a, "B": controls_b} if compare.value else {"A": controls_a}
    mo.Html(f'<div class="sides">{"".join(side(*_item, shown()) for _item in _sides.items())}</div>')
    return


@app.cell
def _(check):
    mo.Html(f"<h2>Are the gradients right?</h2>{check}")
    return


@app.cell
def _(check, kept, settings):
    mo.stop(not check.value)
    reports = {
        _side: check_model(_shown.result.model, *_shown.result.data[:2], raise_on_failure=False)
        for _side, _shown in kept.items()
        if _shown.result.setting == settings.get(_side)
    }
    mo.Html("".join(f'<div class="report">{_side} {_report._repr_html_()}</div>' for _side, _report in reports.items()))
    return


@app.cell
def _(shown):
    codes = "".join(code_section(_side, _shown.result) for _side, _shown in shown().items())
    mo.Html(f"""<h2>Compared</h2><div class="report">{comparison(shown())}</div><div class="sides">{codes}</div>""")
    return


if __name__ == "__main__":
    app.run()
