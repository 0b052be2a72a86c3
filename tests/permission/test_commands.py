"""What is plain and harmless, and all that once passed for it in some agent and was not."""

from __future__ import annotations

import re
import subprocess
import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from minicode.permission.decide import decide
from minicode.permission.readonly import plainly_read_only
from minicode.permission.shell import parse
from minicode.permission.values import Rules, Standing, Wish

HARMLESS = """
ls
ls -la src
ls -la | wc -l
ls 2>&1
ls |& cat
ls 2>/dev/null | head -3
ls >/dev/null 2>&1 && echo yes
ls &> /dev/null; cat a 1>&2
ls >>/dev/null
>/dev/null ls a
cat a </dev/null
cat a.py && head -20 b.py
head -n 5 a.py; tail -n +5 a.py
pwd && ls
cd src && ls
grep -rn "def main" src
grep -rn --include='*.py' '/api/users' .
grep -C 3 foo a
rg -n 'a|b' src
rg -e /x src
rg --files src
find . -name '*.py' -not -path './x/*'
find src \\( -name a -o -name b \\) -type f -print
sed -n 1,20p a.py
sed -n '1,$p' a.py
sort a | uniq -c | sort -rn | head -3
uniq -c a
cut -d, -f1 a
tr -d x
diff -u a b
echo "it's" 'a "b"' c\\ d
printf '%s\\n' a
test -f a && echo yes || echo no
date +%s
wc -l a b
stat -c %s a
realpath a
sha256sum a
which python
type -a ls
true
""".strip().split("\n")

# What Vibe 2.18.4 ran unasked.
VIBE = """
echo hi > /home/u/.bashrc
cat x > .git/hooks/pre-commit
sort -o /home/u/.bashrc f
git diff --output=/home/u/.bashrc
LD_PRELOAD=./x.so ls
GIT_EXTERNAL_DIFF=./x git diff
export PATH=/tmp/evil:$PATH; ls
find . -delete
cat < /etc/shadow
head $HOME/.ssh/id_rsa
git status
git log -1
""".strip().split("\n")

