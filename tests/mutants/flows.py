"""Mutants of the flows: training on the slow clock, Euler's steps, stabilised steps."""

from .mutant import Mutant

SHARPEST = "test_flow.py::TestSharpness::test_it_is_the_largest_eigenvalue_of_the_hessian_of_half_the_cost"
ONE_STEP = "test_chebyshev.py::TestOneStep"

MUTANTS = (
    Mutant(
        "gradient_flow",
        "return -D * Z.loss_gradient(theta, ridge) / ridge",
        "return -D * Z.loss_gradient(theta, ridge / 2) / ridge",
        "eq. 3 on the slow clock with half the weight decay",
        ("test_gradient_flow.py::test_training_keeps_the_balance_law_exactly",),
        ("slow-flow-limit",),
    ),
    Mutant(
        "gradient_flow",
        "Z.slow_velocity(zeta, speed)",
        "Z.slow_velocity(zeta)",
        "the slow flow forgets the speeds of the layers",
        ("test_gradient_flow.py::test_slow_flow_with_layer_speeds_has_the_closed_form",),
        ("isolated-non-crossing",),
    ),
    Mutant(
        "flow",
        "state + eta * velocity(state), then",
        "state - eta * velocity(state), then",
        "Euler's method steps backwards",
        ("test_flow.py::test_euler_converges_with_first_order",),
        ("abstract-delayed-generalisation", "abstract-representation"),
    ),
    Mutant(
        "flow",
        "eta = (end - now) / steps_left",
        "eta = length",
        "Euler's last step is not shortened to the asked time",
        ("test_flow.py::test_times_are_exactly_those_asked_and_no_step_is_longer",),
    ),
    Mutant(
        "flow",
        "return -product(V)",
        "return product(V)",
        "sharpness: the Hessian with the wrong sign",
        (f"{SHARPEST}[tanh]",),
    ),
    Mutant(
        "flow",
        "self.fraction / max(value",
        "2 * self.fraction / max(value",
        "the stable step is twice as long as promised",
        ("test_flow.py::TestSharpness::test_a_stable_step_keeps_its_promise",),
    ),
    Mutant(
        "chebyshev",
        "bend = (j**2 * T - w0 * slope)",
        "bend = (j**2 * T + w0 * slope)",
        "Chebyshev's equation for T'' with the wrong sign",
        (f"{ONE_STEP}::test_on_a_linear_flow_it_is_the_stability_polynomial",),
    ),
    Mutant(
        "chebyshev",
        "-b[j] / b[j - 2]",
        "-b[j] / b[j - 1]",
        "nu_j with b_(j-1) instead of b_(j-2)",
        (f"{ONE_STEP}::test_on_a_linear_flow_it_is_the_stability_polynomial",),
    ),
    Mutant(
        "chebyshev",
        "gamma = (b[j - 1] * T[j - 1] - 1) * mu_v",
        "gamma = b[j - 1] * T[j - 1] * mu_v",
        "gamma_j = -a_(j-1) mu_j without the 1 in a = 1 - b T",
        (f"{ONE_STEP}::test_on_a_linear_flow_it_is_the_stability_polynomial",),
    ),
    Mutant(
        "chebyshev",
        "x**2 * (3 - 2 * x)",
        "x**2 * (3 - x)",
        "Hermite's cubic does not meet the end of the step",
        ("test_chebyshev.py::TestARun::test_between_steps_it_interpolates",),
    ),
    Mutant(
        "chebyshev",
        "0.8 * (self.state - new) + 0.4 * h * (v + v_new)",
        "0.008 * (self.state - new) + 0.004 * h * (v + v_new)",
        "the error of a step, estimated a hundred times too small",
        ("test_chebyshev.py::TestARun::test_the_error_of_a_smooth_flow_follows_the_tolerance",),
    ),
    Mutant(
        "gradient_flow",
        "lambda theta: -Z.loss_gradient(theta), start",
        "lambda theta: -Z.loss_gradient(theta, 1e-3), start",
        "the fall with a little weight decay",
        (
            "test_gradient_flow.py::test_fall_is_an_explicit_euler_run_with_tiny_steps",
            "test_gradient_flow.py::test_fall_on_the_parabola_ends_where_lamberts_function_says",
        ),
    ),
)
