"""More broken formulas: those that turn entries of the ledger which no other mutant turns."""

from .mutant import Mutant

Z = "test_constraints.py::TestZeroLossManifold"
PYTORCHS_RUN = "test_train.py::test_appendix_d_run_is_that_of_pytorchs_optimiser"

MUTANTS = (
    Mutant(
        "toy",
        "return slow[..., None] * self.along",
        "return fast[..., None] * self.along",
        "Fig. 1: all of the weights decays at the fast rate",
        ("test_toy.py::test_the_linear_flow_is_the_integrated_flow",),
        ("fig-1-delay", "fig-1-order", "fig-1-memorises"),
    ),
    Mutant(
        "toy",
        "np.asarray(sample) + 2 * ridge * w",
        "np.asarray(sample) - 2 * ridge * w",
        "Figs 1 to 3: weight decay with the wrong sign",
        ("test_toy.py::test_fig_3_right_against_pytorch",),
        ("fig-1-order", "fig-1-closer", "fig-1-driven"),
    ),
    Mutant(
        "toy",
        "w[..., ::-1] + 2 * ridge * w",
        "w[..., ::-1]",
        "Fig. 3, left and centre: gradient without weight decay",
        ("test_toy.py::test_fig_3_left_against_autograd",),
        ("fig-3-singular",),
    ),
    Mutant(
        "activations",
        'Activation("relu", torch.relu,',
        'Activation("relu", lambda Z: Z,',
        "ReLU is the identity",
        ("test_activations.py::test_value_and_slope_are_sympys",),
        ("assumption-4.1", "section-6.3-fit", "section-6.3-width", "question-7-one-inverse"),
    ),
    Mutant(
        "activations",
        "functional.softplus(Z, beta, threshold=40)",
        "functional.softplus(Z, beta, threshold=0)",
        "softplus is linear above zero: it jumps there",
        ("test_activations.py::test_softplus_of_any_sharpness_has_its_slope_and_becomes_relu",),
        ("section-6.2-differentiable",),
    ),
    Mutant(
        "constraints",
        "[0] + 2 * ridge * theta",
        "[0] - 2 * ridge * theta",
        "eq. 3: weight decay with the wrong sign",
        (f"{Z}::test_gradient_is_autograds_and_its_tangent_part_is_only_weight_decay",),
        ("section-4.3-descent", "appendix-A-norm"),
    ),
    Mutant(
        "constraints",
        "self.residual(theta).square().sum() +",
        "self.F(theta).square().sum() +",
        "eq. 1: the squared outputs, not the squared errors",
        (f"{Z}::test_gradient_is_autograds_and_its_tangent_part_is_only_weight_decay",),
        ("lemma-C.1-null-space", "eq-26"),
    ),
    Mutant(
        "train",
        "scale * n / size * G1 + decay * W1",
        "scale * n / size * G1",
        "training without weight decay on the first layer",
        (PYTORCHS_RUN,),
        ("section-1-weight-decay", "training-loss-left"),
    ),
    Mutant(
        "train",
        "W1 - eta * v1, W2 - eta * v2",
        "W1 - eta * v1 - decay * W1, W2 - eta * v2 - decay * W2",
        "training: weight decay once more, without the learning rate",
        (PYTORCHS_RUN,),
        ("training-delay",),
    ),
)