# What was run and seen to change or start something.
NOT_READING = [
    line.replace("⏎", "\n")
    for line in """
sort -o F a
sort -oF a
sort --compress-program=P a
sort --compress-pro=P a
sort -T d a
uniq IN OUT
uniq IN -c
uniq a*
uniq -- a b
xxd IN OUT
find . -fprintf F x
find . -fprint F
find . -fls F
find . -exec rm {} +
find . -exec rm {} \\;
find . -ok rm {} \\;
find . -execdir rm a \\;
sed -n 'w F' a
sed -n '1,2w F' a
sed '1e CMD' a
sed -i s/a/b/ a
sed -n 1p -i a
sed -n 1,2p -s a
awk 'BEGIN{system("x")}'
git grep -O./x foo
git diff --output=F
git -c alias.x='!c' x
git log
tar --checkpoint-action=exec=x -cf a b
env -S 'rm x'
env ls
xargs ls
BASH_ENV=F bash -c true
bash -c true
echo ${x:=$(rm a)}
echo >(rm a)
cat <(rm a)
ls⏎rm a
ls\rrm a
ls\\⏎rm a
[[ $a -eq 0 ]]
[[ a -eq 0 ]]
[ -f a ]
printf -v 'a[$(rm x)]' 1
printf 'abc%n' PATH
printf '%(%s)T' 1
printf '%*d' 3 1
test -v 'a[$(rm x)]'
test 1 -eq 1
echo x > f
echo x >| f
echo x &> f
echo x >> f
echo x 2> f
echo x | tee f
awk 'BEGIN{print > "f"}'
echo $(touch c)
echo `touch c`
echo "$(touch c)"
echo "`touch c`"
echo $((x[$(touch c)]))
echo $x
echo "$x"
echo "${x@P}"
echo $'a'
echo $"a"
PATH=.:$PATH ls
X=1
export X; ls
declare -x A=1
unset PATH
alias ls=rm
ls() { rm a; }; ls
function f { ls; }
(ls)
{ ls; }
! ls
ls &
ls & ls
time ls
coproc ls
exec ls
eval ls
command ls
builtin echo
. ./x
source x
if true; then ls; fi
for a in b; do ls; done
while true; do ls; done
case a in b) ls;; esac
cat <<E⏎x⏎E
cat <<< x
ls # rm
ls\u00a0-l
ls\u3000-l
l\u200bs
ls \u202e
echo ；rm a
ls\t-l
echo '\x00'
echo '\x1b]'
echo "a\u2028b"
'unterminated
ls "unterminated
ls &&
&& ls
ls | | ls
ls )
ls ;; ls
rg --pre ./x foo
rg --pre=./x foo
rg --hostname-bin x foo
rg -z foo
rg -f /etc/passwd
grep -f x a
grep foo /etc/passwd
grep foo ../x
grep -e foo /etc/passwd
grep -C /etc/passwd /etc/shadow
diff --color /etc/shadow a
diff --to-file=/etc/shadow a
cat /etc/shadow
cat ~/.ssh/id_rsa
cat ~root/x
cat ../secret
cat a/../../b
cat */../../x
cat *
cat a*
cat {a,/etc/shadow}
ls -{l,a}
find / -name x
find .. -name x
find -L / -name x
find . -files0-from x
wc --files0-from=/etc/x
cd
cd -
cd ..
cd /
cd ''
cd a b
date -s tomorrow
date 01010000
date -f x
date --set=x
file -C -m x
file -m x a
./ls
/bin/ls
bin/ls
\\./ls
LS
\\ ls
ls && \\ cat
ls \\ 
ls >/dev/null x
ls "a"2>/dev/null
ls 12>/dev/null
ls {fd}>/dev/null
ls >&-
ls 2>&1-
ls >&12
ls >&x
ls >& /dev/null
ls >/dev/null/../x
ls >/dev/nullx
ls >/dev/null'x'
ls >/dev/null\\ x
ls >|/dev/null
ls <>/dev/null
ls >/dev/null >x
ls >/dev/null &
ls >/dev/nul?
2>&1
>/dev/null rm x
ping a
dig $(x).evil
nslookup a
curl http://x
ls --unknown
ls --al
tail -f a
column --x a
tree -o f
python -c 1
rm a
""".strip("\n").split("\n")
]


NOT_PLAIN_BY_SIZE = ["a" * 1_000_001, "true && " * 10_000 + "true", "; ".join(["ls"] * 101)]


@pytest.mark.parametrize("command", HARMLESS)
def test_what_only_reads_is_seen_to(command: str) -> None:
    assert parse(command).plain, parse(command).why
    assert plainly_read_only(command)


@pytest.mark.parametrize(
    "command", [*VIBE, *NOT_READING, *NOT_PLAIN_BY_SIZE, "", " ", "#x"], ids=lambda c: ascii(c[:40])
)
@pytest.mark.parametrize("mode", ["default", "acceptEdits", "auto"])
def test_everything_else_is_asked(command: str, mode: str) -> None:
    assert not plainly_read_only(command)
    wish = Wish("bash", "runs", {"command": command}, sight=lambda name, deep: True)
    assert decide(wish, Standing(mode, Rules(), "none")).verdict == "ask"


def test_many_harmless_ones_do_not_hide_the_last() -> None:
    assert plainly_read_only(" && ".join(["true"] * 60))
    assert not plainly_read_only(" && ".join(["true"] * 60 + ["rm x"]))


@pytest.mark.parametrize(
    ("command", "commands"),
    [
        ("a 'b c' \"d $\" e\\ f g'h'\"i\"", ("a", "b c", '"d $"', "e f", "ghi")),
        (r'a "\$ \" \\ \n" \*', ("a", '$ " \\ \\n', "*")),
        ("a '' -5 x=y", ("a", "", "-5", "x=y")),
    ],
)
def test_words_are_unquoted(command: str, commands: tuple[str, ...]) -> None:
    assert parse(command).commands == (commands,)


