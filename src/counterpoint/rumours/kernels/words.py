"""512 runs at once in broadcast: a run is a lane, a bit of every word, and its states, classes and draws are its own.

For every node the neighbours in a state are counted in all lanes together, as binary numbers of which bit b of every
lane lies in one plane (carry-save adders: Harley & Seal, in Warren 2012). Somebody who meets n such neighbours is left
alone with probability q^n, the product of q^(2^b) over the bits of n: so every plane takes one draw with a fixed
probability, and nobody needs n itself. Where contacts with different states would lead apart, the first of either kind
has its time, and the earlier is it (see `spread`).
Runs of one lot go in step: what is rare then is rare in all lanes at once, and costs no draws.
"""

from collections import namedtuple

import numpy as np
from numba import njit, prange

from counterpoint.rumours.kernels.keyed import STRIDE, mixed, under, uniform
from counterpoint.rumours.kernels.lanes import COUNT, WORDS, drawn, load, mark, nothing, some, splat, store, trailing
from counterpoint.rumours.kernels.spread import SMALL

Groups = namedtuple("Groups", "of fields hears chance coins leaves into become apart race")
"""A model for lanes: g groups of (class, state) that nothing distinguishes, k states, f fields, b planes.

of      : uint8[c, k], the group of a class in a state, or NONE if it is inert
fields  : int64[f], the states that matter to those who meet them
hears   : bool[f, g], contact with the field may change the group
chance  : float64[g, f], P(change) of one contact
coins   : uint64[f + 1, b, BITS + 1, g], P(one of 2^b contacts changes) in binary, each digit in all bits, then whether
          it is certain; the last field is changing by oneself, of which only plane 0 counts
leaves  : bool[g], who is in it may change alone
into    : uint8[g, f + 1], the one state that a field leads to; or SEVERAL
become  : float64[g, f + 1, k], to which states and how probably, cumulated
apart   : bool[g], different fields lead to different states
race    : float32[g, m, m], of two fields: P(the first field's contact is the earlier | contacts with either change),
          by how many of each there are
"""
Runs = namedtuple("Runs", "sources plant_at plant_to plants shares start source until")
"""What is to be run.

sources  : int32[runs, sources]; plants: int32[runs, plants], nodes put into the state plant_to before step plant_at
shares   : uint64[c - 1, BITS + 1, 1], P(a class, of those that no earlier class has) as coins
start, source : the state everybody begins in, and the sources'; until: the last step
"""
Heard = namedtuple("Heard", "start nodes")

NONE = SEVERAL = 255
BITS = 32
STEP = np.uint64(WORDS * int(STRIDE) % 2**64)  # keys that one digit of all lanes takes
ROW = np.uint64(WORDS * BITS * int(STRIDE) % 2**64)  # keys that one plane's coins take
SETTLE, SPLIT = np.uint64(1 << 40), np.uint64(1 << 41)  # what a node's other draws are for
CLASSES = 1 << 62  # the draws of who is what; steps have their own numbers


@njit(cache=True, inline="always")
def _digit(groups, first, coins, field, plane, digit):
    """Return one binary digit of every lane's chance."""
    chance = nothing()
    for g in range(coins.shape[3]):
        chance = chance | (load(groups, first + g * WORDS) & splat(coins[field, plane, digit, g]))
    return chance


@njit(cache=True)
def _tossed(among, groups, first, coins, field, plane, key):
    """Return those lanes whose coin falls: a binary fraction drawn digit by digit until it differs from the chance."""
    won = nothing()
    for digit in range(0, BITS, 2):
        chance, r = _digit(groups, first, coins, field, plane, digit), drawn(key)
        after, s = _digit(groups, first, coins, field, plane, digit + 1), drawn(key + STEP)
        key += STEP + STEP
        won = won | (among & chance & ~r)
        among = among & ~(chance ^ r)
        won = won | (among & after & ~s)
        among = among & ~(after ^ s)
        if not some(among):
            return won
    return won | (among & _digit(groups, first, coins, field, plane, BITS))


@njit(cache=True)
def _ripple(planes, place, plane, carry):
    while some(carry):
        old = load(planes, place + plane * WORDS)
        store(planes, place + plane * WORDS, old ^ carry)
        carry = old & carry
        plane += 1


