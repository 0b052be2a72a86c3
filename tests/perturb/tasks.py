"""The twelve micro tasks: a folder, what the user asks, how a model goes about it, and what must be there then."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from minicode.lab.rehearsal import Asked
from minicode.lab.rehearsal.policy import Move
from minicode.lab.rehearsal.script import Do


@dataclass(frozen=True, slots=True)
class Task:
    """files: of the folder at the start; after: those that are other at the end. moves, answer: of the model.

    pages: of a site on this machine, by path, HTML if it says so; SITE in the prompt is where it is.
    merging: the folder is a repository with a merge in progress; index: what git says of it at the end.
    """

    name: str
    files: Mapping[str, str]
    prompt: str
    moves: tuple[Move, ...]
    answer: str
    after: Mapping[str, str] = field(default_factory=dict)
    pages: Mapping[str, str] = field(default_factory=dict)
    merging: bool = False
    index: str = ""

    @property
    def wanted(self) -> dict[str, bytes]:
        """The tree at the end."""
        return {name: text.encode() for name, text in {**self.files, **self.after}.items()}


def look(path: str, *sees: str, **more: object) -> Move:
    return Move((Do("read", {"path": path, "start": 1, "count": 400, **more}),), sees)


def change(path: str, old: str, new: str, **more: object) -> Move:
    """An edit; if it fails, the file is looked at before the next try."""
    done = rf"Changed {path}\b"
    return Move((Do("edit", {"path": path, "old": old, "new": new, **more}),), (done,), (look(path),))


def shell(command: str, *sees: str) -> Move:
    return Move((Do("shell", {"command": command}),), sees)


PRICES = """def tot(values):
    return sum(values)


def report(values):
    return f"{len(values)} items, {tot(values)} in all"


def mean(values):
    return tot(values) / len(values)