@pytest.mark.parametrize(
    "command",
    ["x=$(rm a)", "if a; then rm a; fi", "ls > x; rm a", "r\\\nm a", "f() { rm a; }", "ls &\nrm a", "cat <(rm a) 'x"],
)
def test_a_command_is_found_wherever_it_stands(command: str) -> None:
    line = parse(command)
    assert not line.plain and line.why
    assert ("rm", "a") in line.commands


def test_no_character_brings_the_parser_down() -> None:
    # One of these ended the process: the scanner reads beyond its tables for what follows a brace.
    for code in range(0x80, 0x110000, 997):
        assert not parse("{" + chr(code)).plain


def test_what_the_shell_expands_is_told_from_what_is_quoted() -> None:
    quoted, bare = parse("rm '*' a"), parse("rm * a")
    assert quoted.commands == bare.commands
    assert quoted.forms != bare.forms
    assert (quoted.stems, bare.stems) == ((None,), ("rm ",))


BOMBS = ["(", "$(", "{ ", '"', "'a'", "true &&", "a;", "<", "<<a ", "`", "if a; then ", "${a:-", "a ", "a|", "a=(",
         "\\", "\n", "[", "a[)", "]])", "a[\\", "*", "{a,", '"$(', "! ", "$'", "é",
         "\u202e", "case x in "]  # fmt: skip


