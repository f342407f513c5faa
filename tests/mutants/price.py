"""Mutants of the prices: networks that add, what they cost, the search, and the bound for ReLU."""

from .mutant import Mutant

EXACT = "test_adders.py::test_five_phases_add_exactly_for_every_odd_p_and_their_norm_is_the_formula"
CHEAPER = "test_adders.py::test_the_cheaper_adder_adds_exactly_and_its_norm_is_the_formula"
PAIR = "test_price.py::test_memorising_one_pair_by_calculus"
FORM = "test_relu_price.py::test_the_matrix_is_the_form_it_stands_for"
ONE_PAIR = "test_price.py::test_one_pair_costs_what_one_unit_along_its_input_costs_and_no_unit_costs_less"
BLOCK = "test_price.py::test_a_block_costs_at_least_2_870"

MUTANTS = (
    Mutant(
        "adders",
        "PHASES = 5",
        "PHASES = 4",
        "four phases a frequency",
        (EXACT,),
    ),
    Mutant(
        "adders",
        "wave(p, k, 2 * angle)",
        "wave(p, k, angle)",
        "the output's phase is that of the input, not its double",
        (EXACT, CHEAPER),
        ("price-pentagon",),
    ),
    Mutant(
        "adders",
        "half = k * pow(2, -1, p) % p",
        "half = k",
        "the correction has the frequency k, not its half modulo p",
        (EXACT, CHEAPER),
        ("price-pentagon",),
    ),
    Mutant(
        "adders",
        "+ 16 / q**2) ** 0.5",
        "+ 8 / q**2) ** 0.5",
        "the wave of the input is not where the norm of a polygon is least",
        ("test_adders.py::test_the_wave_of_a_polygon_is_where_its_norm_is_least",),
    ),
    Mutant(
        "adders",
        "rho**2 + 2 / (q**2 * rho**4)",
        "rho**2 + 1 / (q**2 * rho**4)",
        "the norm of the outputs counts half",
        (EXACT,),
        ("price-all-pairs",),
    ),
    Mutant(
        "adders",
        "[[1 / 12, 0.0], [0.0, 2**0.5 / 3]]",
        "[[1 / 12, 0.0], [0.0, 2**0.5 / 5]]",
        "two triples with the sums of five phases",
        (CHEAPER,),
        ("price-all-pairs",),
    ),
    Mutant(
        "price",
        "one[(a + b) % p] / 2 - one[2 * a % p] / 8",
        "one[(a + b) % p] / 2 - one[2 * a % p] / 4",
        "the tensor of addition with half the other correction",
        (
            "test_price.py::test_the_tensor_of_a_network_and_of_addition_by_loops",
            "test_price.py::test_every_network_that_adds_has_the_tensor_of_addition",
        ),
    ),
    Mutant(
        "price",
        "T[a, a] + 2 * T[a, b] + T[b, b]",
        "T[a, a] + T[a, b] + T[b, b]",
        "an entry of the tensor counts once for an unordered pair",
        ("test_price.py::test_the_outputs_of_a_network_are_those_of_its_tensor_and_addition_is_one_tensor",),
    ),
    Mutant(
        "price",
        "(4 if equal else 2) ** (-q / (q + 1))",
        "2 ** (-q / (q + 1))",
        "a pair (a, a) costs as much as any",
        (PAIR, ONE_PAIR),
        ("price-pair",),
    ),
    Mutant(
        "price",
        "return price(p) / pair_cost()",
        'return price(p) / pair_cost("relu")',
        "the crossing with the price of a pair for ReLU",
        ("test_price.py::test_the_printed_prices",),
    ),
    Mutant(
        "price",
        "2.870 * 2 ** (-2 / 3)",
        "3.870 * 2 ** (-2 / 3)",
        "the bound of a block is above what three phases reach",
        ("test_price.py::test_the_bound_is_below_the_price_by_a_quarter_and_a_little_more", BLOCK),
    ),
    Mutant(
        "least_norm",
        "+ 2 * L / ridge, L)",
        "+ L / ridge, L)",
        "half of the correction of the norm for the rest of the loss",
        ("test_least_norm.py::test_the_end_is_stationary_and_its_norm_is_that_of_the_nearest_point",),
    ),
    Mutant(
        "relu_price",
        "m, -m @ X",
        "m, m @ X",
        "the negative part of a pre-activation with the wrong sign of its input",
        (FORM,),
    ),
    Mutant(
        "relu_price",
        "return float(np.linalg.eigvalsh(_matrix(parts, basis, constant))[0])",
        "return float(np.linalg.eigvalsh(_matrix(parts, basis, constant))[-1])",
        "the largest eigenvalue in place of the smallest: every matrix proves its bound",
        (FORM,),
    ),
    Mutant(
        "claims/price",
        "47.7 / proof.bound",
        "72.0 / proof.bound",
        "what the search finds for ReLU is proved to be the least",
        claims=("price-relu-bound",),
    ),
    Mutant(
        "claims/price",
        "(0.75, 1.2)",
        "(0.4, 0.75)",
        "the network of least norm generalises from three quarters of the crossing on",
        claims=("price-threshold",),
    ),
    Mutant(
        "adders",
        "torch.cos(angle - torch",
        "torch.cos(angle + torch",
        "a wave whose phase has the wrong sign",
        ("test_adders.py::test_waves_are_unit_vectors_and_waves_of_two_frequencies_are_orthogonal",),
    ),
    Mutant(
        "adders",
        "((p - 3) / 2 *",
        "((p - 1) / 2 *",
        "the price of all pairs with one plane too many",
        ("test_price.py::test_the_printed_prices",),
    ),
    Mutant(
        "price",
        'torch.einsum("ah,bh,hc->abc"',
        '2 * torch.einsum("ah,bh,hc->abc"',
        "the tensor of a network as its second derivative, twice too large",
        ("test_price.py::test_the_tensor_of_a_network_and_of_addition_by_loops",),
    ),
    Mutant(
        "price",
        "(2.870 * 2",
        "(2.873 * 2",
        "the bound of a block is a thousandth too large",
        (BLOCK,),
    ),
    Mutant(
        "relu_price",
        "form[h, o] = 2 * kind",
        "form[h, o] = kind",
        "the form of the proof with o^T U^T h once, not twice",
        ("test_relu_price.py::test_the_bound_holds_for_every_direction_that_was_tried",),
    ),
)
