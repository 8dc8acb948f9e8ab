"""Messages along the arcs of a network, layer by layer, and the gradient of what they end in, worked out by hand.

Of every snapshot only the nodes that may be a source take part: what the others tell is in what these begin with. They
are rows, sorted by what they are seen as, so that rows with the same weights lie together and are multiplied at once.
In a layer every row sends its message to its neighbours' rows. A row adds up what it gets, what it keeps and what all
are on average; of that, normalised (Ba, Kiros & Hinton 2016), what is above zero is added to it (He et al. 2016).
"""

# mypy: ignore-errors

from collections import namedtuple

import numpy as np
from numba import njit

Weights = namedtuple("Weights", "place bias start layer whole norm last first hidden out")
"""What is learned, for g groups of rows, d ways along arcs, f inputs and WIDTH values a row.

place  : [nodes x codes, WIDTH], of a node seen as a code, added to its inputs; bias: [nodes x codes], to its end
start  : [g, f, WIDTH], from inputs to the first values
layer  : [layers, g, WIDTH, (1 + d) WIDTH], to what a row keeps, and to its message each way
whole  : [layers, WIDTH, WIDTH], from the average of a snapshot's rows
norm   : [layers, 3, WIDTH], what is added before normalising, what is multiplied after it, and added
last, first, hidden, out : [g, WIDTH, WIDTH] twice, [WIDTH] twice, from the last and first values to the score
"""
Rows = namedtuple("Rows", "node graph cut start to factor degree counts")
"""The nodes of some snapshots that take part.

node, graph       : int32[n], which node of which snapshot
cut               : int64[g + 1], group k is rows cut[k] to cut[k + 1]
start, to, factor : int64[d, n + 1], uint32[d, arcs], [d, arcs], each way row i hears to[way, start[way, i]:start[way,
                    i + 1]], and how strongly
degree, counts    : [d, n], [n, d, codes], how strong all a node's arcs are, and those to nodes by what they are seen as
"""
Inputs = namedtuple("Inputs", "values place scale share")
"""What rows begin with: values [n, f]; place int64[n] in Weights; scale [d, n], what sums are multiplied by; share [n],
one in how many rows of the snapshot."""

WIDTH = 32
TINY = 1e-5


@njit(cache=True, nogil=True)
def rows_of(codes, starts, tos, factors, groups):
    """Return the rows of snapshots.

    codes                : uint8[graphs, nodes]
    starts, tos, factors : int64[d, nodes + 1], int32[d, arcs], [d, arcs], whom a node hears each way
    groups               : int64[codes], the group of nodes seen so, or -1: they take no part
    """
    graphs, nodes = codes.shape
    ways, kinds = len(starts), len(groups)
    row, cut, room = np.full((graphs, nodes), -1, np.int64), np.zeros(groups.max() + 2, np.int64), 0
    for g in range(graphs):
        for v in range(nodes):
            group = groups[codes[g, v]]
            if group >= 0:
                cut[group + 1] += 1
                for way in range(ways):
                    room += starts[way, v + 1] - starts[way, v]
    cut = np.cumsum(cut)
    ends, n = cut.copy(), cut[-1]
    node, graph = np.empty(n, np.int32), np.empty(n, np.int32)
    for g in range(graphs):
        for v in range(nodes):
            group = groups[codes[g, v]]
            if group >= 0:
                i = ends[group]
                ends[group] += 1
                row[g, v], node[i], graph[i] = i, v, g
    start, to, factor = (
        np.zeros((ways, n + 1), np.int64),
        np.empty((ways, room), np.uint32),
        np.empty((ways, room), factors.dtype),
    )
    degree, counts = np.zeros((ways, n), factors.dtype), np.zeros((n, ways, kinds), factors.dtype)
    for way in range(ways):
        end = 0
        for i in range(n):
            v, g = node[i], graph[i]
            for a in range(starts[way, v], starts[way, v + 1]):
                u, weight = tos[way, a], factors[way, a]
                counts[i, way, codes[g, u]] += weight
                degree[way, i] += weight
                if row[g, u] >= 0:
                    to[way, end], factor[way, end] = row[g, u], weight
                    end += 1
            start[way, i + 1] = end
    return Rows(node, graph, cut, start, to, factor, degree, counts)


