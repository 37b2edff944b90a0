"""The weights that a run left behind: the best, those of every kept epoch, and the last ones."""

import json

from fusion_core.architectures import FusionModel, build, to_dict
from fusion_core.checkpoint import fingerprint
from pipelines.methods import Method, choose_device
from trainer.run_folder import RunError, RunFolder


def kept_epochs(run: RunFolder) -> list[int]:
    """Epochs whose weights lie in a run's folder, in order."""
    found = []
    for path in (run.path / "weights").glob("epoch_*.safetensors"):
        number = path.stem.removeprefix("epoch_")
        if number.isdigit():
            found.append(int(number))
    return sorted(found)


def last_method(run: RunFolder) -> tuple[Method, int]:
    """What fuses with the weights of a run's last state, and the epochs that they have seen.

    Raises:
        RunError: the run has no state yet, or a damaged one.
    """
    state = run.load_state()
    if state is None:
        raise RunError(f"The run {run.name} has no state yet; let it finish an epoch.")
    try:
        model = _model(run, state["engine"])
        epoch = int(state["progress"]["epoch"])
    except (KeyError, TypeError, RuntimeError) as error:
        raise RunError(f"The last state of the run {run.name} is damaged.") from error
    settings = json.dumps(to_dict(model.config), sort_keys=True)
    sha256, device = fingerprint(settings, model.state_dict()), choose_device("auto")
    name = f"{run.name}-last"
    method = Method(
        name, name, "checkpoint", sha256, model.config, {}, device, model.to(device).eval()
    )
    return method, epoch


def _model(run: RunFolder, engine: dict[str, object]) -> FusionModel:
    """The model as it would be validated: with the running average where there is one."""
    model = build(run.config().model)
    weights, average = engine["model"], engine["average"]
    if not isinstance(weights, dict) or not isinstance(average, list):
        raise TypeError("weights and their average are a mapping and a list")
    names = [name for name, p in model.named_parameters() if p.requires_grad]
    if average:
        weights = weights | dict(zip(names, average, strict=True))
    model.load_state_dict(weights, strict=True)
    return model
