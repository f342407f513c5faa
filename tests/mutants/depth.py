"""Mutants of deeper networks: their tangent space, linear heads, laws from symmetries, deep linear networks."""

from .mutant import Mutant

AUTOGRAD = "test_deep.py::TestTangentSpace::test_products_ntk_and_jacobian_are_autograds"
VELOCITY = "test_heads.py::TestVelocity::test_it_is_autograds_of_the_cost"
BRUTE = "test_heads.py::TestCost::test_no_head_found_by_brute_force_is_shorter"
STEPS = "test_symmetry.py::TestLaws::test_every_step_of_gradient_descent_obeys_the_law_of_the_step"
BY_HAND = "test_symmetry.py::test_the_law_of_the_step_by_hand"
PATH = "test_deep_linear.py::TestPath::test_the_distance_is_that_of_the_slow_flow"
INVERSE = "test_deep_linear.py::TestPath::test_distance_and_delay_are_inverses_and_the_derivative_is_the_printed_one"
DETERMINANT = "test_heads.py::TestCost::test_many_layers_tend_to_the_logarithm_of_the_determinant"

MUTANTS = (
    Mutant(
        "deep",
        "(D - layer.U * (layer.U * D).mean(-1, keepdim=True)) / layer.size",
        "D / layer.size",
        "RMSNorm's derivative keeps the part along the pre-activations",
        (AUTOGRAD,),
        ("depth-normalised",),
    ),
    Mutant(
        "deep",
        "dZ = pad(dH, (0, self.network.bias)) @ layer.W + layer.H @ V",
        "dZ = layer.H @ V",
        "J v sees the last layer only",
        (AUTOGRAD,),
    ),
    Mutant(
        "deep",
        "(D @ D.mT).reshape(n, m, n, m) * K[:, None, :, None]",
        "(D @ D.mT).reshape(n, m, n, m) * K[:, None, None, :].mean(-1, keepdim=True)",
        "the NTK of a layer with the mean of the kernel matrix",
        (AUTOGRAD,),
    ),
    Mutant(
        "deep",
        "return 2 * at.transposed_product((at.outputs - Y).flatten())",
        "return at.transposed_product((at.outputs - Y).flatten())",
        "the gradient of the squared error without its factor 2",
        ("test_deep.py::TestTangentSpace::test_the_gradient_is_autograds",),
    ),
    Mutant(
        "deep",
        "self.activation.value(found[-1].U)",
        "self.activation.value(found[-1].Z)",
        "RMSNorm is left out of the network and kept in its derivative",
        ("test_deep.py::TestNetwork::test_outputs_are_those_of_a_loop_over_samples",),
    ),
    Mutant(
        "heads",
        "power(self.Y.mT @ B, 1 / self.layers - 1)",
        "power(self.Y.mT @ B, 1 / self.layers)",
        "a head of m layers with the power 1/m in place of 1/m - 1",
        (VELOCITY,),
        ("depth-head-velocity",),
    ),
    Mutant(
        "heads",
        "layers * (w ** (1 / layers)).sum()",
        "(w ** (1 / layers)).sum()",
        "the least norm of a head without its factor m",
        (BRUTE, DETERMINANT),
        ("depth-head-cost",),
    ),
    Mutant(
        "heads",
        "(ends[k] * s ** (1 / m))",
        "(ends[k] * s ** (1 if k == 0 else 0))",
        "the first layer of the head has all of the norm",
        (
            "test_heads.py::TestCost::test_the_optimal_head_meets_the_targets_is_balanced_and_has_that_norm",
            "test_heads.py::test_factors_of_least_norm_have_the_sum_of_powers_of_the_singular_values",
        ),
    ),
    Mutant(
        "heads",
        "torch.where(near, a * mean ** (a - 1),",
        "torch.where(near, mean ** (a - 1),",
        "the derivative of a power at equal eigenvalues without the exponent",
        ("test_heads.py::TestPower::test_the_derivative_is_that_of_differences_also_for_equal_eigenvalues",),
    ),
    Mutant(
        "symmetry",
        "learning_rate**2 * self.form(g)",
        "learning_rate * self.form(g)",
        "the gradient feeds the form in proportion to the learning rate",
        (STEPS, BY_HAND),
        ("depth-symmetry",),
    ),
    Mutant(
        "symmetry",
        "kept * form if self.shift else kept**2 * form",
        "kept * form if self.shift else kept * form",
        "the form decays as e^(-2s), not e^(-4s)",
        (STEPS, BY_HAND),
        ("depth-symmetry",),
    ),
    Mutant(
        "architectures",
        '"W3": -2 * w["W3"]',
        '"W3": -w["W3"]',
        "a square unit balances like ReLU",
        ("test_symmetry.py::TestLaws::test_the_network_does_not_feel_the_symmetry",),
        ("depth-symmetry",),
    ),
    Mutant(
        "architectures",
        '"key": -w["key"] @ MIX}',
        '"key": w["key"] @ MIX}',
        "queries and keys grow together and the scores do not notice",
        ("test_symmetry.py::TestLaws::test_the_network_does_not_feel_the_symmetry",),
    ),
    Mutant(
        "deep_linear",
        "(1 - 1 / layers) / 2 * np.log(a**2 + np.square(q))",
        "(1 - 1 / layers) * np.log(a**2 + np.square(q))",
        "the length of the product counts twice",
        (PATH, INVERSE),
        ("depth-linear-delay",),
    ),
    Mutant(
        "deep_linear",
        "return A(X.mT @ U) - 2 * layers * W",
        "return A(X.mT @ U) - 2 * W",
        "weight decay moves a product like one layer",
        ("test_deep_linear.py::TestPath::test_the_velocity_of_the_product_is_that_of_the_factors",),
    ),
    Mutant(
        "claims/depth",
        "return half(seed, 1) / half(seed, math.inf), None",
        "return half(seed, math.inf) / half(seed, 1), None",
        "a linear head of more layers brings grokking closer",
        claims=("depth-head-delay",),
    ),
    Mutant(
        "claims/depth",
        "told = torch.linalg.lstsq(X, Y).solution",
        "told = torch.linalg.lstsq(X, Y).solution * 0.9",
        "the product of a deep linear network ends a tenth short of the least-squares one",
        claims=("depth-linear-end",),
    ),
    Mutant(
        "claims/depth",
        "math.log(errors[0] / errors[1]) / math.log(4)",
        "math.log(errors[0] / errors[1]) / math.log(2)",
        "the distance from the slow flow goes with the root of weight decay",
        claims=("depth-slow-flow",),
    ),
    Mutant(
        "deep",
        "+ 2 * ridge * theta",
        "+ ridge * theta",
        "weight decay of a deep network with half its force",
        ("test_deep.py::TestManifold::test_it_is_the_generic_manifold",),
    ),
    Mutant(
        "architectures",
        "reshape(shape), start + size",
        "reshape(shape), size",
        "weights by name: each starts where only the one before it ends",
        ("test_architectures.py::test_a_vector_and_its_names_are_one_thing",),
    ),
    Mutant(
        "heads",
        "w.log().sum() if",
        "w.log().sum() / 2 if",
        "infinitely many layers: the logarithm of the root of the determinant",
        (DETERMINANT,),
    ),
    Mutant(
        "deep_linear",
        "invariant(q, a, layers)) / 2",
        "invariant(q, a, layers))",
        "the delay on the clock 2 s",
        (INVERSE,),
    ),
)