"""
RENAME = Task(
    "rename function",
    {"prices.py": PRICES, "README.md": "Prices, summed.\n"},
    "Rename the function tot to total.",
    (
        Move(
            (Do("grep", {"pattern": r"\btot\(", "count": 50}),),
            (r"prices.py:\d+:def tot\(", r"prices.py:\d+:    return tot"),
        ),
        look("prices.py", "def tot"),
        change("prices.py", "tot(", "total(", all=True),
    ),
    "`tot` is `total` now, in its definition and both of its uses.",
    {"prices.py": PRICES.replace("tot(", "total(")},
)

PAGES = """def pages(count, size):
    \"\"\"The numbers of all pages, the last of which may be short.\"\"\"
    return list(range(1, count // size))
"""
OFF_BY_ONE = Task(
    "fix off-by-one",
    {"pages.py": PAGES, "data/one.txt": "1\n"},
    "pages(20, 10) gives only the first page. It must give 1 and 2.",
    (
        look("pages.py", "def pages"),
        change("pages.py", "range(1, count // size)", "range(1, -(-count // size) + 1)"),
        shell("python3 -c 'import pages; print(pages.pages(20, 10), pages.pages(21, 10))'", r"\[1, 2\] \[1, 2, 3\]"),
    ),
    "`pages` rounds up now and includes the last page.",
    {"pages.py": PAGES.replace("count // size", "-(-count // size) + 1")},
)

CLI = """import argparse

parser = argparse.ArgumentParser()
parser.add_argument("name")
options = parser.parse_args()
print(f"Hello {options.name}")
"""
LOUD = CLI.replace('"name")\n', '"name")\nparser.add_argument("--loud", action="store_true")\n').replace(
    'print(f"Hello {options.name}")', 'text = f"Hello {options.name}"\nprint(text.upper() if options.loud else text)'
)
ADD_FLAG = Task(
    "add CLI flag",
    {"hello.py": CLI},
    "Add a flag --loud that prints the greeting in capitals.",
    (
        look("hello.py", "argparse"),
        change(
            "hello.py",
            'parser.add_argument("name")\n',
            'parser.add_argument("name")\nparser.add_argument("--loud", action="store_true")\n',
            edits=[
                {
                    "old_string": 'print(f"Hello {options.name}")\n',
                    "new_string": 'text = f"Hello {options.name}"\nprint(text.upper() if options.loud else text)\n',
                }
            ],
        ),
        shell("python3 hello.py --loud Ada && python3 hello.py Ada", "HELLO ADA", "Hello Ada"),
    ),
    "`--loud` prints the greeting in capitals; without it nothing changed.",
    {"hello.py": LOUD},
)

CONFIG = '{\n  "name": "shop",\n  "retries": 3,\n  "hosts": ["a", "b"]\n}\n'
EDIT_JSON = Task(
    "edit JSON",
    {"config.json": CONFIG},
    "Set retries to 5 and add the host c.",
    (
        look("config.json", '"retries": 3'),
        Move(
            (Do("write", {"path": "config.json", "content": CONFIG.replace("3", "5").replace('"b"]', '"b", "c"]')}),),
            ("Overwrote config.json|has this content already",),
            (look("config.json"),),
        ),
    ),
    "retries is 5, and the hosts are a, b and c.",
    {"config.json": CONFIG.replace("3", "5").replace('"b"]', '"b", "c"]')},
)

LOG = "".join(
    f"2026-02-{n % 28 + 1:02} 10:{n % 60:02}:00 INFO request {n} took {n * 7 % 900} ms\n" for n in range(40_000)
).replace("request 31007 took 149 ms", "request 31007 took 91370 ms")
FIND_IN_LOG = Task(
    "find a value in a 2 MB log",
    {"server.log": LOG},
    "Which request took longest, and how long?",
    (
        Move(
            (Do("grep", {"pattern": r"took [0-9]{5,} ms", "path": "server.log", "count": 5}),),
            ("request 31007 took 91370 ms",),
        ),
        look("server.log", "request 31007 took 91370", start=31_005, count=6),
    ),
    "Request 31007 took longest: 91,370 ms.",
)

STORE = "from shop.money import cents\n\n\ndef price(euros):\n    return cents(euros)\n"
MONEY = "def cents(euros):\n    return round(euros * 100)\n"
TWO_FILES = Task(
    "two-file refactor",
    {"shop/store.py": STORE, "shop/money.py": MONEY, "shop/__init__.py": ""},
    "cents should be called to_cents, in both files.",
    (
        Move((Do("read", {"path": "shop/store.py"}), Do("read", {"path": "shop/money.py"})), ("import cents", "round")),
        Move(
            (
                Do("edit", {"path": "shop/money.py", "old": "def cents(", "new": "def to_cents("}),
                Do("edit", {"path": "shop/store.py", "old": "cents", "new": "to_cents", "all": True}),
            ),
            ("Changed shop/money.py|has changed|not find|not found", "Changed shop/store.py"),
            (look("shop/money.py"), look("shop/store.py")),
        ),
        shell("python3 -c 'import shop.store; print(shop.store.price(1.5))'", "^150"),
    ),
    "`cents` is `to_cents` in both files.",
    {"shop/store.py": STORE.replace("cents", "to_cents"), "shop/money.py": MONEY.replace("cents", "to_cents")},
)

BASE = "timeout = 10\nretries = 3\n"
CONFLICT = "<<<<<<< HEAD\ntimeout = 20\n=======\ntimeout = 30\n>>>>>>> theirs\nretries = 3\n"
RESOLVE = Task(
    "resolve conflict",
    {"settings.txt": CONFLICT, "notes.txt": "Nothing.\n"},
    "Resolve the conflict: the longer time-out wins.",
    (
        Move((Do("git", {"command": ["status", "--short"]}),), ("UU settings.txt",)),
        look("settings.txt", "<<<<<<< HEAD"),
        change("settings.txt", CONFLICT.removesuffix("retries = 3\n"), "timeout = 30\n"),
        Move((Do("git", {"command": ["add", "settings.txt"]}),)),
        Move((Do("git", {"command": ["status", "--short"]}),), ("^M  settings.txt",)),
    ),
    "The conflict is resolved: the time-out is 30. The merge is not committed yet.",
    {"settings.txt": "timeout = 30\nretries = 3\n"},
    merging=True,
    index="M  settings.txt\n",
)

SLUG = "import re\n\n\ndef slug(title):\n    return re.sub(r'[^a-z]+', '-', title.lower())\n"
SLUG_TEST = (
    "import unittest\n\nfrom slug import slug\n\n\nclass Test(unittest.TestCase):\n"
    "    def test_number(self):\n        self.assertEqual(slug('Part 2 B'), 'part-2-b')\n"
)
FIX_TEST = Task(
    "fix failing test",
    {"slug.py": SLUG, "test_slug.py": SLUG_TEST},
    "A test fails. Mend the code, not the test.",
    (
        Move(
            (Do("read", {"path": "test_slug.py"}), Do("read", {"path": "slug.py", "start": 1, "count": 99})),
            ("part-2-b", "a-z"),
        ),
        change("slug.py", "[^a-z]+", "[^a-z0-9]+"),
        Move((Do("test", {"command": "python3 -m unittest"}),), (r"all passed \(1\)|1 passed|OK",)),
    ),
    "`slug` kept no digits; now it does, and the test passes.",
    {"slug.py": SLUG.replace("[^a-z]+", "[^a-z0-9]+")},
)

SPEC = "# words.py\n\nPrint how many words the file named on the command line has, and nothing else.\n"
SCRIPT = 'import sys\nfrom pathlib import Path\n\nprint(len(Path(sys.argv[1]).read_text("utf-8").split()))\n'
FROM_SPEC = Task(
    "write a script from a spec",
    {"SPEC.md": SPEC, "sample.txt": "one two\nthree\n"},
    "Write what SPEC.md asks for.",
    (
        look("SPEC.md", "how many words"),
        Move((Do("write", {"path": "words.py", "content": SCRIPT}),), (r"Made words\.py|has this content already",)),
        shell("python3 words.py sample.txt", r"^3\b"),
    ),
    "`words.py` prints the number of words.",
    {"words.py": SCRIPT},
)

ANSWER = Task(
    "answer a question without edits",
    {"src/engine.py": "LIMIT = 41\n", "src/main.py": "from engine import LIMIT\n", "README.md": "See src.\n"},
    "Where is the limit defined, and what is it?",
    (
        Move((Do("glob", {"pattern": "src/*.py", "count": 10}),), ("src/engine.py", "src/main.py")),
        Move((Do("todo", {"items": [("Find it", "in_progress"), ("Say it", "pending")]}),)),
        look("src/engine.py", "LIMIT = 41"),
        Move((Do("todo", {"items": [("Find it", "done"), ("Say it", "done")]}),)),
    ),
    "In src/engine.py; it is 41.",
)

SUM = "sum(n for n in range(1, 1001) if n % 7 == 0)"
COMPUTE = Task(
    "use python to compute",
    {"numbers.txt": "1 to 1000\n"},
    "What is the sum of all numbers in numbers.txt that 7 divides?",
    (
        look("numbers.txt", "1 to 1000"),
        Move((Do("python", {"code": SUM, "command": f"python3 -c 'print({SUM})'"}),), (r"\b71071\b",)),
        Move((Do("write", {"path": "sum.txt", "content": "71071\n"}),), ("Made sum.txt|has this content already",)),
    ),
    "The sum is 71071; it is in sum.txt.",
    {"sum.txt": "71071\n"},
)


def page(title: str, body: str) -> str:
    return (
        f"<!doctype html><html><head><title>{title}</title></head><body><nav><a href='/'>Home</a></nav>"
        f"<main><h1>{title}</h1>{body}</main></body></html>"
    )


def at_the_site(path: str) -> Callable[[Asked], tuple[Do]]:
    """Reads a page where the user said that the site is."""

    def fetch(asked: Asked) -> tuple[Do]:
        said = "".join(turn.text for turn in asked.turns if turn.role == "user")
        found = re.search(r"http://127\.0\.0\.1:\d+", said)
        return (Do("fetch", {"url": f"{found[0] if found else ''}{path}", "page": 1}),)

    return fetch


BROWSE = Task(
    "browse a local site",
    {"todo.txt": "Opening hours: ?\n"},
    "The site SITE/ says somewhere when the library is open on Sundays. Put it into todo.txt.",
    (
        Move(at_the_site("/"), (r"/hours\.html",)),
        Move(at_the_site("/hours.html"), ("Sunday.*11:20 to 13:40",)),
        look("todo.txt", "Opening hours"),
        change("todo.txt", "Opening hours: ?", "Opening hours: 11:20 to 13:40"),
    ),
    "On Sundays it is open from 11:20 to 13:40; todo.txt says so.",
    {"todo.txt": "Opening hours: 11:20 to 13:40\n"},
    pages={
        "/": "The library's pages: /hours.html and /news.html\n",
        "/hours.html": page(
            "Hours",
            "<p>We are open on most days, and glad to see you.</p><ul><li>Monday: 9:00 to 17:00</li>"
            "<li>Sunday: 11:20 to 13:40</li></ul>",
        ),
    },
)

TASKS = (
    RENAME,
    OFF_BY_ONE,
    ADD_FLAG,
    EDIT_JSON,
    FIND_IN_LOG,
    TWO_FILES,
    RESOLVE,
    FIX_TEST,
    FROM_SPEC,
    ANSWER,
    COMPUTE,
    BROWSE,
)
