"""The small networks with symmetries: their vectors, their names and their draws."""

import pytest
import torch

from grokutil.architectures import EXAMPLES


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda e: e.name)
def test_a_vector_and_its_names_are_one_thing(example):
    X, theta, y = example.draw(3)
    assert torch.equal(example.flat(example.named(theta)), theta)
    assert len(example.F(X)(theta)) == len(y) and theta.dtype == torch.float64
    assert all(torch.equal(a, b) for a, b in zip(example.draw(3), (X, theta, y), strict=True))
    assert example.flat({}).count_nonzero() == 0


def test_there_are_twelve_laws_and_one_control():
    assert sum(not example.control for example in EXAMPLES) == 12 and len(EXAMPLES) == 13
    assert len({example.name for example in EXAMPLES}) == 13


def test_attention_is_pytorchs():
    example = next(e for e in EXAMPLES if e.name == "attention, queries and keys")
    X, theta, _ = example.draw(0)
    w = example.named(theta)
    seen = torch.nn.functional.scaled_dot_product_attention(X @ w["query"], X @ w["key"] + w["bias"], X @ w["value"])
    torch.testing.assert_close(example.network(w, X), (X + seen @ w["output"])[:, -1])


def test_norms_are_pytorchs():
    rms, mean = (next(e for e in EXAMPLES if e.name.startswith(name)) for name in ("RMSNorm", "LayerNorm"))
    for example, norm in ((rms, torch.nn.functional.rms_norm), (mean, torch.nn.functional.layer_norm)):
        X, theta, _ = example.draw(0)
        w = example.named(theta)
        told = torch.tanh(norm(X @ w["W1"], (5,), eps=0.0)) @ w["W2"]
        torch.testing.assert_close(example.network(w, X), told)
