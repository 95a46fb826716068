"""Where kinds of models are registered, and asked for by a problem's name, file or data."""

from __future__ import annotations

from pathlib import Path

from grokflow.simulations.models.classes import ClassesModel
from grokflow.simulations.models.completion import CompletionModel
from grokflow.simulations.models.exact import ExactModel
from grokflow.simulations.models.nets import NetModel
from grokflow.simulations.models.protocol import Model
from grokflow.simulations.tables.formats import looks_like_file

# Asked in this order: any other data file is the last one's.
_MODELS: list[Model] = [NetModel(), CompletionModel(), ClassesModel()]


def register_model(model: Model) -> None:
    """Add a kind of model; it is asked before those that are there.

    Every process has a list of its own, so that worker processes must register the model too: scan
    in this process (``--jobs 1``, or no executor), or name the problem ``module:function`` and let
    that module register the model when it is imported. `tests/front_door/test_own_model.py` in the
    repository has a model in full.

    Parameters
    ----------
    model : Model
        The kind of model; an `ExactModel` where its flow is followed exactly.

    Examples
    --------
    >>> import grokflow as gf
    >>> class FadingModel(gf.ExactModel):
    ...     names = ("fading",)
    >>> model = FadingModel()
    >>> gf.register_model(model)
    >>> gf.unregister_model(model)
    """
    _MODELS.insert(0, model)


def unregister_model(model: Model) -> None:
    """Take a kind of model away, in this process.

    Parameters
    ----------
    model : Model
        What was given to `register_model`.

    Examples
    --------
    >>> import grokflow as gf
    >>> class FadingModel(gf.ExactModel):
    ...     names = ("fading",)
    >>> model = FadingModel()
    >>> gf.register_model(model)
    >>> gf.unregister_model(model)
    """
    _MODELS.remove(model)


def model_named(problem: str, *, trained: bool = True) -> Model | None:
    """Return the model of a preset or a data file, or None; nets count where `trained` is set."""
    path = Path(problem)
    for model in _MODELS:
        if model.trained and not trained:
            continue
        if problem in model.names or (looks_like_file(path) and model.reads(path)):
            return model
    return None


def exact_model_named(problem: str) -> ExactModel | None:
    """Return the exact model of a preset or a data file, or None."""
    found = model_named(problem, trained=False)
    return found if isinstance(found, ExactModel) else None


def exact_model_of(problem: object) -> ExactModel:
    """Return the exact model that learns these data."""
    for model in _MODELS:
        if isinstance(model, ExactModel) and model.holds(problem):
            return model
    raise ValueError(
        f"problem is a {type(problem).__name__}, expected data that a registered model holds: "
        "register its model with gf.register_model"
    )


def names(*, trained: bool) -> tuple[str, ...]:
    """Return the names of the problems of nets that are trained, or of all others."""
    ordered = reversed(_MODELS)
    return tuple(name for model in ordered if model.trained == trained for name in model.names)