@njit(cache=True)
def _tally(bits, row, heard, low, high, planes, place, count):
    """Count in every lane how many of the nodes heard[low:high] are set in `bits` from `row` on; write the planes."""
    zero = nothing()
    for plane in range(count):
        store(planes, place + plane * WORDS, zero)
    ones, twos, fours = zero, zero, zero
    at = low
    while at + 8 <= high:
        a, b = load(bits, (row + np.int64(heard[at])) * WORDS), load(bits, (row + np.int64(heard[at + 1])) * WORDS)
        u = ones ^ a
        two_a, ones = (ones & a) | (u & b), u ^ b
        a, b = load(bits, (row + np.int64(heard[at + 2])) * WORDS), load(bits, (row + np.int64(heard[at + 3])) * WORDS)
        u = ones ^ a
        two_b, ones = (ones & a) | (u & b), u ^ b
        u = twos ^ two_a
        four_a, twos = (twos & two_a) | (u & two_b), u ^ two_b
        a, b = load(bits, (row + np.int64(heard[at + 4])) * WORDS), load(bits, (row + np.int64(heard[at + 5])) * WORDS)
        u = ones ^ a
        two_a, ones = (ones & a) | (u & b), u ^ b
        a, b = load(bits, (row + np.int64(heard[at + 6])) * WORDS), load(bits, (row + np.int64(heard[at + 7])) * WORDS)
        u = ones ^ a
        two_b, ones = (ones & a) | (u & b), u ^ b
        u = twos ^ two_a
        four_b, twos = (twos & two_a) | (u & two_b), u ^ two_b
        u = fours ^ four_a
        eight, fours = (fours & four_a) | (u & four_b), u ^ four_b
        _ripple(planes, place, 3, eight)
        at += 8
    while at < high:
        a = load(bits, (row + np.int64(heard[at])) * WORDS)
        two, ones = ones & a, ones ^ a
        four, twos = twos & two, twos ^ two
        eight, fours = fours & four, fours ^ four
        _ripple(planes, place, 3, eight)
        at += 1
    store(planes, place, ones)
    if count > 1:
        store(planes, place + WORDS, twos)
    if count > 2:
        store(planes, place + 2 * WORDS, fours)


@njit(cache=True)
def _digits(n):
    count = 0
    while n:
        n >>= 1
        count += 1
    return count


@njit(cache=True)
def _bit(array, place, lane):
    return (array[place + (lane >> 6)] >> np.uint64(lane & 63)) & np.uint64(1)


@njit(cache=True, inline="always")
def _number(planes, place, digits, word, shift):
    """Return the number that a lane's bits in the planes are."""
    n = np.int64(0)
    for plane in range(digits):
        n |= np.int64((planes[place + plane * WORDS + word] >> shift) & np.uint64(1)) << plane
    return n


@njit(cache=True)
def _earliest(law, g, planes, stride, digits, won, word, shift, key):
    """Return the field of the earliest contact that changes a node: the first of each field has its time."""
    best, field = 2.0, -1
    for f in range(law.chance.shape[1]):
        if (won[f * WORDS + word] >> shift) & np.uint64(1):
            n = _number(planes, f * stride, digits, word, shift)
            p = law.chance[g, f]
            time = (1.0 - (1.0 - uniform(under(key, f)) * (1.0 - (1.0 - p) ** n)) ** (1.0 / n)) / p
            if time < best:
                best, field = time, f
    return field


@njit(cache=True)
def _lay_bytes(planes, place, digits, counts):
    """Write every lane's number as a byte, of which one bit stands for SMALL and all above."""
    counts[:] = 0
    for plane in range(digits):
        value = np.uint8(min(1 << plane, SMALL))
        for word in range(WORDS):
            mark(counts, word * 64, planes[place + plane * WORDS + word], value)


