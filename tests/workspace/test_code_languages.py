"""Each language's grammar and query on a small file: what is found, where it begins and ends, and what it uses."""

from __future__ import annotations

import asyncio
import re
import shutil
from pathlib import Path

import pytest

from minicode.workspace.code.languages import BY_NAME, LANGUAGES, binding, language_of, missing
from minicode.workspace.code.parsing import parse
from minicode.workspace.code.symbols import counted, nested
from minicode.workspace.workspace import Workspace

# name: (file name, text, what is found as "kind name first-last", some of what is used)
SAMPLES = {
    "Python": (
        "a.py",
        """\
from lib import tool
LIMIT = 3

@wrap
class A(Base):
    def b(self, x: Kind):
        return helper(x)

    async def c(self):
        self.d()
""",
        "variable LIMIT 2-2; class A 4-10; function b 6-7; function c 9-10",
        "tool wrap Base Kind helper",
    ),
    "JavaScript": (
        "a.jsx",
        """\
import { tool } from './x'
export class A extends B {
  m() { helper() }
  #p() {}
  q = () => 1
}
function f() {
}
const g = async (x) => {
  return <Card a={x} />
}
export const T = { a: 1 }
""",
        "class A 2-6; method m 3-3; method #p 4-4; method q 5-5; function f 7-8; function g 9-11; variable T 12-12",
        "tool helper Card",
    ),
    "TypeScript": (
        "a.ts",
        """\
export interface I {
  m(): void
}
type T = string
enum E { A }
abstract class C extends D implements I {
  go(x: Kind): void { helper() }
}
export function f<T>(a: T): T {
  return a
}
namespace N {}
""",
        "interface I 1-3; method m 2-2; type T 4-4; enum E 5-5; class C 6-8; method go 7-7; function f 9-11; "
        "module N 12-12",
        "Kind helper",
    ),
    "TSX": (
        "a.tsx",
        """\
export const View = (p: Props) => {
  return <Card><Row /></Card>
}
""",
        "function View 1-3",
        "Props Card Row",
    ),
    "Go": (
        "a.go",
        """\
package a

const Max = 3

type S struct {
\tx Kind
}

func (s *S) Do(k *Other) {
\thelp.Call()
}

func main() {
\trun()
}
""",
        "variable Max 3-3; type S 5-7; method Do 9-11; function main 13-15",
        "Kind Other Call run",
    ),
    "Rust": (
        "a.rs",
        """\
use a::Thing;
struct S {
    k: Kind,
}
impl S {
    fn go(&self) { helper(); self.step() }
}
trait T { fn f(); }
enum E { A }
macro_rules! m { () => {} }
const N: u8 = 1;
fn main() {
    S::new();
}
""",
        "struct S 2-4; impl S 5-7; function go 6-6; trait T 8-8; function f 8-8; enum E 9-9; macro m 10-10; "
        "variable N 11-11; function main 12-14",
        "Thing Kind helper step new",
    ),
    "Java": (
        "A.java",
        """\
class A extends B {
  A(Kind k) {}
  void go() {
    helper();
    new Thing();
  }
}
interface I { }
enum E { X }
record R(int x) {}
""",
        "class A 1-7; method A 2-2; method go 3-6; interface I 8-8; enum E 9-9; class R 10-10",
        "Kind helper Thing",
    ),
    "C": (
        "a.c",
        """\
#define MAX(a) (a)
struct s {
  struct kind k;
};
typedef int num;
int limit = 3;
static int *f(thing t) {
  return helper(t);
}
int main(void)
{
}
""",
        "macro MAX 1-1; struct s 2-4; type num 5-5; variable limit 6-6; function f 7-9; function main 10-12",
        "kind thing helper",
    ),
    "C++": (
        "a.cpp",
        """\
namespace n {
class A : public Base {
 public:
  void m();
  int k() { return helper(); }
};
}
void n::A::m() {
  std::sort();
}
template <class T>
T f(Kind t) {
}
""",
        "namespace n 1-7; class A 2-6; method m 4-4; method k 5-5; method n::A::m 8-10; function f 11-13",
        "Base helper sort Kind",
    ),
    "C#": (
        "A.cs",
        """\
namespace N {
  class A : Base {
    public A(Kind k) {}
    int P { get; set; }
    void Go() {
      Helper.Run();
      new Thing();
    }
  }
  interface I {}
  enum E { X }
}
""",
        "namespace N 1-12; class A 2-9; method A 3-3; property P 4-4; method Go 5-8; interface I 10-10; enum E 11-11",
        "Base Kind Run Thing",
    ),
    "Ruby": (
        "a.rb",
        """\
module M
  class A < Base
    def go(x)
      helper(x)
      Thing.new
    end

    def self.make
    end
  end
end
MAX = 3
""",
        "module M 1-11; class A 2-10; method go 3-6; method make 8-9; variable MAX 12-12",
        "Base helper Thing",
    ),
    "PHP": (
        "a.php",
        """\
<?php
class A extends Base implements I {
  function go(Kind $k) {
    helper();
    $this->step();
  }
}
interface J {}
trait T {}
function f() {
  return new Thing();
}
""",
        "class A 2-7; method go 3-6; interface J 8-8; trait T 9-9; function f 10-12",
        "Base Kind helper step Thing",
    ),
    "Bash": (
        "a.sh",
        """\
go() {
  helper x
}
function run {
  go
}
""",
        "function go 1-3; function run 4-6",
        "helper",
    ),
    "Lua": (
        "a.lua",
        """\
local function f(x)
  helper(x)
end
function M.go()
  M.step()
end
M.late = function()
end
function M:me() end
""",
        "function f 1-3; function M.go 4-6; function M.late 7-8; function M:me 9-9",
        "helper step",
    ),
    "Kotlin": (
        "a.kt",
        """\
class A(val k: Kind) : Base() {
  fun go() {
    helper()
    k.step()
  }
}
object O {}
val max = 3
fun main() {
}
interface I {}
""",
        "class A 1-6; function go 2-5; object O 7-7; variable max 8-8; function main 9-10; class I 11-11",
        "Kind helper step Base",
    ),
    "Swift": (
        "a.swift",
        """\
class A: Base {
  init() {}
  func go(k: Kind) {
    helper()
    k.step()
  }
}
protocol P {
  func f()
}
struct S {}
enum E {}
extension S {}
let max = 3
func main() {
}
""",
        "class A 1-7; function init 2-2; function go 3-6; protocol P 8-10; function f 9-9; class S 11-11; "
        "class E 12-12; class S 13-13; variable max 14-14; function main 15-16",
        "Base Kind helper step",
    ),
}


