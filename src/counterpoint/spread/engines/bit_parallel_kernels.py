"""512 runs at once in broadcast: a run is a lane, a bit of every word, and its states, classes and draws are its own.

For every node the neighbours in a state are counted in all lanes together, as binary numbers of which bit b of every
lane lies in one plane (carry-save adders: Harley & Seal, in Warren 2012). Somebody who meets n such neighbours is left
alone with probability q^n, the product of q^(2^b) over the bits of n: so every plane takes one draw with a fixed
probability, and nobody needs n itself. Where contacts with different states would lead apart, the first of either kind
has its time, and the earlier is it (see `spread`).
Runs of one lot of 512 go in step, as `_lot` has them do:
what is rare then is rare in all lanes at once, and costs no draws.
"""

# mypy: ignore-errors

from collections import namedtuple

import numpy as np
from numba import njit, prange

from counterpoint.counter_rng_kernels import STRIDE, mixed, under, uniform
from counterpoint.spread.engines.contact_order_kernels import SMALL
from counterpoint.spread.engines.initial_state_kernels import PEOPLE
from counterpoint.spread.engines.replicas_kernels import (
    COUNT,
    WORDS,
    address,
    byte,
    drawn,
    load,
    mark,
    nothing,
    put,
    real,
    short,
    single,
    some,
    splat,
    store,
    trailing,
    whole,
    word,
)

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

sources  : int32[runs, sources]
plants   : int32[runs, plants], nodes put into the state plant_to after step plant_at
shares   : uint64[c - 1, BITS + 1, 1], P(a class, of those that no earlier class has) as coins
start, source : the state everybody begins in, and the sources'; until: the last step
"""
Heard = namedtuple("Heard", "start nodes")
LotRecord = namedtuple("LotRecord", "stocks entries ended planted")
"""What runs leave.

stocks, entries : int32[steps + 1, runs, k], who is in a state after each step, and came to it in it; zeros at first.
                  A lot's rows end with its last change
ended           : int64[runs], the step after which nothing could change
planted         : int64[runs], how many were put from the first state into another
"""
Size = namedtuple("Size", "nodes classes states fields groups planes")
At = namedtuple(
    "At",
    "start heard of fields hears chance coins leaves into become apart race"  # what `Heard` and `Groups` hold
    " kinds running live planes own won arrive spare counts",  # what a lot of runs holds, and a node needs at a time
)
"""Addresses (see `lanes.address`).

kinds         : lanes[c - 1, nodes], who is of a class
running, live : lanes, who is still on the way, and where anything may have changed in this step
planes        : lanes[f, b], how many neighbours are in a field, in binary
own           : lanes[g], who is in a group
won           : lanes[f + 1], who is changed by contact with a field, or alone
arrive        : lanes[k], who comes to a state
spare, counts : lanes, uint8[2, COUNT], to work with
"""

NONE = SEVERAL = 255
BITS = 32
STEP = np.uint64(WORDS * int(STRIDE) % 2**64)  # keys that one digit of all lanes takes
ROW = np.uint64(WORDS * BITS * int(STRIDE) % 2**64)  # keys that one plane's coins take
SETTLE, SPLIT = np.uint64(1 << 40), np.uint64(1 << 41)  # what a node's other draws are for


@njit(cache=True, inline="always")
def _digit(own, count, coins, row):
    """Return one binary digit of every lane's chance."""
    chance = nothing()
    for g in range(count):
        chance = chance | (load(own, g) & splat(word(coins, row * count + g)))
    return chance


@njit(cache=True)
def _tossed(among, own, count, coins, plane, key):
    """Return those lanes whose coin falls: a binary fraction drawn digit by digit until it differs from the chance."""
    won, row = nothing(), plane * (BITS + 1)
    for digit in range(0, BITS, 2):
        chance, r = _digit(own, count, coins, row + digit), drawn(key)
        after, s = _digit(own, count, coins, row + digit + 1), drawn(key + STEP)
        key += STEP + STEP
        won = won | (among & chance & ~r)
        among = among & ~(chance ^ r)
        won = won | (among & after & ~s)
        among = among & ~(after ^ s)
        if not some(among):
            return won
    return won | (among & _digit(own, count, coins, row + BITS))


@njit(cache=True)
def _ripple(planes, plane, carry):
    while some(carry):
        old = load(planes, plane)
        store(planes, plane, old ^ carry)
        carry = old & carry
        plane += 1