@njit(cache=True, nogil=True)
def _times(x, weights, cut, out):
    """Multiply each group's rows by its weights."""
    for k in range(len(cut) - 1):
        low, high = cut[k], cut[k + 1]
        if high > low:
            np.dot(x[low:high], weights[k], out[low:high])


@njit(cache=True, nogil=True)
def _times_back(x, weights, cut, dout, dx, dweights):
    for k in range(len(cut) - 1):
        low, high = cut[k], cut[k + 1]
        if high > low:
            np.dot(dout[low:high], weights[k].T, dx[low:high])
            np.dot(x[low:high].T, dout[low:high], dweights[k])
        else:
            dweights[k] = 0


@njit(cache=True, nogil=True, fastmath=True)
def _hear(start, to, factor, x, column, speaks, listens, out, into, more):
    """Sum up, for every row, columns of the rows it hears, times what those speak by; times what it listens by.

    column, into : the first of the columns of x that are summed up, and of out that they go to
    more         : whether they are added to what is there
    """
    sums, width = np.empty(WIDTH, x.dtype), np.uint64(WIDTH)
    values, result = x.ravel(), out.ravel()
    for i in range(len(x)):
        sums[:] = 0
        for a in range(start[i], start[i + 1]):
            u = np.uint64(to[a])
            low, weight = u * np.uint64(x.shape[1]) + np.uint64(column), speaks[u] * factor[a]
            for j in range(width):
                sums[j] += weight * values[low + j]
        low, weight = np.uint64(i) * np.uint64(out.shape[1]) + np.uint64(into), listens[i]
        if more:
            for j in range(width):
                result[low + j] += sums[j] * weight
        else:
            for j in range(width):
                result[low + j] = sums[j] * weight


@njit(cache=True, nogil=True, fastmath=True)
def _normed(kept, heard, said, graph, norm, h, unit, out, deviation):
    """Set unit to the normalised sum, and out to h and what is above zero of it."""
    one, zero, tiny = h.dtype.type(1), h.dtype.type(0), h.dtype.type(TINY)
    add, gain, shift = norm[0], norm[1], norm[2]
    for i in range(len(h)):
        all_say, mean, square = said[graph[i]], zero, zero
        for j in range(WIDTH):
            t = kept[i, j] + heard[i, j] + all_say[j] + add[j]
            unit[i, j] = t
            mean += t
            square += t * t
        mean /= h.dtype.type(WIDTH)
        inverse = one / np.sqrt(max(square / h.dtype.type(WIDTH) - mean * mean, zero) + tiny)
        deviation[i] = inverse
        for j in range(WIDTH):
            t = (unit[i, j] - mean) * inverse
            unit[i, j] = t
            out[i, j] = h[i, j] + max(t * gain[j] + shift[j], zero)


@njit(cache=True, nogil=True, fastmath=True)
def _normed_back(dout, unit, deviation, graph, norm, dkept, dsaid, dnorm):
    zero, gain, shift = dout.dtype.type(0), norm[1], norm[2]
    dgain, dshift = np.zeros(WIDTH, dout.dtype), np.zeros(WIDTH, dout.dtype)
    for i in range(len(dout)):
        mean, along, total = zero, zero, dsaid[graph[i]]
        for j in range(WIDTH):
            t = unit[i, j]
            d = dout[i, j] if t * gain[j] + shift[j] > zero else zero
            dgain[j] += d * t
            dshift[j] += d
            d *= gain[j]
            dkept[i, j] = d
            mean += d
            along += d * t
        mean /= dout.dtype.type(WIDTH)
        along /= dout.dtype.type(WIDTH)
        for j in range(WIDTH):
            d = deviation[i] * (dkept[i, j] - mean - unit[i, j] * along)
            dkept[i, j] = d
            total[j] += d
    for j in range(WIDTH):
        dnorm[0, j], dnorm[1, j], dnorm[2, j] = dsaid[:, j].sum(), dgain[j], dshift[j]


@njit(cache=True, nogil=True, fastmath=True)
def _average(h, graph, share, out):
    for i in range(len(h)):
        for j in range(WIDTH):
            out[graph[i], j] += share[i] * h[i, j]