def test_every_language_has_a_sample() -> None:
    assert SAMPLES.keys() == BY_NAME.keys()
    assert all(language_of(SAMPLES[language.name][0]) is language for language in LANGUAGES)
    assert language_of("src/Makefile") is language_of("py") is language_of("a.txt") is None


@pytest.mark.parametrize("name", SAMPLES)
async def test_samples(name: str, root: Path, workspace: Workspace) -> None:
    if not binding(BY_NAME[name]):
        pytest.skip(missing([BY_NAME[name]]))
    file, text, symbols, uses = SAMPLES[name]
    (root / file).write_text(text)
    path = str(root / file)
    answers = {name: answer async for name, answer in parse(workspace, [(path, "")])}
    found = answers[path]
    assert "; ".join(f"{s.kind} {s.name} {s.first}-{s.last}" for s in found.symbols) == symbols
    assert set(uses.split()) <= counted(found.uses).keys()
    first = {s.row: re.split(r"::|[.:]", s.name)[-1] for s in reversed(found.symbols)}  # of each line
    assert set(first.values()) <= set(found.names.split(" "))
    assert all(s.first <= s.row <= s.last and s.text in text.split("\n")[s.row - 1] for s in found.symbols)


async def test_a_glance_misses_little(root: Path, workspace: Workspace) -> None:
    """What it does not see of real code is in no map."""
    shutil.copytree(Path(asyncio.__file__).parent, root / "real", ignore=shutil.ignore_patterns("__pycache__"))
    paths = [(str(path), "") for path in (root / "real").glob("*.py")]
    seen = missed = 0
    async for _, found in parse(workspace, paths):
        if found != "other":
            defined = {one.symbol.name for one in nested(found.symbols) if not one.local}
            seen += len(defined)
            missed += len(defined - set(found.names.split(" ")))
    assert seen > 500
    assert missed <= seen / 100