@njit(cache=True)
def _tally(bits, heard, low, high, planes, count):
    """Count in every lane how many of the nodes heard[low:high] are set in `bits`; write the planes."""
    zero = nothing()
    for plane in range(count):
        store(planes, plane, zero)
    ones, twos, fours = zero, zero, zero
    at = low
    while at + 8 <= high:
        a, b = load(bits, np.int64(short(heard, at))), load(bits, np.int64(short(heard, at + 1)))
        u = ones ^ a
        two_a, ones = (ones & a) | (u & b), u ^ b
        a, b = load(bits, np.int64(short(heard, at + 2))), load(bits, np.int64(short(heard, at + 3)))
        u = ones ^ a
        two_b, ones = (ones & a) | (u & b), u ^ b
        u = twos ^ two_a
        four_a, twos = (twos & two_a) | (u & two_b), u ^ two_b
        a, b = load(bits, np.int64(short(heard, at + 4))), load(bits, np.int64(short(heard, at + 5)))
        u = ones ^ a
        two_a, ones = (ones & a) | (u & b), u ^ b
        a, b = load(bits, np.int64(short(heard, at + 6))), load(bits, np.int64(short(heard, at + 7)))
        u = ones ^ a
        two_b, ones = (ones & a) | (u & b), u ^ b
        u = twos ^ two_a
        four_b, twos = (twos & two_a) | (u & two_b), u ^ two_b
        u = fours ^ four_a
        eight, fours = (fours & four_a) | (u & four_b), u ^ four_b
        _ripple(planes, 3, eight)
        at += 8
    while at < high:
        a = load(bits, np.int64(short(heard, at)))
        two, ones = ones & a, ones ^ a
        four, twos = twos & two, twos ^ two
        eight, fours = fours & four, fours ^ four
        _ripple(planes, 3, eight)
        at += 1
    store(planes, 0, ones)
    if count > 1:
        store(planes, 1, twos)
    if count > 2:
        store(planes, 2, fours)


@njit(cache=True)
def _digits(n):
    count = 0
    while n:
        n >>= 1
        count += 1
    return count


@njit(cache=True)
def _grouped(v, now, at, size):
    """Write who of node v's lanes is in which group; return those that are in any."""
    for g in range(size.groups):
        store(at.own, g, nothing())
    alive, ordinary = nothing(), load(at.running, 0)
    for c in range(size.classes - 1, -1, -1):
        among = ordinary
        if c:
            among = load(at.kinds, (c - 1) * size.nodes + v) & ordinary
            ordinary = ordinary & ~among
        for s in range(size.states):
            g = np.int64(byte(at.of, c * size.states + s))
            if g != NONE:
                mine = load(now, s * size.nodes + v) & among
                store(at.own, g, load(at.own, g) | mine)
                alive = alive | mine
    return alive


@njit(cache=True)
def _those(own, which, count):
    """Return the lanes of all groups that are marked."""
    found = nothing()
    for g in range(count):
        if byte(which, g):
            found = found | load(own, g)
    return found


@njit(cache=True)
def _met(f, hears, digits, at, size, key):
    """Return the lanes that contact with a field changes, and those in which it might have."""
    base, success, lively = f * size.planes, nothing(), nothing()
    for plane in range(base + digits - 1, base - 1, -1):
        met = hears & load(at.planes, plane)
        lively = lively | met
        among = met & ~success
        if some(among):
            success = success | _tossed(among, at.own, size.groups, at.coins, plane, key + np.uint64(plane) * ROW)
    return success, lively


@njit(cache=True)
def _number(planes, digits, part, shift):
    """Return the number that a lane's bits in the planes are."""
    n = np.int64(0)
    for plane in range(digits):
        n |= np.int64((word(planes, plane * WORDS + part) >> shift) & np.uint64(1)) << plane
    return n


@njit(cache=True)
def _earliest(g, digits, part, shift, at, size, key):
    """Return the field of the earliest contact that changes a node: the first of each field has its time."""
    best, field = 2.0, -1
    for f in range(size.fields):
        if (word(at.won, f * WORDS + part) >> shift) & np.uint64(1):
            n = _number(at.planes + f * size.planes * WORDS * 8, digits, part, shift)
            p = real(at.chance, g * size.fields + f)
            time = (1.0 - (1.0 - uniform(under(key, f)) * (1.0 - (1.0 - p) ** n)) ** (1.0 / n)) / p
            if time < best:
                best, field = time, f
    return field


