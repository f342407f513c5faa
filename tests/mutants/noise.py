"""Mutants of optimisers, label noise and the edge of stability."""

from .mutant import Mutant

PYTORCHS = "test_optimisers.py::test_steps_are_those_of_pytorchs_optimiser"
FIRST_STEP = "test_optimisers.py::test_the_first_step_of_adam_has_the_length_of_the_learning_rate_in_every_entry"
TRAINED = "test_noise.py::test_training_with_noise_follows_the_flow_of_the_potential"
ENDS_THERE = "test_destinations.py::test_training_ends_there"

MUTANTS = (
    Mutant(
        "optimisers",
        "b2 * v + (1 - b2) * gradient * gradient",
        "b2 * v + (1 - b2) * gradient.abs()",
        "Adam's second moment: the mean size of the gradient, not of its square",
        (PYTORCHS, FIRST_STEP),
    ),
    Mutant(
        "optimisers",
        "kept = 1 - eta * decay if self.decoupled else 1.0",
        "kept = 1.0",
        "AdamW without weight decay",
        (PYTORCHS, "test_optimisers.py::test_without_a_gradient_decoupled_decay_is_a_power"),
        ("noise-adamw",),
    ),
    Mutant(
        "optimisers",
        "(v / (1 - self.betas[1] ** k)).sqrt()",
        "v.sqrt()",
        "Adam's speeds without the correction for the first steps",
        (PYTORCHS,),
    ),
    Mutant(
        "train",
        "yield X, noisy(Y)",
        "yield X, Y",
        "full batches without label noise",
        ("test_train.py::test_label_noise_is_fresh_in_every_step_and_has_its_size",),
    ),
    Mutant(
        "tangent",
        "root * Rows(J * root, v).project(v / root)",
        "root * Rows(J * root, v).project(v)",
        "P_D with the coordinates stretched once",
        ("test_tangent.py::test_the_projection_of_a_metric_is_that_of_the_dense_formula",),
        ("noise-adamw",),
    ),
    Mutant(
        "tangent",
        "return Descent(free - PG.mT @ nu, nu)",
        "return Descent(free - PG.mT @ nu.clamp(max=0), nu)",
        "norm descent that what is capped does not turn",
        ("test_tangent.py::test_descent_within_is_the_shortest_admissible_velocity",),
    ),
    Mutant(
        "noise",
        "-(delta**2) * (1 + b) / (1 - b)",
        "-(delta**2) * (1 + b)",
        "momentum does not add to the noise's potential",
        ("test_noise.py::test_for_small_steps_the_potential_is_the_trace_and_beyond_the_edge_it_is_infinite",),
    ),
    Mutant(
        "noise",
        "- eta / (1 + b) * Theta",
        "- eta / 2 / (1 + b) * Theta",
        "the noise's potential is infinite from twice the edge on",
        ("test_noise.py::test_one_weight_with_noise_has_the_variance_of_the_derivative_of_the_potential", TRAINED),
    ),
    Mutant(
        "noise",
        "W2.shape[1] * sigma.value(Z)",
        "sigma.value(Z)",
        "the trace of the NTK of one output",
        (
            "test_noise.py::test_the_trace_is_that_of_the_ntk",
            "test_noise.py::test_the_field_is_the_gradient_of_norm_and_trace",
        ),
    ),
    Mutant(
        "edge",
        "return 4 * torch.func.jvp",
        "return 2 * torch.func.jvp",
        "half of the gradient of the sharpness",
        (
            "test_edge.py::test_the_gradients_are_those_of_finite_differences",
            "test_edge.py::test_the_multiplier_on_the_parabola_is_three_minus_2x_over_eight_and_not_negative",
            "test_edge.py::test_training_on_the_parabola_ends_at_the_cap_with_the_loss_of_its_multiplier",
        ),
        ("noise-edge",),
    ),
    Mutant(
        "edge",
        "return 2 * (1 + below_one(",
        "return 2 * (1 - below_one(",
        "momentum lowers the edge",
        ("test_edge.py::test_heavy_ball_on_a_parabola_is_stable_up_to_the_edge",),
    ),
    Mutant(
        "edge",
        "zeta = capped.newton(zeta, 1e-12)",
        "zeta = zeta + 0 * cap",
        "the flow drifts through the cap",
        ("test_edge.py::test_on_the_parabola_the_flow_stops_at_the_cap",),
    ),
    Mutant(
        "destinations",
        "last = 1 + 5 * eta, 3 * (1 - eta) - 4 * strength",
        "last = 1 + 5 * eta, 3 * (1 - eta) - 2 * strength",
        "label noise counts half on the parabola",
        ("test_destinations.py::test_label_noise_ends_where_norm_and_potential_are_least",),
        ("noise-potential",),
    ),
    Mutant(
        "destinations",
        "return min(1.5, (1 / strength - 1) / 4)",
        "return min(1.5, (2 / strength - 1) / 4)",
        "the parabola's stable points for half the learning rate",
        ("test_destinations.py::test_a_large_learning_rate_ends_at_the_shortest_stable_point",),
    ),
    Mutant(
        "claims/noise",
        "decay = -0.5 * 1e-3 * space.project(space.theta)",
        "decay = -0.5 * 1e-3 * space.theta",
        "along the manifold a step is all of weight decay, not its tangent part",
        claims=("noise-batches",),
    ),
    Mutant(
        "claims/noise",
        "jacobian(*split(a, *like), X, SOFT), a, speed)",
        "jacobian(*split(a, *like), X, SOFT), a, torch.ones_like(speed))",
        "AdamW follows -P theta",
        claims=("noise-adamw",),
    ),
    Mutant(
        "optimisers",
        "theta, memory = rule.step(",
        "theta, _ = rule.step(",
        "steps that forget: each begins with the memory of the start",
        (PYTORCHS,),
    ),
    Mutant(
        "noise",
        "return -2 * a * space.theta",
        "return -a * space.theta",
        "the descent of norm and trace with half of the norm's gradient",
        ("test_noise.py::test_the_field_is_the_gradient_of_norm_and_trace",),
    ),
    Mutant(
        "edge",
        "descent_within(space, sharpest(Z, zeta).gradients).velocity if touching",
        "-2 * space.project(zeta) if touching",
        "at the cap the sharpness does not turn the velocity",
        ("test_edge.py::test_at_the_cap_it_is_the_slow_flow_with_one_more_row",),
    ),
    Mutant(
        "destinations",
        "(w[..., 1] - w[..., 0] ** 2)",
        "(w[..., 1] - w[..., 0] ** 2 / 2)",
        "the parabola half as bent as its gradient says",
        (ENDS_THERE,),
    ),
    Mutant(
        "destinations",
        "(strength * ridge / eta) ** 0.5",
        "(strength * ridge) ** 0.5",
        "label noise of training that forgets the learning rate",
        (ENDS_THERE,),
    ),
)
