"""The pile against a model that simply adds up: heights, tops and places, whatever is added, changed or looked at."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import given, settings
from hypothesis import strategies as st

from minicode.tui.blocks import Block, Look
from minicode.tui.pile import KEPT, Pile
from minicode.tui.rows import Line, Row, Span


class Tower(Block):
    """As high as it is told, and it guesses something else."""

    def __init__(self, high: int, guessed: int) -> None:
        super().__init__()
        self.high, self.guessed = high, guessed
        self.laid = 0

    def lines(self, width: int, look: Look) -> Sequence[Line]:
        raise NotImplementedError

    def rows(self, width: int, look: Look) -> list[Row]:
        self.laid += 1
        return [Row((Span(str(number)),)) for number in range(self.high)]

    def guess(self, width: int, look: Look) -> int:
        return self.guessed


HIGH = st.integers(0, 7)
ACTS = st.lists(
    st.one_of(
        st.tuples(st.just("add"), HIGH, HIGH),
        st.tuples(st.just("look"), st.integers(0, 30), st.just(0)),
        st.tuples(st.just("change"), st.integers(0, 30), HIGH),
        st.tuples(st.just("again"), st.just(0), st.just(0)),
        st.tuples(st.just("clear"), st.just(0), st.just(0)),
    ),
    max_size=60,
)


@settings(max_examples=60, deadline=None)
@given(ACTS)
def test_the_pile_is_what_a_simple_sum_says(acts: list[tuple[str, int, int]]) -> None:
    pile, towers, heights = Pile(), list[Tower](), list[int]()
    for act, one, other in acts:
        number = one % len(towers) if towers else 0
        match act:
            case "add":
                towers.append(Tower(one, other))
                pile.add(towers[-1])
                heights.append(other)
            case "look" if towers:
                assert len(pile.rows(number)) == towers[number].high
                heights[number] = towers[number].high
            case "change" if towers:
                towers[number].high = other
                assert pile.changed(number) == (heights[number] == other)
                heights[number] = other
            case "again":
                pile.again()
                heights = [tower.guessed for tower in towers]
            case "clear":
                pile.clear()
                towers, heights = [], []
        assert pile.total == sum(heights)
        assert [pile.top(number) for number in range(len(towers))] == [sum(heights[:n]) for n in range(len(towers))]
        places = [(n, row) for n, high in enumerate(heights) for row in range(high)]
        assert [pile.place(y) for y in range(-1, pile.total + 1)] == [None, *places, None]


def test_only_what_is_asked_for_is_laid_out_and_only_so_much_is_kept() -> None:
    pile = Pile()
    for _ in range(1_000):
        pile.add(Tower(100, 50))
    assert pile.total == 50_000
    assert sum(tower.laid for tower in pile.blocks if isinstance(tower, Tower)) == 0
    for number in range(1_000):
        pile.rows(number)
        pile.rows(number)
    assert [tower.laid for tower in pile.blocks if isinstance(tower, Tower)] == [1] * 1_000
    kept = [tower for tower in pile.blocks if pile.peek(tower.number) and isinstance(tower, Tower) and tower.laid == 1]
    assert len(kept) == KEPT // 100
    assert pile.total == 100_000


def test_one_that_is_higher_than_all_that_is_kept_is_laid_out_once() -> None:
    pile, high = Pile(), Tower(3 * KEPT, 1)
    pile.add(high)
    for _ in range(3):
        assert len(pile.rows(0)) == 3 * KEPT
    assert high.laid == 1