@njit(cache=True)
def _as_bytes(f, digits, at, size):
    """Write every lane's count of a field as a byte, of which one bit stands for SMALL and all above."""
    for part in range(WORDS):
        store(at.counts, f * WORDS + part, nothing())
    for plane in range(digits):
        value = np.uint8(min(1 << plane, SMALL))
        for part in range(WORDS):
            mark(at.counts, f * COUNT + part * 64, word(at.planes, (f * size.planes + plane) * WORDS + part), value)


@njit(cache=True)
def _settle(conflict, digits, at, size, key):
    """Leave in `won` one field for each lane in `conflict`: that of the earliest contact."""
    store(at.spare, 0, conflict)
    if size.fields == 2:
        _as_bytes(0, digits, at, size)
        _as_bytes(1, digits, at, size)
    for part in range(WORDS):
        left = word(at.spare, part)
        while left:
            shift = np.uint64(trailing(left))
            lowest = left & -left
            left ^= lowest
            g = 0
            while not (byte(at.apart, g) and word(at.own, g * WORDS + part) & lowest):
                g += 1
            lane = part * 64 + np.int64(shift)
            own = mixed(key + np.uint64(lane) * STRIDE)
            if size.fields == 2:
                one, other = np.int64(byte(at.counts, lane)), np.int64(byte(at.counts, COUNT + lane))
                if one < SMALL and other < SMALL:
                    race = single(at.race, (g * SMALL + one) * SMALL + other)
                    loser = WORDS + part if uniform(own) < race else part
                    put(at.won, loser, word(at.won, loser) ^ lowest)
                    continue
            field = _earliest(g, digits, part, shift, at, size, own)
            for f in range(size.fields):
                if f != field:
                    put(at.won, f * WORDS + part, word(at.won, f * WORDS + part) & ~lowest)


@njit(cache=True)
def _split(row, mine, at, size, key):
    """Send each lane that a field changed to one of the states that it may lead to."""
    store(at.spare, 0, mine)
    for part in range(WORDS):
        left = word(at.spare, part)
        while left:
            lane = np.uint64(part * 64 + trailing(left))
            lowest = left & -left
            left ^= lowest
            r, k = uniform(mixed(key + lane * STRIDE)), 0
            while r >= real(at.become, row * size.states + k) and k + 1 < size.states:
                k += 1
            put(at.arrive, k * WORDS + part, word(at.arrive, k * WORDS + part) | lowest)


@njit(cache=True)
def _moved(moved, at, size, key):
    """Write to which state the lanes that change go."""
    for s in range(size.states):
        store(at.arrive, s, nothing())
    for g in range(size.groups):
        own = load(at.own, g) & moved
        if some(own):
            for f in range(size.fields + 1):
                row = g * (size.fields + 1) + f
                mine, k = own & load(at.won, f), np.int64(byte(at.into, row))
                if k != SEVERAL:
                    store(at.arrive, k, load(at.arrive, k) | mine)
                elif some(mine):
                    _split(row, mine, at, size, under(key, row))


@njit(cache=True)
def _node(v, now, then, at, size, key):
    """Let node v meet all it hears, in every lane."""
    alive = _grouped(v, now, at, size)
    if not some(alive):
        for s in range(size.states):
            store(then, s * size.nodes + v, load(now, s * size.nodes + v))
        return
    low, high = whole(at.start, v), whole(at.start, v + 1)
    digits = _digits(high - low)
    once, twice, lively = nothing(), nothing(), load(at.live, 0)
    for f in range(size.fields):
        hears, success = _those(at.own, at.hears + f * size.groups, size.groups), nothing()
        if digits and some(hears):
            bits = now + whole(at.fields, f) * size.nodes * WORDS * 8
            _tally(bits, at.heard, low, high, at.planes + f * size.planes * WORDS * 8, digits)
            success, might = _met(f, hears, digits, at, size, key)
            lively = lively | might
        store(at.won, f, success)
        twice = twice | (once & success)
        once = once | success
    if some(twice):
        apart, earlier = _those(at.own, at.apart, size.groups), load(at.won, 0)
        for f in range(1, size.fields):
            mine = load(at.won, f)
            store(at.won, f, mine & ~(earlier & ~apart))
            earlier = earlier | mine
        if some(twice & apart):
            _settle(twice & apart, digits, at, size, under(key, SETTLE))
    alone = _those(at.own, at.leaves, size.groups)
    store(at.live, 0, lively | alone)
    left, plane = nothing(), size.fields * size.planes
    if some(alone & ~once):
        left = _tossed(alone & ~once, at.own, size.groups, at.coins, plane, key + np.uint64(plane) * ROW)
    store(at.won, size.fields, left)
    moved = once | left
    _moved(moved, at, size, under(key, SPLIT))
    for s in range(size.states):
        place = s * size.nodes + v
        store(then, place, (load(now, place) & ~moved) | load(at.arrive, s))