@njit(cache=True, nogil=True, fastmath=True)
def _gather(dkept, daverage, graph, share, dh):
    """Add to the gradient of a layer's beginning what comes by its messages and by the average."""
    for i in range(len(dh)):
        along, all_say = share[i], daverage[graph[i]]
        for j in range(WIDTH):
            dh[i, j] += dkept[i, j] + along * all_say[j]


@njit(cache=True, nogil=True, fastmath=True)
def _placed(h, place, values):
    zero = h.dtype.type(0)
    for i in range(len(h)):
        own = values[place[i]]
        for j in range(WIDTH):
            h[i, j] = max(h[i, j] + own[j], zero)


@njit(cache=True, nogil=True, fastmath=True)
def _placed_back(h, dh, dfirst, place):
    zero = h.dtype.type(0)
    for i in range(len(h)):
        for j in range(WIDTH):
            d = dh[i, j] + dfirst[i, j] if h[i, j] > zero else zero
            dh[i, j] = d
            place[i, j] = d


@njit(cache=True, nogil=True, fastmath=True)
def _ended(last, first, hidden, out, scores):
    zero = last.dtype.type(0)
    for i in range(len(scores)):
        total = zero
        for j in range(WIDTH):
            t = max(last[i, j] + first[i, j] + hidden[j], zero)
            last[i, j] = t
            total += t * out[j]
        scores[i] += total


@njit(cache=True, nogil=True, fastmath=True)
def _ended_back(dscores, last, out, dlast, dhidden, dout):
    zero = last.dtype.type(0)
    for i in range(len(dscores)):
        for j in range(WIDTH):
            dout[j] += dscores[i] * last[i, j]
            d = dscores[i] * out[j] if last[i, j] > zero else zero
            dlast[i, j] = d
            dhidden[j] += d


@njit(cache=True, nogil=True)
def _as_logs(scores, graph, graphs):
    """Make scores the logarithms of probabilities that add up to one in every snapshot."""
    top, total = np.full(graphs, -np.inf), np.zeros(graphs)
    for i in range(len(scores)):
        top[graph[i]] = max(top[graph[i]], scores[i])
    for i in range(len(scores)):
        total[graph[i]] += np.exp(scores[i] - top[graph[i]])
    whole = top + np.log(total)
    for i in range(len(scores)):
        scores[i] -= whole[graph[i]]


@njit(cache=True, nogil=True)
def room_for(rows, layers, ways):
    """Return how many values of scratch so many rows need."""
    return rows * (WIDTH * (2 * layers + ways + 6) + layers)


@njit(cache=True, nogil=True)
def _shares(room, rows, layers, ways):
    """Share scratch out: the values before and after each layer, and what the way back wants to find again."""
    wide, at = rows * WIDTH, (layers + 1) * rows * WIDTH
    h = room[:at].reshape(layers + 1, rows, WIDTH)
    unit = room[at : at + layers * wide].reshape(layers, rows, WIDTH)
    at += layers * wide
    sent = room[at : at + (1 + ways) * wide].reshape(rows, (1 + ways) * WIDTH)
    at += (1 + ways) * wide
    free = room[at : at + 4 * wide].reshape(4, rows, WIDTH)
    at += 4 * wide
    return h, unit, sent, free, room[at : at + layers * rows].reshape(layers, rows)


@njit(cache=True, nogil=True)
def _forward(weights, rows, inputs, room, averages):
    """Return the rows' log-probabilities; what lies in room leads back."""
    layers, ways, n = len(weights.layer), len(rows.start), len(rows.node)
    h, unit, sent, free, deviation = _shares(room, n, layers, ways)
    heard, other = free[0], free[1]
    ones, said = np.ones(n, room.dtype), np.empty_like(averages[0])
    _times(inputs.values, weights.start, rows.cut, h[0])
    _placed(h[0], inputs.place, weights.place)
    for layer in range(layers):
        _times(h[layer], weights.layer[layer], rows.cut, sent)
        for way in range(ways):
            start, to, factor, column = rows.start[way], rows.to[way], rows.factor[way], (1 + way) * WIDTH
            _hear(start, to, factor, sent, column, ones, inputs.scale[way], heard, 0, way > 0)
        _average(h[layer], rows.graph, inputs.share, averages[layer])
        np.dot(averages[layer], weights.whole[layer], said)
        norm = weights.norm[layer]
        _normed(sent, heard, said, rows.graph, norm, h[layer], unit[layer], h[layer + 1], deviation[layer])
    scores = weights.bias[inputs.place]
    _times(h[layers], weights.last, rows.cut, heard)
    _times(h[0], weights.first, rows.cut, other)
    _ended(heard, other, weights.hidden, weights.out, scores)
    _as_logs(scores, rows.graph, len(said))
    return scores