@pytest.mark.parametrize("size", [999, 19_999, 100_000, 1_000_000])
def test_bombs_take_no_time(size: int) -> None:
    parse("ls")  # the grammar is loaded once
    for bomb in BOMBS:
        began = time.monotonic()
        assert not plainly_read_only((bomb * (size // len(bomb) + 1))[:size])
        assert time.monotonic() - began < 3, f"{bomb!r} × {size}"


# Tokens that matter to a shell, so that the fuzz finds the seams.
LISTED = """basename cat cd cmp column cut date df diff dirname du echo egrep false fgrep file find grep head id ls
    md5sum nl printf pwd readlink realpath rev rg sed sha1sum sha256sum sort stat tac tail test tr true type uname uniq
    wc which whoami"""
KNOWN = ("ls", "cat", "echo", "wc", "head", "sort", "uniq", "find", "sed", "printf", "test", "cd")
SIGNS = r"""a b -n -o -l 1,2p -name -exec { } ( ) ; & && || | < > >> << $ $( ${ ` ' " \ ! [ ] [[ ]] * ? ~ # = a=b += %
    %n %s if then fi do done in time -- - .. / , : 2>&1 >/dev/null
    2>/dev/null &>/dev/null </dev/null >& 2 12 /dev/null"""
TOKENS = st.sampled_from([*KNOWN, *SIGNS.split(), "\n", "\r", "\t", "é", "\u00a0", "\u200b"])
LINES = st.one_of(
    st.lists(TOKENS, max_size=12).map(" ".join),
    st.lists(TOKENS, max_size=12).map("".join),
    st.lists(st.one_of(TOKENS, st.just(" ")), max_size=16).map("".join),
    st.text(max_size=30),
)


def again(command: str) -> list[list[str]]:
    """The commands of a line as another, simpler reader sees them; it fails at whatever is more than words."""
    commands: list[list[str]] = [[]]
    word: str | None = None
    # At the start of a word a stream may go nowhere or to another stream, and there it ends.
    bare = re.sub(r"(?:(?<= )|^)(?:&>>?|[0-9]?(?:>>?|<)) */dev/null(?=[ ;|&]|$)", " ", command)
    command = re.sub(r"(?:(?<= )|^)[0-9]?>& *[0-9](?=[ ;|&]|$)", " ", bare).replace("|&", "|")
    rest = iter(command + " ")
    for char in rest:
        if char == "'":
            word = (word or "") + "".join(iter(lambda: next(rest), "'"))
        elif char == '"':
            word = word or ""
            while (char := next(rest)) != '"':
                assert char not in "$`"
                word += next(rest) if char == "\\" else char
        elif char == "\\":
            word = (word or "") + next(rest)
        elif char in " ;|&":
            if word is not None:
                commands[-1].append(word)
            word = None
            if char != " ":
                commands.append([])
        else:
            assert "!" <= char <= "~" and char not in "$`<>()*?[{"
            word = (word or "") + char
    assert command.count("&") - command.count("&&") * 2 == 0 or {"'", '"', "\\"} & set(command)
    return [argv for argv in commands if argv]


@settings(max_examples=1500, deadline=None)
@given(LINES)
def test_what_runs_unasked_is_plain_commands_on_the_list(command: str) -> None:
    wish = Wish("bash", "runs", {"command": command}, sight=lambda name, deep: True)
    decision = decide(wish, Standing("default", Rules(), "none"))
    assert decision.verdict in ("allow", "ask")
    if decision.verdict == "ask":
        return
    for argv in again(command):
        assert argv[0] in LISTED.split()
        assert "-exec" not in argv or argv[0] in ("echo", "printf")


SAYS = 'say() { printf \'%s\\0\' say "$@" \'\' >>out; }; a() { say a "$@"; }; b() { say b "$@"; }; '
STREAMS = """2>&1 >/dev/null 2>/dev/null &>/dev/null >>/dev/null </dev/null 1>&2 > < >& & | |& ; && 2 12 1- a b x=y
    'c' "d" \\ /dev/null - -2"""


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.sampled_from([*STREAMS.split(), " ", " ", " ", "a", "b "]), max_size=14).map("".join))
def test_bash_sees_the_same_commands(tmp_path: Path, command: str) -> None:
    line = parse(command)
    if not line.plain or any(argv[0] not in ("a", "b") for argv in line.commands):
        return
    (tmp_path / "out").write_bytes(b"")
    before = set(tmp_path.iterdir())
    ran = subprocess.run(["bash", "-c", SAYS + command], cwd=tmp_path, stdin=subprocess.DEVNULL, capture_output=True)
    said = sorted((tmp_path / "out").read_bytes().split(b"\0\0"))
    wanted = sorted(b"\0".join(w.encode() for w in ("say", *argv)) for argv in line.commands)
    assert said == sorted([*wanted, b""]), (command, ran.stderr)
    assert set(tmp_path.iterdir()) == before, command


ARGUMENTS = """a b -n -c -o -r -- out * a* 'x_y' 1p -name -delete %s %n PATH -f sub {a,b} ~ "q" -la w 'w' -i !"""
WORDS = st.sampled_from(ARGUMENTS.split())
NAMES = st.sampled_from([*sorted(KNOWN), "tac", "nl", "cut", "tr", "rm", "touch", "tee", "cp", "xargs", "date", "file"])
SMALL = st.lists(
    st.tuples(NAMES, st.lists(WORDS, max_size=4), st.sampled_from([" | ", " && ", " || ", "; "])),
    min_size=1,
    max_size=3,
).map(lambda parts: "".join(" ".join([name, *words]) + sign for name, words, sign in parts) + "true")


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(SMALL)
def test_what_runs_unasked_changes_nothing(tmp_path: Path, command: str) -> None:
    if not plainly_read_only(command):
        return
    folder = tmp_path / "canary"
    if not folder.exists():
        (folder / "sub").mkdir(parents=True)
        for name in "ab":
            (folder / name).write_text("2\n1\n1\n")
    environment = {"PATH": "/usr/bin:/bin", "HOME": str(folder)}
    before = {path: path.read_bytes() if path.is_file() else None for path in tmp_path.rglob("*")}
    shell = ["bash", "--noprofile", "--norc"]
    assert subprocess.run([*shell, "-n", "-c", command], env=environment, capture_output=True).returncode == 0
    subprocess.run(
        [*shell, "-c", command], cwd=folder, env=environment, stdin=subprocess.DEVNULL, capture_output=True, timeout=20
    )
    assert {path: path.read_bytes() if path.is_file() else None for path in tmp_path.rglob("*")} == before, command