@njit(cache=True)
def _begin(runs, first, last, now, at, size, key):
    """Put the runs from `first` to before `last` into lanes: everybody in the start state but the sources; classes."""
    for part in range(WORDS):
        there = min(max(last - first - part * 64, 0), 64)
        bits = np.uint64(0xFFFFFFFFFFFFFFFF) >> np.uint64(64 - there) if there else np.uint64(0)
        put(at.running, part, bits)
    every, shares = load(at.running, 0), address(runs.shares)
    for v in range(size.nodes):
        store(now, runs.start * size.nodes + v, every)
        left, own = every, under(key, v)
        for c in range(size.classes - 1):
            mine = _tossed(left, at.running, 1, shares, c, own + np.uint64(c) * ROW)
            store(at.kinds, c * size.nodes + v, mine)
            left = left & ~mine
    for lane in range(last - first):
        for place in range(runs.sources.shape[1]):
            v = np.int64(runs.sources[first + lane, place])
            _turn(now, runs.start * size.nodes + v, lane, False)
            _turn(now, runs.source * size.nodes + v, lane, True)
            for c in range(size.classes - 1):
                _turn(at.kinds, c * size.nodes + v, lane, False)


@njit(cache=True)
def _turn(base, place, lane, on):
    """Set one lane of the lanes at a place, or clear it."""
    at, bit = place * WORDS + (lane >> 6), np.uint64(1) << np.uint64(lane & 63)
    put(base, at, word(base, at) | bit if on else word(base, at) & ~bit)


@njit(cache=True)
def _is_on(base, place, lane):
    return (word(base, place * WORDS + (lane >> 6)) >> np.uint64(lane & 63)) & np.uint64(1)


@njit(cache=True)
def _plant(runs, first, last, t, now, size, record, changed):
    """Put into place what is planted after step t, and correct what is recorded of that step."""
    for intervention in range(len(runs.plant_at)):
        if runs.plant_at[intervention] == t:
            to = runs.plant_to[intervention]
            for run in range(first, last):
                v = np.int64(runs.plants[run, intervention])
                if v >= 0:
                    old = 0
                    for s in range(size.states):
                        if _is_on(now, s * size.nodes + v, run - first):
                            old = s
                    _turn(now, old * size.nodes + v, run - first, False)
                    _turn(now, to * size.nodes + v, run - first, True)
                    if old != to:
                        record.stocks[t, run, old] -= 1
                        record.stocks[t, run, to] += 1
                        record.entries[t, run, to] += 1
                        record.planted[run] += old == runs.start
                        changed[run - first] = t


@njit(cache=True)
def _census(now, before, every, fresh, planes, size, counts):
    """Count who is in each state, and came to it since `before`, in every lane: counts of int32[2, states, COUNT]."""
    digits = _digits(size.nodes)
    for s in range(size.states):
        base = s * size.nodes
        _tally(now + base * WORDS * 8, every, 0, size.nodes, planes, digits)
        _as_numbers(planes, digits, counts[0, s])
        for v in range(size.nodes):
            store(fresh, v, load(now, base + v) & ~load(before, base + v))
        _tally(fresh, every, 0, size.nodes, planes, digits)
        _as_numbers(planes, digits, counts[1, s])


@njit(cache=True)
def _as_numbers(planes, digits, counts):
    counts[:] = 0
    for plane in range(digits):
        for part in range(WORDS):
            bits = word(planes, plane * WORDS + part)
            for lane in range(64):
                counts[part * 64 + lane] += np.int32((bits >> np.uint64(lane)) & np.uint64(1)) << plane


@njit(cache=True)
def _memory(size):
    """Return the zeros that a lot of runs needs, for `_places` to lay out."""
    states, classes, fields, groups = size.states, size.classes, size.fields, size.groups
    kept = (2 * states + classes) * size.nodes + 3 + fields * size.planes + groups + fields + 1 + states + 2 * WORDS
    return np.zeros((kept + size.nodes + _digits(size.nodes) + 2) * WORDS, np.uint64)


