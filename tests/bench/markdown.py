"""What it costs to show an answer while it is streamed: CPU per append at the beginning and at the end, width 100.

    python tests/bench/markdown.py [characters, 200,000 if not given]

An append is about 80 characters, and after each the lines are asked for and the new ones laid out.
"""

from __future__ import annotations

import statistics
import sys
from time import thread_time

from minicode.tui.markdown import Flow, render
from minicode.tui.rows import lay

WIDTH, PIECE = 100, 80
ANSWER = """## What is wrong in part {n}

The parser reads `tokens[{n}]` before it has looked whether there are **any left**, so an empty input ends in an
`IndexError`. It is called from three places; only one of them, see [the loop](src/loop.py), makes sure of it.

- `parse` asks for the first token, and *never* checks
- `expect` checks, but after it has moved on
  - so its message names the wrong line
- `peek` is right

```python
def parse(tokens: list[Token], place: int = {n}) -> Tree:
    \"\"\"The tree of the tokens from this place on.\"\"\"
    while place < len(tokens):
        token = tokens[place]  # never beyond the end
        if token.kind == "number":
            yield Leaf(float(token.text), line=token.line)
        place += 1
    return Tree(tokens[:place])
```

| function | checks | calls |
|:---------|:------:|------:|
| `parse` | no | {n} |
| `expect` | late | 12 |

"""
LONG_FENCE = "```python\n" + "".join(
    f'    def method_{n}(self, value: int = {n}) -> str:\n        return f"{{value}} of {n}"  # as it was\n\n'
    for n in range(2_000)
)
LONG_LIST = "".join(f"- item {n} with `code` and **some** words that say what it is about\n" for n in range(4_000))
LONG_LINE = "words without an end and " * 10_000


def stream(text: str) -> list[float]:
    """Milliseconds of CPU of each append."""
    flow, laid, spent = Flow(), 0, []
    for begin in range(0, len(text), PIECE):
        start = thread_time()
        flow.append(text[begin : begin + PIECE])
        stable, tail = flow.lines(WIDTH)
        lay(stable[laid:], WIDTH)
        lay(tail, WIDTH)
        laid = len(stable)
        spent.append((thread_time() - start) * 1000)
    return spent


def main() -> None:
    size = int(sys.argv[1]) if len(sys.argv) > 1 else 200_000
    render("# warm\n```python\nx = 1\n```\n", WIDTH)
    answer = "".join(ANSWER.format(n=n) for n in range(size // 800 + 1))
    columns = ("first tenth", "last tenth", "ratio", "median", "p99", "worst")
    print(f"{'ms of CPU an append':20}" + "".join(f"{column:>12}" for column in columns))
    for name, text in [("answer", answer), ("fence", LONG_FENCE), ("list", LONG_LIST), ("one line", LONG_LINE)]:
        spent = stream(text[:size])
        tenth = max(len(spent) // 10, 1)
        first, last = statistics.mean(spent[:tenth]), statistics.mean(spent[-tenth:])
        middle, high = statistics.median(spent), sorted(spent)[len(spent) * 99 // 100]
        figures = (first, last, last / first, middle, high, max(spent))
        print(f"{name:20}" + "".join(f"{figure:12.2f}" for figure in figures))
    start = thread_time()
    render(answer[:size], WIDTH)
    print(f"the whole answer at once: {(thread_time() - start) * 1000:.0f} ms")


if __name__ == "__main__":
    main()
