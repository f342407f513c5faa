"""Everything runs on the device of its inputs: on every device that this machine has, with the CPU's results."""

import pytest
import torch

from grokutil.constraints import ZeroLossManifold
from grokutil.data import modular_addition
from grokutil.flow import StableStep, integrate
from grokutil.gradient_flow import fall, slow_flow, training_flow
from grokutil.isolated import FirstLayerDynamics
from grokutil.model import default_weights, gaussian_embedding
from grokutil.train import gradient_descent
from grokutil.walks import projected_flow, retract

DEVICES = ["cpu", *(["cuda"] if torch.cuda.is_available() else [])]
TASK = modular_addition(4, train_size=7, seed=0)


def circle(device):
    """The unit circle in the plane as constraint, and a point of it."""
    point = torch.tensor([0.6, 0.8], dtype=torch.float64, device=device)
    radius = torch.ones(1, dtype=torch.float64, device=device)
    return ZeroLossManifold(lambda w: w.square().sum(0, keepdim=True), radius), point


def isolated(device, **how):
    dynamics = FirstLayerDynamics(TASK.X_train.to(device), TASK.Y_train.to(device), "tanh")
    how = {"step": StableStep(dynamics)} | how
    return integrate(dynamics, gaussian_embedding(4, 12, seed=0).to(device), [0, 0.01, 0.05], progress=False, **how)


def trained(device):
    return gradient_descent((TASK.X_train.to(device), TASK.Y_train.to(device)), width=8, steps=5, progress=False)


def walked(device):
    X, Y = TASK.X_train.to(device), TASK.Y_train.to(device)
    start = retract(*(W.to(device) for W in default_weights(4, 12, 4, seed=1)), X, Y, "tanh")
    return projected_flow(start, X, Y, [0, 0.02], activation="tanh", progress=False)


RUNS = {
    "Euler": isolated,
    "rkc": lambda device: isolated(device, method="rkc"),
    "rk45": lambda device: isolated(device, method="rk45"),
    "training": trained,
    "projected flow": walked,
    "slow flow": lambda device: slow_flow(*circle(device), [0, 0.1]),
    "training flow": lambda device: training_flow(*circle(device), 0.01, [0, 0.1]),
    "fall": lambda device: fall(*circle(device), [0, 0.1]),
}


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("name", RUNS)
def test_a_run_stays_on_the_device_of_its_inputs(name, device):
    run, reference = RUNS[name](device), RUNS[name]("cpu")
    for state, other in zip(run.states, reference.states, strict=True):
        parts, others = (x if isinstance(x, tuple) else (x,) for x in (state, other))
        for part, right in zip(parts, others, strict=True):
            assert part.device.type == device and part.dtype == torch.float64
            torch.testing.assert_close(part.cpu(), right, rtol=1e-6, atol=1e-9)
