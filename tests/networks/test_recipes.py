"""A network in a word: every recipe's example works, and every other word is refused with the nearest that would."""

import pytest
from tests.logs import refused

from counterpoint.networks.generators import barabasi_albert, erdos_renyi
from counterpoint.networks.graph import Network
from counterpoint.networks.recipes import RECIPES, network


@pytest.mark.parametrize("name", RECIPES)
def test_the_example_of_a_recipe_makes_as_many_nodes_as_it_says(name):
    recipe = RECIPES[name]
    assert recipe.example.startswith(f"{name}:")
    assert network(recipe.example, rng=1).nodes == int(recipe.example.partition(":")[2].split(",")[0])


def test_a_recipe_makes_what_its_generator_makes():
    assert network("ba:200,3", rng=5).to.tolist() == barabasi_albert(200, 3, rng=5).to.tolist()
    assert network(" ER : 200 , 8 ", rng=5).to.tolist() == erdos_renyi(200, degree=8, rng=5).to.tolist()


def test_what_may_be_left_out_may_be_said():
    assert network("powerlaw:1000,2.5,3", rng=1).degrees.mean() > network("powerlaw:1000,2.5", rng=1).degrees.mean()


def test_a_path_is_a_file_even_if_it_looks_like_a_recipe(tmp_path, monkeypatch):
    (tmp_path / "ba:10,3.txt").write_text("a b\n")
    monkeypatch.chdir(tmp_path)
    assert network("ba:10,3.txt").names.to_list() == ["a", "b"]
    assert network(tmp_path / "ba:10,3.txt").nodes == 2


def test_an_object_is_taken_as_it_is():
    net = Network.of([0], [1])
    assert network(net) is net
    assert network(net.matrix).edges == 1


@pytest.mark.parametrize(
    ("what", "says"),
    [
        ("bo:100,3", "'bo:100,3' is no recipe such as ba:10000,3; "),
        ("complet:100", "did you mean 'complete'"),
        ("ba:100", "has 1 numbers; nodes, m would be right, as in ba:10000,3"),
        ("ba:100,3,4", "has 3 numbers"),
        ("ba:", "has 0 numbers"),
        ("ba", "has 0 numbers"),
        ("ba:1e3,3", "its nodes is '1e3'; a whole number would be right"),
        ("ws:100,4,often", "its p is 'often'; a number would be right"),
        ("ws:100,4,1.5", "p is a probability"),
        ("ba:3,5", "m must be at least 1 and below the 3 nodes"),
        ("er:100,nan", "mean degree must lie within"),
        ("ring:" + "9" * 5_000, "a whole number would be right"),
        ("friends.txt", "cannot read friends.txt"),
        (5, "int is no network"),
        (None, "NoneType is no network"),
    ],
)
def test_what_is_no_network_is_refused(what, says):
    with refused(says):
        network(what)