@njit(cache=True, nogil=True)
def log_probabilities(weights, rows, inputs, room, graphs):
    """Return the log-probability of every row to be the source of its snapshot."""
    return _forward(weights, rows, inputs, room, np.zeros((len(weights.layer), graphs, WIDTH), room.dtype))


@njit(cache=True, nogil=True)
def gradient(weights, rows, inputs, room, wanted, graphs, slope, place):
    """Set slope to the gradient of the cross-entropy, summed over snapshots, and return the log-probabilities.

    wanted : the probabilities that are right, a row; they add up to one in every snapshot
    slope  : Weights, of which place and bias are left: a row's gradient of both goes to place [n, WIDTH + 1]
    """
    layers, ways, n = len(weights.layer), len(rows.start), len(rows.node)
    averages = np.zeros((layers, graphs, WIDTH), room.dtype)
    scores = _forward(weights, rows, inputs, room, averages)
    h, unit, sent, free, deviation = _shares(room, n, layers, ways)
    heard, other, dh, dfirst = free[0], free[1], free[2], free[3]
    ones, dsaid, daverage = np.ones(n, room.dtype), np.empty_like(averages[0]), np.empty_like(averages[0])
    dscores = np.exp(scores) - wanted
    slope.hidden[:] = 0
    slope.out[:] = 0
    _ended_back(dscores, heard, weights.out, other, slope.hidden, slope.out)
    _times_back(h[layers], weights.last, rows.cut, other, dh, slope.last)
    _times_back(h[0], weights.first, rows.cut, other, dfirst, slope.first)
    for layer in range(layers - 1, -1, -1):
        dsaid[:] = 0
        norm = weights.norm[layer]
        _normed_back(dh, unit[layer], deviation[layer], rows.graph, norm, sent, dsaid, slope.norm[layer])
        for way in range(ways):
            back, column = ways - 1 - way, (1 + way) * WIDTH  # whom one way hears, the other way is heard by
            start, to, factor = rows.start[back], rows.to[back], rows.factor[back]
            _hear(start, to, factor, sent, 0, inputs.scale[way], ones, sent, column, False)
        np.dot(averages[layer].T, dsaid, slope.whole[layer])
        np.dot(dsaid, weights.whole[layer].T, daverage)
        _times_back(h[layer], weights.layer[layer], rows.cut, sent, heard, slope.layer[layer])
        _gather(heard, daverage, rows.graph, inputs.share, dh)
    _placed_back(h[0], dh, dfirst, place)
    place[:, WIDTH] = dscores
    for k in range(len(rows.cut) - 1):
        low, high = rows.cut[k], rows.cut[k + 1]
        np.dot(inputs.values[low:high].T, dh[low:high], slope.start[k])
    return scores


@njit(cache=True, nogil=True, fastmath=True)
def scatter(place, slopes, dplace, dbias):
    """Add the gradients of rows to those of their places."""
    for i in range(len(place)):
        own, more = dplace[place[i]], slopes[i]
        for j in range(WIDTH):
            own[j] += more[j]
        dbias[place[i]] += more[WIDTH]


@njit(cache=True, nogil=True, fastmath=True)
def adam(values, slope, first, second, mean, rates):
    """Take a step of Adam (Kingma & Ba 2015), and move the mean of the values since (Polyak & Juditsky 1992) along.

    rates : of learning; 1 - beta1, 1 - beta2; 1 - beta1^t, 1 - beta2^t; what the slope is multiplied by; of the mean
    """
    rate, low, high, low_t, high_t, clip, along = rates
    tiny = values.dtype.type(1e-8)
    for i in range(len(values)):
        d = slope[i] * clip
        first[i] += low * (d - first[i])
        second[i] += high * (d * d - second[i])
        values[i] -= rate * (first[i] / low_t) / (np.sqrt(second[i] / high_t) + tiny)
        mean[i] += along * (values[i] - mean[i])
