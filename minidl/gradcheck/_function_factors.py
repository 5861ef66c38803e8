"""A gradient of a foreign function that is wrong by a constant factor: which number is it?

A factor of 2 may be a 2 that was forgotten, or the number of rows. The function therefore runs on longer arrays, too.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from ._evidence import Evidence

MOST_ENTRIES = 3_000  # of a gradient that is computed again for longer arrays
Table = Iterator[tuple[str, Any]]


def of_settings(e: Evidence) -> Table:
    """A factor that is one of the numbers that the function is called with."""
    for name, value in e.subject.function.numbers.items():
        if value in (0, 1, -1, 2, 0.5):
            continue  # too frequent to tell anything
        ratios = {name: value, f"1 / {name}": 1 / value, f"1 - {name}": 1 - value, f"1 / (1 - {name})": 1 / (1 - value)}
        for words, ratio in ratios.items():
            yield f"{e.name} = {ratio:.6g} x derivative everywhere, and {ratio:.6g} = {words}", e.has_ratio(ratio)


@dataclass(frozen=True)
class Factor:
    """number x product of counts ** power.

    needs_proof  True if many numbers can be written like this: it must hold for longer arrays, too
    """

    counts: tuple[tuple[str, float], ...]
    number: float = 1.0
    needs_proof: bool = False

    @property
    def is_sum(self) -> bool:
        return self.number == 1 and {power for _, power in self.counts} == {1}

    @property
    def is_mean(self) -> bool:
        return self.number == 1 and {power for _, power in self.counts} == {-1}

    def value(self, lengths: dict[str, int]) -> float:
        return self.number * math.prod(float(lengths[name]) ** power for name, power in self.counts)


def of_counts(e: Any) -> Table:
    """The sign, 2 and 1/2, and numbers of rows, columns, places."""
    yield f"{e.name} = -derivative everywhere: the sign is flipped", e.has_ratio(-1)
    if math.isnan(e.ratio) or e.has_ratio(-1):
        return
    lengths, longer = dict(e.subject.lengths), _Longer(e)
    fits = [factor for factor in _factors(lengths) if abs(factor.value(lengths) / e.ratio - 1) < e.closeness]
    found, simplest = list[Factor](), (True, 9, True)
    for factor in fits:
        size = (factor.needs_proof, len(factor.counts), factor.number != 1)
        if found and size > simplest:
            break
        proof = longer.holds(factor)
        if proof is False or (proof is None and factor.needs_proof):
            continue
        simplest = (factor.needs_proof, max(len(factor.counts), 1), factor.number != 1 and factor.counts != ())
        found.append(factor)
    if found:
        yield _sentence(e, found[:3], lengths), True
    for factor in fits:
        if len(factor.counts) == 1 and not factor.needs_proof and (factor.is_sum or factor.is_mean):
            fixed = "but it stays for longer arrays: is it a fixed number?"
            yield f"{_sentence(e, [factor], lengths)}, {fixed}", longer.stays(factor)


def _factors(lengths: dict[str, int]) -> Iterator[Factor]:
    """Yield the numbers that a factor may be, simple ones first."""
    names = [name for name, n in lengths.items() if n > 1]
    yield from (Factor((), 2.0), Factor((), 0.5))
    for terms in (1, 2, 3):
        for chosen in itertools.combinations(names, terms):
            yield from (Factor(tuple((name, power) for name in chosen), needs_proof=terms == 3) for power in (-1, 1))
    for name, power in itertools.product(names, (-1, 1)):
        yield Factor(((name, power), (name, power)))
    for number, power, terms in itertools.product((2.0, 0.5), (-1, 1), (1, 2)):
        for chosen in itertools.combinations(names, terms):
            yield Factor(tuple((name, power) for name in chosen), number, needs_proof=True)
    for one, two in itertools.permutations(names, 2):
        yield Factor(((one, 1), (two, -1)), needs_proof=True)
    for name, root in itertools.product(names, (-0.5, 0.5)):
        yield Factor(((name, root),), needs_proof=math.sqrt(lengths[name]).is_integer())


class _Longer:
    """The factor for longer arrays."""

    def __init__(self, e: Any) -> None:
        self.e, self.known = e, dict[int, tuple[float, dict[str, int]] | None]()

    def holds(self, factor: Factor) -> bool | None:
        """True if the factor is this one for longer arrays, too; None if all that are tried do not run."""
        lengths = dict(self.e.subject.lengths)
        tried = {lengths[name] for name, _ in factor.counts} or {n for n in lengths.values() if n in (2, 4)}
        proofs = [proof for n in sorted(tried) if (proof := self._holds_at(factor, n)) is not None]
        return all(proofs) if proofs else None

    def stays(self, factor: Factor) -> bool:
        """True if the factor does not change for arrays that are longer where it counts."""
        found = self.known.get(dict(self.e.subject.lengths)[factor.counts[0][0]])
        return found is not None and abs(found[0] / self.e.ratio - 1) < self.e.closeness

    def _holds_at(self, factor: Factor, n: int) -> bool | None:
        if n not in self.known:
            self.known[n] = self._at(n)
        found = self.known[n]
        if found is None:
            return None
        ratio, lengths = found
        if not {name for name, _ in factor.counts} <= lengths.keys():
            return None
        return abs(factor.value(lengths) / ratio - 1) < self.e.closeness

    def _at(self, n: int) -> tuple[float, dict[str, int]] | None:
        """The factor and the lengths where axes of length n are longer; None if the function cannot have that."""
        if self.e.claimed.size > MOST_ENTRIES:
            return None
        subject = self.e.subject.grown(n)
        if subject is None or self.e.path not in subject.parts:
            return None
        try:
            ratio = type(self.e)(subject, self.e.path, self.e.output, self.e.method).ratio
        except Exception:  # any, because the function is not ours
            return None
        return None if math.isnan(ratio) else (ratio, dict(subject.lengths))


def _sentence(e: Evidence, factors: list[Factor], lengths: dict[str, int]) -> str:
    """Say what the factor is, in the words for the first one, and what else it may be."""
    r, first = e.ratio, factors[0]
    if not first.counts:
        size, amount = ("2", "much") if r > 1 else ("1/2", "little")
        others = " or ".join(_named(factor, lengths) for factor in factors[1:])
        also = f"; or {size} is made of {others}" if others else ""
        return f"{e.name} = {size} x derivative everywhere: a factor of 2 too {amount}{also}"
    names = " or ".join(_named(factor, lengths) for factor in factors)
    if first.is_mean:
        n = round(1 / r)
        return f"{e.name} = derivative / {n} everywhere, and {n} = {names}: a mean where a sum belongs"
    if first.is_sum:
        n = round(r)
        missing = f"a sum where a mean belongs (1/{n} missing)"
        return f"{e.name} = {n} x derivative everywhere, and {n} = {names}: {missing}"
    return f"{e.name} = {r:.6g} x derivative everywhere, and {r:.6g} = {names}"


def _named(factor: Factor, lengths: dict[str, int]) -> str:
    """The factor, as "5 rows x 3 columns" or "5 rows / 3 columns"; that of a mean is named by its divisor."""
    terms = [(power, f"{lengths[name]} {name}") for name, power in factor.counts]
    if factor.is_sum or factor.is_mean:
        return " x ".join(term for _, term in terms)
    terms = [(power, f"sqrt({term})" if abs(power) == 0.5 else term) for power, term in terms]
    above = ["2"] * (factor.number == 2) + [term for power, term in terms if power > 0]
    below = ["2"] * (factor.number == 0.5) + [term for power, term in terms if power < 0]
    return f"{' x '.join(above) or '1'}{''.join(f' / {term}' for term in below)}"