@njit(cache=True)
def _settle(groups, law, conflict, planes, stride, digits, won, counts, key):
    """Leave in `won` one field for each lane in `conflict`: that of the earliest contact."""
    fields, most = law.chance.shape[1], law.race.shape[1]
    if fields == 2:
        _lay_bytes(planes, 0, digits, counts[0])
        _lay_bytes(planes, stride, digits, counts[1])
    for word in range(WORDS):
        left = conflict[word]
        while left:
            shift = np.uint64(trailing(left))
            lowest = left & -left
            left ^= lowest
            g = 0
            while not (law.apart[g] and groups[g * WORDS + word] & lowest):
                g += 1
            lane = np.uint64(word * 64) + shift
            own = mixed(key + lane * STRIDE)
            if fields == 2:
                one, other = counts[0, lane], counts[1, lane]
                if one < most and other < most:
                    loser = 1 if uniform(own) < law.race[g, one, other] else 0
                    won[loser * WORDS + word] ^= lowest
                    continue
            field = _earliest(law, g, planes, stride, digits, won, word, shift, own)
            for f in range(fields):
                if f != field:
                    won[f * WORDS + word] &= ~lowest


@njit(cache=True)
def _split(law, g, f, lanes_won, arrive, key):
    """Send each lane of a group that a field changed to one of the states it may lead to."""
    for word in range(WORDS):
        left = lanes_won[word]
        while left:
            lowest = left & -left
            left ^= lowest
            r = uniform(mixed(key ^ (lowest + np.uint64(word))))
            k = 0
            while r >= law.become[g, f, k] and k + 1 < law.become.shape[2]:
                k += 1
            arrive[k * WORDS + word] |= lowest


@njit(cache=True)
def _grouped(v, nodes, law, kinds, now, going, groups):
    """Write who of node v's lanes is in which group; return those that are in any."""
    classes, states = law.of.shape
    for g in range(len(law.apart)):
        store(groups, g * WORDS, nothing())
    alive, ordinary = nothing(), going
    for c in range(classes - 1, -1, -1):
        among = ordinary
        if c:
            among = load(kinds, ((c - 1) * nodes + v) * WORDS) & going
            ordinary = ordinary & ~among
        for s in range(states):
            g = law.of[c, s]
            if g != NONE:
                mine = load(now, (s * nodes + v) * WORDS) & among
                store(groups, g * WORDS, load(groups, g * WORDS) | mine)
                alive = alive | mine
    return alive


@njit(cache=True)
def _those(groups, which):
    """Return the lanes of all groups that are marked."""
    found = nothing()
    for g in range(len(which)):
        if which[g]:
            found = found | load(groups, g * WORDS)
    return found


@njit(cache=True)
def _met(f, hears, law, planes, digits, groups, key):
    """Return the lanes that contact with a field changes, and those in which it might have."""
    base, success, lively = f * law.coins.shape[1], nothing(), nothing()
    for plane in range(digits - 1, -1, -1):
        met = hears & load(planes, (base + plane) * WORDS)
        lively = lively | met
        among = met & ~success
        if some(among):
            success = success | _tossed(among, groups, 0, law.coins, f, plane, key + np.uint64(base + plane) * ROW)
    return success, lively


@njit(cache=True)
def _moved(law, groups, won, moved, arrive, spare, key):
    """Write to which state the lanes that change go."""
    fields = law.chance.shape[1]
    for s in range(law.of.shape[1]):
        store(arrive, s * WORDS, nothing())
    for g in range(len(law.apart)):
        own = load(groups, g * WORDS) & moved
        if some(own):
            for f in range(fields + 1):
                mine = own & load(won, f * WORDS)
                k = np.int64(law.into[g, f])
                if k != SEVERAL:
                    store(arrive, k * WORDS, load(arrive, k * WORDS) | mine)
                elif some(mine):
                    store(spare, 0, mine)
                    _split(law, g, f, spare, arrive, under(key, np.uint64(g * (fields + 1) + f)))