@njit(cache=True)
def _places(memory, heard, law, size):
    """Return where all lies: what `At` holds; who is in which state now, and after a step; and room for a census.

    These are addresses, so `memory`, `heard` and `law` must outlive them.
    """
    line = WORDS * 8
    now = (address(memory) + line - 1) // line * line  # lanes that begin where the machine's lines do
    then = now + size.states * size.nodes * line
    kinds = then + size.states * size.nodes * line
    running = kinds + size.classes * size.nodes * line
    planes = running + 3 * line
    own = planes + size.fields * size.planes * line
    won = own + size.groups * line
    arrive = won + (size.fields + 1) * line
    counts = arrive + size.states * line
    fresh = counts + 2 * WORDS * line
    tallied = fresh + size.nodes * line
    at = At(
        address(heard.start), address(heard.nodes), address(law.of), address(law.fields), address(law.hears),
        address(law.chance), address(law.coins), address(law.leaves), address(law.into), address(law.become),
        address(law.apart), address(law.race),
        kinds, running, running + line, planes, own, won, arrive, running + 2 * line, counts,
    )  # fmt: skip
    return at, now, then, fresh, tallied


@njit(cache=True)
def _last_plant(runs):
    """Return the step after which the last node is planted, or -1."""
    last = -1
    for plant in range(len(runs.plant_at)):
        last = max(last, runs.plant_at[plant])
    return last


@njit(cache=True)
def _write_start(runs, first, last, nodes, record):
    """Write down the stocks at the start, and that no run has ended."""
    for run in range(first, last):
        record.stocks[0, run, runs.start] = nodes - runs.sources.shape[1]
        record.stocks[0, run, runs.source] += runs.sources.shape[1]
        record.ended[run] = -1


@njit(cache=True)
def _some_go_on(first, last, planted_all, changed, at, record):
    """Write down the end of the runs in which nothing may change any more; return whether any goes on."""
    going = False
    for run in range(first, last):
        if record.ended[run] < 0 and planted_all and not _is_on(at.live, 0, run - first):
            record.ended[run] = changed[run - first]
        going |= record.ended[run] < 0
    return going


@njit(cache=True)
def _write_step(t, first, last, counts, changed, record):
    """Write down the stocks and entries after step t of every run, as counted, and that it changed."""
    for run in range(first, last):
        for s in range(counts.shape[1]):
            record.stocks[t, run, s] = counts[0, s, run - first]
            record.entries[t, run, s] = counts[1, s, run - first]
            if counts[1, s, run - first]:
                changed[run - first] = t


@njit(cache=True)
def _lot(heard, law, runs, first, last, key, record):
    """Run the runs from `first` to before `last`, at most COUNT."""
    classes, states = law.of.shape
    groups, fields = law.chance.shape
    size = Size(len(heard.start) - 1, classes, states, fields, groups, law.coins.shape[1])
    memory, everybody = _memory(size), np.arange(size.nodes).astype(np.uint32)
    at, now, then, fresh, tallied = _places(memory, heard, law, size)
    changed, counts = np.zeros(COUNT, np.int64), np.zeros((2, states, COUNT), np.int32)
    last_plant = _last_plant(runs)
    _begin(runs, first, last, now, at, size, under(key, PEOPLE))
    _write_start(runs, first, last, size.nodes, record)
    for t in range(runs.until):
        _plant(runs, first, last, t, now, size, record, changed)
        step = under(key, t)
        store(at.live, 0, nothing())
        for v in range(size.nodes):
            _node(v, now, then, at, size, under(step, v))
        if not _some_go_on(first, last, t >= last_plant, changed, at, record):
            break
        if t >= last_plant:
            store(at.running, 0, load(at.live, 0))
        _census(then, now, address(everybody), fresh, tallied, size, counts)
        now, then = then, now
        _write_step(t + 1, first, last, counts, changed, record)
    for run in range(first, last):
        if record.ended[run] < 0:
            record.ended[run] = runs.until
    return len(memory) + len(everybody)  # they are kept until here


@njit(cache=True, parallel=True)
def ensemble(heard, law, runs, key, lots, record):
    """Run every run, COUNT at a time, each lot on one thread; `lots` others of this key came before."""
    count = len(record.ended)
    for lot in prange((count + COUNT - 1) // COUNT):
        first = lot * COUNT
        _lot(heard, law, runs, first, min(first + COUNT, count), under(key, lots + lot), record)
