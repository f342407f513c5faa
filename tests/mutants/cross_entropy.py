"""Mutants of cross-entropy: its slope, the gauge, margins, the rescaled flow, and what holds in its limit."""

from .mutant import Mutant

PROTOCOL, FLOW = "test_tangent.py::TestLinearisation", "test_margins.py::TestMarginFlow"
LEAST, MOVE = "test_tangent.py::TestLeastNorm", "test_tangent.py::TestShortestMove"

MUTANTS = (
    Mutant(
        "losses",
        "torch.softmax(F, -1) * Y.sum(-1, keepdim=True) - Y",
        "torch.softmax(F, -1) * Y.sum(-1, keepdim=True) - 1.001 * Y",
        "the slope of cross-entropy with labels that sum to more than the probabilities",
        ("test_losses.py::test_the_slope_is_autograds", "test_train.py::test_cross_entropy_is_pytorchs"),
        ("ce-tangent-part", "ce-kkt-speed"),
    ),
    Mutant(
        "losses",
        "(1 - epsilon) * Y + epsilon / Y.shape[1]",
        "Y + epsilon / Y.shape[1]",
        "soft labels that sum to more than one",
        ("test_losses.py::test_cross_entropy_is_pytorchs", "test_train.py::test_cross_entropy_is_pytorchs"),
    ),
    Mutant(
        "soft_labels",
        "self.gap(theta) + 2 * ridge * self.multiplier",
        "self.gap(theta) + ridge * self.multiplier",
        "the fast variable of soft labels with the multiplier of squared error",
        ("test_soft_labels.py::TestSoftLabelManifold::test_training_is_norm_descent_and_a_part_that_relaxes",),
    ),
    Mutant(
        "soft_labels",
        "pull_back(CROSS_ENTROPY.slope(outputs, self.Y))[0] + 2 * ridge * theta",
        "pull_back(CROSS_ENTROPY.slope(outputs, self.Y))[0] + ridge * theta",
        "weight decay with half its force",
        (
            "test_soft_labels.py::TestSoftLabelManifold::test_the_gradient_is_autograds_and_its_tangent_part_is_only_"
            "weight_decay",
        ),
        ("ce-soft-limit",),
    ),
    Mutant(
        "losses",
        'mode="complete").Q[:, 1:]',
        'mode="complete").Q[:, :-1]',
        "a basis of the vectors of sum zero with the constants in it",
        ("test_soft_labels.py::TestSoftLabelManifold::test_it_is_the_tangent_space_with_the_gauge",),
    ),
    Mutant(
        "manifold",
        "U if self._basis is None else U - U.mean(1, keepdim=True)",
        "U",
        "the gauge is seen by the products",
        (f"{PROTOCOL}::test_a_correction_does_what_it_should_and_is_the_shortest",),
    ),
    Mutant(
        "tangent",
        "return v - self.correction(",
        "return v + 0 * self.correction(",
        "the projection takes nothing away",
        (f"{PROTOCOL}::test_the_projection_is_that_of_the_dense_pseudo_inverse",),
        ("ce-share", "ce-soft-labels"),
    ),
    Mutant(
        "tangent",
        "return self.solve(self.product(self.release(self.theta)))",
        "return self.solve(self.product(self.theta))",
        "the multiplier with the kinks not held",
        (f"{PROTOCOL}::test_the_multiplier_splits_theta",),
    ),
    Mutant(
        "tangent",
        "target = -(Q.T @ b.cpu().numpy())",
        "target = Q.T @ b.cpu().numpy()",
        "the rule of least norm with the force in the wrong direction",
        (
            f"{LEAST}::test_it_satisfies_the_conditions_of_the_minimum",
            f"{LEAST}::test_it_is_the_best_choice_of_held_ones",
        ),
        ("ce-active-margins",),
    ),
    Mutant(
        "tangent",
        "return -size * r[:-1] / r[-1]",
        "return size * r[:-1]",
        "the shortest move to first order in its length only",
        (f"{MOVE}::test_it_is_scipys", f"{MOVE}::test_where_all_hold_it_is_the_correction_for_equalities"),
    ),
    Mutant(
        "margins",
        "_right(labels, J.shape[:2])[:, 0], None] - J",
        "_right(labels, J.shape[:2])[:, 0], None] + J",
        "the gradients of margins as sums of outputs",
        ("test_margins.py::TestMargins::test_the_jacobian_is_autograds_and_eulers_identity_holds",),
        ("ce-kkt-speed",),
    ),
    Mutant(
        "margins",
        "math.exp((1 - 2 / degree) * math.log(scale) - scale)",
        "math.exp(-scale)",
        "the scale of the logits without its power",
        (
            f"{FLOW}::test_it_is_training_in_other_units",
            "test_margins.py::TestScale::test_it_solves_its_equation_and_is_about_log_one_over_lambda",
        ),
    ),
    Mutant(
        "margins",
        "return self._forward(state)[-1] / 2",
        "return self._forward(state)[-1]",
        "multipliers twice what the KKT conditions ask",
        (f"{FLOW}::test_its_multipliers_are_probabilities_and_give_the_velocity",),
    ),
    Mutant(
        "margins",
        "H.mT @ U) - 2 * theta",
        "H.mT @ U) - theta",
        "the rescaled flow on half the clock s",
        (
            f"{FLOW}::test_it_is_training_in_other_units",
            "test_margins.py::test_plain_gradient_descent_is_the_rescaled_flow",
        ),
    ),
    Mutant(
        "margins",
        "math.log(2 * self.degree) + (2 - 2 / self.degree) * math.log(scale)",
        "math.log(2 * self.degree)",
        "training by the logarithm of time without the power of it",
        (f"{FLOW}::test_without_decay_it_is_training_by_the_logarithm_of_time",),
    ),
    Mutant(
        "margins",
        "near = q <= q.min() + positive",
        "near = q <= q.min() + 0 * positive",
        "of the active margins the smallest alone",
        ("test_margins.py::TestActiveMargins::test_no_admissible_velocity_descends_the_norm_faster",),
        ("ce-active-margins",),
    ),
    Mutant(
        "sweeping",
        "zeta * math.exp(-2 * (end - begin) / left)",
        "zeta * math.exp(-(end - begin) / left)",
        "the limit on half the clock s",
        ("test_sweeping.py::TestSweepingFlow::test_inside_it_shrinks_then_slides_on_one_margin_then_rests_on_two",),
        ("ce-theorem-c", "ce-three-clocks"),
    ),
    Mutant(
        "sweeping",
        "(height + torch.nn.functional.logsigmoid(-scale * q))",
        "(height - scale * q)",
        "the exponential loss in place of the logistic one",
        ("test_sweeping.py::TestMarginTraining::test_it_is_the_gradient_flow_of_the_logistic_loss",),
    ),
    Mutant(
        "soft_labels",
        "(self.Y.log() @ basis)",
        "(self.Y @ basis)",
        "Z of soft labels where Q F = Q y, without the logarithm",
        (
            "test_soft_labels.py::TestSoftLabelManifold::test_on_it_the_loss_is_least_and_its_second_derivative_is_that_of_"
            "the_softmax",
        ),
    ),
    Mutant(
        "margins",
        ".scatter(1, right, math.inf)",
        "",
        "the right class counts, with a margin of zero",
        ("test_margins.py::TestMargins::test_the_loss_is_a_function_of_them",),
    ),
    Mutant(
        "margins",
        "{name: q + 1 for",
        "{name: q for",
        "the degree of a network is that of its activation",
        ("test_margins.py::TestMargins::test_the_jacobian_is_autograds_and_eulers_identity_holds",),
    ),
)