@njit(cache=True)
def _node(v, heard, law, kinds, now, then, running, live, room, counts, key):
    """Let node v meet all it hears, in every lane."""
    planes, groups, won, arrive, spare = room
    nodes, states, fields = len(heard.start) - 1, law.of.shape[1], law.chance.shape[1]
    alive = _grouped(v, nodes, law, kinds, now, load(running, 0), groups)
    if not some(alive):
        for s in range(states):
            store(then, (s * nodes + v) * WORDS, load(now, (s * nodes + v) * WORDS))
        return
    low, high = heard.start[v], heard.start[v + 1]
    digits, stride = _digits(high - low), law.coins.shape[1] * WORDS
    once, twice, lively = nothing(), nothing(), load(live, 0)
    for f in range(fields):
        hears, success = _those(groups, law.hears[f]), nothing()
        if digits and some(hears):
            _tally(now, law.fields[f] * nodes, heard.nodes, low, high, planes, f * stride, digits)
            success, might = _met(f, hears, law, planes, digits, groups, key)
            lively = lively | might
        store(won, f * WORDS, success)
        twice = twice | (once & success)
        once = once | success
    if some(twice):
        apart, earlier = _those(groups, law.apart), load(won, 0)
        for f in range(1, fields):
            mine = load(won, f * WORDS)
            store(won, f * WORDS, mine & ~(earlier & ~apart))
            earlier = earlier | mine
        if some(twice & apart):
            store(spare, 0, twice & apart)
            _settle(groups, law, spare, planes, stride, digits, won, counts, under(key, SETTLE))
    alone = _those(groups, law.leaves)
    lively, left = lively | alone, nothing()
    if some(alone & ~once):
        left = _tossed(
            alone & ~once, groups, 0, law.coins, fields, 0, key + np.uint64(fields * law.coins.shape[1]) * ROW
        )
    store(won, fields * WORDS, left)
    store(live, 0, lively)
    _moved(law, groups, won, once | left, arrive, spare, under(key, SPLIT))
    for s in range(states):
        place = (s * nodes + v) * WORDS
        store(then, place, (load(now, place) & ~(once | left)) | load(arrive, s * WORDS))


@njit(cache=True)
def _step(heard, law, kinds, now, then, running, live, room, counts, key):
    """Take one step in all lanes; `live` says afterwards in which of them anything may have changed."""
    store(live, 0, nothing())
    for v in range(len(heard.start) - 1):
        _node(v, heard, law, kinds, now, then, running, live, room, counts, under(key, v))


@njit(cache=True)
def _begin(runs, law, first, last, now, kinds, key):
    """Put the runs from `first` to before `last` into lanes: everybody in the start state but the sources; classes."""
    classes = law.of.shape[0]
    nodes = len(kinds) // max(classes - 1, 1) // WORDS
    full = np.zeros(WORDS, np.uint64)
    for lane in range(last - first):
        full[lane >> 6] |= np.uint64(1) << np.uint64(lane & 63)
    for v in range(nodes):
        store(now, (runs.start * nodes + v) * WORDS, load(full, 0))
        left, own = load(full, 0), under(key, v)
        for c in range(classes - 1):
            mine = _tossed(left, full, 0, runs.shares, c, 0, own + np.uint64(c) * ROW)
            store(kinds, (c * nodes + v) * WORDS, mine)
            left = left & ~mine
    for lane in range(last - first):
        word, bit = lane >> 6, np.uint64(1) << np.uint64(lane & 63)
        for at in range(runs.sources.shape[1]):
            v = runs.sources[first + lane, at]
            now[(runs.start * nodes + v) * WORDS + word] &= ~bit
            now[(runs.source * nodes + v) * WORDS + word] |= bit
            for c in range(classes - 1):
                kinds[(c * nodes + v) * WORDS + word] &= ~bit
    return full


@njit(cache=True)
def _plant(runs, first, last, t, nodes, states, now, stocks, entries):
    """Put into place what is planted before step t, and correct the stocks after the step before."""
    for at in range(len(runs.plant_at)):
        if runs.plant_at[at] == t:
            for run in range(first, last):
                v, lane = runs.plants[run, at], run - first
                if v >= 0:
                    word, bit = lane >> 6, np.uint64(1) << np.uint64(lane & 63)
                    old, to = 0, runs.plant_to[at]
                    for s in range(states):
                        if now[(s * nodes + v) * WORDS + word] & bit:
                            old = s
                        now[(s * nodes + v) * WORDS + word] &= ~bit
                    now[(to * nodes + v) * WORDS + word] |= bit
                    stocks[run, t, old] -= 1
                    stocks[run, t, to] += 1
                    entries[run, t, to] += old != to


