"""A small file of every format, all of one network: ann, bob and cem know each other, and dan nobody."""

import gzip
from io import BytesIO

import numpy as np
import polars as pl
from scipy.io import mmwrite
from scipy.sparse import coo_array, save_npz

from counterpoint.networks.converters import from_table
from counterpoint.networks.formats.saved import write
from counterpoint.networks.graph import Network

GRAPHML = """<?xml version="1.0" encoding="UTF-8"?>
<graphml xmlns="http://graphml.graphdrawing.org/xmlns">
  <key id="d0" for="node" attr.name="name" attr.type="string"/>
  <key id="d1" for="edge" attr.name="weight" attr.type="double"/>
  <graph id="G" edgedefault="undirected">
    <node id="n0"><data key="d0">ann</data></node>
    <node id="n1"><data key="d0">bob</data></node>
    <node id="n2"><data key="d0">cem</data></node>
    <node id="n3"><data key="d0">dan</data></node>
    <edge source="n0" target="n1"><data key="d1">2.0</data></edge>
    <edge source="n1" target="n2"/>
    <edge source="n2" target="n0"/>
  </graph>
</graphml>
"""
GML = """Creator "somebody"
graph [
  directed 0
  node [ id 0 label "ann" graphics [ x 1.5 y 2 ] ]
  node [ id 1 label "bob" ]
  node [ id 2 label "cem" ]
  node [ id 3 label "dan" ]
  # friends
  edge [ source 0 target 1 weight 2 ]
  edge [ source 1 target 2 ]
  edge [ source 2 target 0 ]
]
"""
PAJEK = """*Network friends
% a comment
*Vertices 4
1 "ann" 0.1 0.2 0.5 ic Blue
2 "bob"
3 "cem"
4 "dan"
*Edges
1 2 2
2 3
3 1 1 c Red
"""
EDGES = """# friends
source,target,weight,since,until
ann,bob,2,0,5.5

bob,cem,1,1,
"cem",ann,1,,
"""
SNAP = "# Nodes: 3 Edges: 3\n# FromNodeId\tToNodeId\n10\t11\n11\t12\n12\t10\n"


def corpus(folder):
    """Return the bytes of a valid file of every format, by its name."""
    market, sparse = BytesIO(), BytesIO()
    ring = coo_array(([2.0, 1.0, 1.0], ([1, 2, 2], [0, 1, 0])), shape=(4, 4))
    whole = coo_array(ring + ring.T)
    mmwrite(market, whole, symmetry="symmetric")
    save_npz(sparse, whole.tocsr())
    table = {
        "source": ["ann", "bob", "cem"],
        "target": ["bob", "cem", "ann"],
        "weight": [2.0, 1, 1],
        "since": [0.0, 1, 2],
    }
    ours = folder / "ours.npz"
    write(from_table(pl.DataFrame(table)), ours)
    return {
        "a.graphml": GRAPHML.encode(),
        "a.gml": GML.encode(),
        "a.net": PAJEK.encode(),
        "a.csv": EDGES.encode(),
        "a.txt": SNAP.encode(),
        "a.edges": b"ann bob 1\nbob cem 2.5\ncem  ann 1\n",
        "a.tsv.gz": gzip.compress(SNAP.encode(), mtime=0),
        "a.mtx": market.getvalue(),
        "scipy.npz": sparse.getvalue(),
        "ours.npz": ours.read_bytes(),
    }


def edges_of(network: Network):
    """Return the edges as sorted names, each with what it weighs."""
    names = network.names.to_list()
    weight = np.ones(len(network.to)) if network.weight is None else network.weight
    arcs = zip(network.tails.tolist(), network.to.tolist(), weight.tolist(), strict=True)
    return sorted((names[u], names[v], w) for u, v, w in arcs if network.directed or u < v)
