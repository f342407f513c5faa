"""Mutants of the chapter on time: the mirrored start, the gates of a face, the scale, the learning rate, all time."""

from .mutant import Mutant

GATES = "test_kinks.py::test_the_gates_of_a_face_make_the_weights_normal_to_it"

MUTANTS = (
    Mutant(
        "model",
        "torch.cat((W2, -W2))",
        "torch.cat((W2, W2))",
        "the second units add their output instead of taking it back",
        ("test_model.py::test_a_mirrored_start_says_nothing_and_scales",),
    ),
    Mutant(
        "kinks",
        "gates[held, h] = middle + torch.linalg.pinv",
        "gates[held, h] = torch.linalg.pinv",
        "the gates of a face count from the middle",
        (GATES,),
    ),
    Mutant(
        "kinks",
        "rows = X[held] * A[held, h, None]",
        "rows = X[held]",
        "the multipliers of the kinks in place of their gates",
        (GATES,),
    ),
    Mutant(
        "constraints",
        "self.activation.slope(self._inner(theta)) * ~kinks",
        "self.activation.slope(self._inner(theta))",
        "the gates of held pairs are those of the point, which rounding decides",
        ("test_constraints.py::test_on_a_face_it_is_the_network_and_its_rows_span_those_of_every_choice_of_gates",),
    ),
    Mutant(
        "widgets/scale",
        "beta = alpha**2 * np.exp(-4 * np.asarray(s))",
        "beta = alpha**2 * np.exp(-2 * np.asarray(s))",
        "the balance decays half as fast",
        ("test_explorers.py::TestScale::test_the_path_is_the_slow_flow_from_where_the_start_falls",),
    ),
    Mutant(
        "claims/how_long",
        "/ np.log(10) - 0.5), None",
        "/ np.log(10) - 1.0), None",
        "the slow time grows as the whole logarithm",
        claims=("how-long-scale",),
    ),
    Mutant(
        "claims/how_long",
        "for eta in (0.5, 4.0)",
        "for eta in (0.5, 8.0)",
        "the learning rate goes over the edge",
        claims=("how-long-rate",),
    ),
    Mutant(
        "claims/how_long",
        "max(gap) / max(gap[:41]) - 1",
        "gap[1] / gap[-1]",
        "the distance goes to zero, and is smallest at the end",
        claims=("how-long-all-time",),
    ),
    Mutant(
        "claims/how_long",
        "limit = slow_flow(Z, theta, records * ridge * eta, rtol=1e-9)",
        "limit = slow_flow(ZeroLossManifold(lambda w: Z.F(w)[:2], Z.y[:2]), theta, records * ridge * eta, rtol=1e-9)",
        "the kink does not hold the slow flow",
        claims=("how-long-face",),
    ),
)