@njit(cache=True)
def _census(now, before, nodes, states, all_nodes, planes, digits, held, came):
    """Count who is in each state and who came to it since `before`, in every lane: int32[states, COUNT]."""
    fresh = np.empty(WORDS * nodes, np.uint64)
    for s in range(states):
        _tally(now, s * nodes, all_nodes, 0, nodes, planes, 0, digits)
        _lay(planes, digits, held[s])
        for v in range(nodes):
            place = (s * nodes + v) * WORDS
            store(fresh, v * WORDS, load(now, place) & ~load(before, place))
        _tally(fresh, 0, all_nodes, 0, nodes, planes, 0, digits)
        _lay(planes, digits, came[s])


@njit(cache=True)
def _lay(planes, digits, counts):
    """Turn planes into numbers, one a lane."""
    counts[:] = 0
    for plane in range(digits):
        for word in range(WORDS):
            bits = planes[plane * WORDS + word]
            for lane in range(64):
                counts[word * 64 + lane] += np.int32((bits >> np.uint64(lane)) & np.uint64(1)) << plane


@njit(cache=True)
def _batch(heard, law, runs, first, last, key, stocks, entries, ended):
    """Run the runs from `first` to before `last`, at most COUNT."""
    nodes, states, classes = len(heard.start) - 1, law.of.shape[1], law.of.shape[0]
    fields, digits = law.chance.shape[1], _digits(nodes)
    now, then = np.zeros(states * nodes * WORDS, np.uint64), np.zeros(states * nodes * WORDS, np.uint64)
    kinds, live = np.zeros(max(classes - 1, 1) * nodes * WORDS, np.uint64), np.zeros(WORDS, np.uint64)
    room = (
        np.zeros(fields * law.coins.shape[1] * WORDS, np.uint64),
        np.zeros(len(law.chance) * WORDS, np.uint64),
        np.zeros((fields + 1) * WORDS, np.uint64),
        np.zeros(states * WORDS, np.uint64),
        np.zeros(WORDS, np.uint64),
    )
    counts = np.zeros((2, COUNT), np.uint8)
    census, all_nodes = np.zeros(digits * WORDS, np.uint64), np.arange(nodes).astype(np.uint32)
    held, came = np.zeros((states, COUNT), np.int32), np.zeros((states, COUNT), np.int32)
    last_plant = -1
    for at in range(len(runs.plant_at)):
        last_plant = max(last_plant, runs.plant_at[at])
    running = _begin(runs, law, first, last, now, kinds, under(key, CLASSES))
    for run in range(first, last):
        stocks[run, 0, runs.start] = nodes - runs.sources.shape[1]
        stocks[run, 0, runs.source] += runs.sources.shape[1]
        ended[run] = -1
    for t in range(runs.until):
        _plant(runs, first, last, t, nodes, states, now, stocks, entries)
        _step(heard, law, kinds, now, then, running, live, room, counts, under(key, t))
        going = False
        for run in range(first, last):
            if ended[run] < 0 and t >= last_plant and not _bit(live, 0, run - first):
                ended[run] = t
            going |= ended[run] < 0
        if not going:
            break
        if t >= last_plant:
            running[:] = live
        _census(then, now, nodes, states, all_nodes, census, digits, held, came)
        now, then = then, now
        for run in range(first, last):
            for s in range(states):
                stocks[run, t + 1, s] = held[s, run - first]
                entries[run, t + 1, s] = came[s, run - first]
    for run in range(first, last):
        if ended[run] < 0:
            ended[run] = runs.until


@njit(cache=True, parallel=True)
def ensemble(heard, law, runs, key, stocks, entries, ended):
    """Run every run, COUNT at a time, each lot on one thread.

    stocks, entries : int32[runs, steps + 1, k], who is in a state after each step, and came to it in it; zeros. A lot's
                      rows end with its last change
    ended           : int64[runs], the step after which nothing could change
    """
    for lot in prange((len(ended) + COUNT - 1) // COUNT):
        first = lot * COUNT
        last = min(first + COUNT, len(ended))
        _batch(heard, law, runs, first, last, under(key, lot), stocks, entries, ended)
