"""The keys: one table of what can be done, from which the bindings, the help screen and the user's file are made."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any, NamedTuple

from textual.binding import Binding
from textual.keys import REPLACED_KEYS, _character_to_key, key_to_character
from textual.widget import Widget

from minicode.text import clean


class Action(NamedTuple):
    """id: the name in keybindings.json. keys: the default ones, in Textual's words, by commas. does: the action that
    the widget or the app of `where` has. where: "app", "prompt", "transcript", "approval", "question" or
    "search"."""

    id: str
    keys: str
    does: str
    help: str
    where: str = "app"


ACTIONS = (
    Action("send", "enter", "send", "send; while M2 works: steer at its next step", "prompt"),
    Action("newline", "ctrl+j,shift+enter,alt+enter,ctrl+enter", "newline", "new line (also \\ and Enter)", "prompt"),
    Action("queue", "tab", "queue", "while M2 works: send when it is done", "prompt"),
    Action("steer-now", "ctrl+s", "steer_now", "stop M2 in mid-thought and say this", "prompt"),
    Action("history-back", "up", "history_back", "earlier prompts (on the first line)", "prompt"),
    Action("history-on", "down", "history_on", "later prompts (on the last line)", "prompt"),
    Action("history-search", "ctrl+r", "history_search", "search in earlier prompts", "prompt"),
    Action("open-paste", "ctrl+e", "open_or_end", "to the end of the line; there: open a folded paste", "prompt"),
    Action("editor", "ctrl+g", "editor", "write in $EDITOR", "prompt"),
    Action("interrupt", "escape", "interrupt", "stop what runs; twice when idle: rewind"),
    Action("clear-or-quit", "ctrl+c", "clear_or_quit", "copy a selection, else clear or stop; twice quits"),
    Action("quit", "ctrl+d", "quit_if_empty", "quit if nothing is written"),
    Action("mode", "shift+tab", "next_mode", "next permission mode"),
    Action("thinking", "alt+t", "next_thinking", "thinking: folded, live, full"),
    Action("expand", "ctrl+o", "expand", "show or hide what tools put out"),
    Action("todos", "ctrl+t", "todos", "show or hide the todos"),
    Action("background", "ctrl+b", "background", "let the running command go on in the background"),
    Action("palette", "ctrl+p", "command_palette", "all commands"),
    Action("search", "ctrl+f", "search", "search the transcript, thoughts too"),
    Action("redraw", "ctrl+l", "redraw", "draw the screen anew"),
    Action("suspend", "ctrl+z", "suspend_process", "suspend"),
    Action("page-up", "pageup", "page_up", "a page up"),
    Action("page-down", "pagedown", "page_down", "a page down"),
    Action("mark-up", "ctrl+up,alt+up", "mark_up", "mark the block above"),
    Action("mark-down", "ctrl+down,alt+down", "mark_down", "mark the block below"),
    Action("open", "enter,space", "open_marked", "open or fold the marked block", "transcript"),
    Action("top", "home,g", "scroll_home", "to the beginning", "transcript"),
    Action("bottom", "end,G", "scroll_end", "to the end", "transcript"),
    Action("copy-block", "y", "copy_marked", "copy the marked block", "transcript"),
    Action("next-hit", "n", "next_hit", "next hit", "transcript"),
    Action("previous-hit", "N", "previous_hit", "previous hit", "transcript"),
    Action("allow-once", "y", "answer('once')", "yes, once", "approval"),
    Action("allow-session", "s", "answer('session')", "yes, for this session", "approval"),
    Action("allow-project", "p", "answer('project')", "yes, for this project", "approval"),
    Action("deny", "n", "answer('no')", "no, and what to do instead", "approval"),
    Action("choice-up", "up", "move(-1)", "the choice above", "approval"),
    Action("choice-down", "down", "move(1)", "the choice below", "approval"),
    Action("choose", "enter", "choose", "take the marked choice", "approval"),
    Action("call-down", "space", "page_down", "more of the call (also Page Down)", "approval"),
    Action("call-up", "b", "page_up", "back in the call (also Page Up)", "approval"),
    Action("raw", "r", "raw", "the call as M2 wrote it, or as a change", "approval"),
    Action("option-up", "up", "move(-1)", "the option above", "question"),
    Action("option-down", "down", "move(1)", "the option below", "question"),
    Action("option-mark", "space", "check", "mark the option, of several", "question"),
    Action("option-take", "enter", "choose", "answer with it; letters begin your own words", "question"),
)
_MODIFIERS = {name: name for name in ("ctrl", "alt", "shift", "super", "meta", "hyper")}
_MODIFIERS |= {"control": "ctrl", "ctl": "ctrl", "option": "alt", "opt": "alt", "cmd": "super", "command": "super"}
_ALIASES = {"esc": "escape", "return": "enter", "del": "delete", "ins": "insert", "spacebar": "space"}
_ALIASES |= {"pgup": "pageup", "pgdn": "pagedown", "page_up": "pageup", "page_down": "pagedown"}
_NAMED = (
    *("up", "down", "left", "right", "home", "end", "pageup", "pagedown", "insert", "delete", "backspace"),
    *("tab", "enter", "escape", "space", *(f"f{number}" for number in range(1, 25))),
)
# What a terminal sends for both, or for one of them and not for the other.
_SAME = {
    "ctrl+i": ("tab",),
    "ctrl+m": ("enter",),
    "ctrl+left_square_bracket": ("escape",),
    "ctrl+space": ("ctrl+space", "ctrl+@"),
    "ctrl+at": ("ctrl+space", "ctrl+@"),
}
_SIGNS = {"escape": "Esc", "pageup": "Page Up", "pagedown": "Page Down", "space": "Space"}
_BYTES = 64 * 2**10  # of the user's file
_DEFAULTS = "the default keys are used"


def bindings(where: str) -> list[Binding]:
    """Of a widget, or of the app; the user's own keys come over them by their ids (`App.set_keymap`)."""
    own = [action for action in ACTIONS if action.where == where]
    return [Binding(a.keys, a.does, a.help, id=a.id, show=False, priority=where == "app") for a in own]


def keys_of(widget: Widget, where: str) -> dict[str, str]:
    """The key of each action of a place, by its id, as the user has it."""
    keys = {binding.id or "": binding.key.partition(",")[0] for binding in bindings(where)}
    if widget.has_focus:
        for active in widget.screen.active_bindings.values():
            if active.node is widget and active.binding.id:
                keys[active.binding.id] = widget.app.get_key_display(active.binding)
    return keys


def load(path: Path) -> tuple[dict[str, str], list[str]]:
    """The user's keys by id of the action, in Textual's words and "" for none; and sentences about what is wrong.

    The file is JSON: `{"thinking": "alt+t, f2", "queue": null}`. It need not exist. What is wrong in it is left out,
    so that the default holds.
    """
    keys: dict[str, str] = {}
    problems: list[str] = []
    for id, value in _entries(path, problems):
        try:
            action = _known(id)
            if id in keys:
                problems.append(f"`{id}` stands there twice; the last one is used.")
            keys[id] = _keys(value, action)
        except ValueError as error:
            problems.append(str(error))
    while found := conflicts(keys):
        problems += found.values()
        for one, other in found:
            keys.pop(one, None)
            keys.pop(other, None)
    where = clean(str(path))
    return keys, [f"{where}{'' if problem[0] == ':' else ': '}{problem}" for problem in problems]


def keymap(keys: Mapping[str, str]) -> dict[str, str]:
    """For `App.set_keymap`, which cannot take a key away: it is given one that no keyboard has."""
    return {id: value or f"no-key-for-{id}" for id, value in keys.items()}


def conflicts(keys: Mapping[str, str]) -> dict[tuple[str, str], str]:
    """(id, id): a sentence, for every two actions that would be on one key, with these keys over the defaults."""
    taken: list[tuple[str, Action]] = []
    found: dict[tuple[str, str], str] = {}
    for action in ACTIONS:
        for key in filter(None, keys.get(action.id, action.keys).split(",")):
            for other_key, other in taken:
                # the app's keys come before those of any place in it
                met = action.where == other.where or "app" in (action.where, other.where)
                if key == other_key and met and (other.id, action.id) not in found:
                    found[other.id, action.id] = (
                        f"`{other.id}` and `{action.id}` are both on {shown(key)}; {_DEFAULTS}."
                    )
            taken.append((key, action))
    return found


def shown(keys: str) -> str:
    """As they stand on a keyboard: `ctrl+j,question_mark` is `Ctrl+J, ?`; "" for none."""
    return ", ".join(_shown(key) for key in filter(None, keys.split(",")))


def _shown(key: str) -> str:
    *modifiers, last = key.split("+")
    letter = last if last in _NAMED else _letter(last) or last
    if len(letter) == 1 and letter.isupper():
        modifiers.append("shift")
    return "+".join([*map(str.capitalize, modifiers), _SIGNS.get(last) or letter.capitalize()])


def _entries(path: Path, problems: list[str]) -> list[tuple[str, Any]]:
    """What is in the file, and in `problems` what is wrong with the whole of it."""
    try:
        with path.open("rb") as opened:
            data = opened.read(_BYTES + 1)
        if len(data) > _BYTES:
            problems.append(f"it has more than {_BYTES:,} bytes, so it is something else; {_DEFAULTS}.")
            return []
        found = json.loads(data.decode("utf-8-sig"), object_pairs_hook=list)
    except FileNotFoundError:
        return []
    except OSError as error:
        problems.append(f"it cannot be read: {error.strerror}; {_DEFAULTS}.")
        return []
    except json.JSONDecodeError as error:
        problems.append(f":{error.lineno}:{error.colno}: it is not JSON: {error.msg}; {_DEFAULTS}.")
        return []
    except (UnicodeDecodeError, RecursionError):
        problems.append(f"it is not JSON in UTF-8; {_DEFAULTS}.")
        return []
    if not (isinstance(found, list) and all(isinstance(entry, tuple) for entry in found)):
        problems.append(f'it must be one object such as {{"thinking": "alt+t"}}; {_DEFAULTS}.')
        return []
    return found


def _known(id: str) -> Action:
    ids = [action.id for action in ACTIONS]
    if id in ids:
        return ACTIONS[ids.index(id)]
    near = get_close_matches(id, ids, n=1)
    hint = f"Did you mean `{near[0]}`?" if near else "The help screen names them all."
    raise ValueError(f"there is no action `{clean(id)}`. {hint}")


def _keys(value: Any, action: Action) -> str:
    """In Textual's words, by commas. Raises ValueError with a sentence."""
    if value is None:
        return ""
    if isinstance(value, str):
        # a comma alone or after a plus is the key
        value = re.split(r"(?<!\+)\s*,\s*(?=\S)", value.strip())
    if not (isinstance(value, list) and value and all(isinstance(one, str) for one in value)):
        raise ValueError(f'`{action.id}` must be a text such as "alt+t, f2", or null for none, not {_quoted(value)}.')
    try:
        return ",".join(dict.fromkeys(key for one in value for key in _key(one.strip(), action.where)))
    except ValueError as error:
        raise ValueError(f"`{action.id}`: {error}") from None


def _key(written: str, where: str) -> tuple[str, ...]:
    """The names of one key: more than one where terminals do not agree. Raises ValueError with a sentence."""
    head, _, last = written[:-1].rpartition("+")
    last = (last + written[-1:]).strip()  # which may be the plus itself
    modifiers = {_MODIFIERS.get(part.strip().lower(), "") for part in head.split("+")} if head else set()
    if len(last) == 1:
        letter = last.upper() if modifiers == {"shift"} else last.lower() if modifiers else last
        modifiers -= {"shift"} if modifiers == {"shift"} else set()
        last = _character_to_key(letter)
    else:
        last = _ALIASES.get(last.lower(), last.lower())
    if "" in modifiers or not last or not (last in _NAMED or _letter(last)):
        raise ValueError(f"there is no key {_quoted(written)}. Write it as ctrl+t, alt+enter, shift+f5, pageup or G.")
    if where in ("app", "prompt") and not modifiers - {"shift"} and (_letter(last) or "\t").isprintable():
        raise ValueError(f"{shown(last)} alone is for writing. Put ctrl or alt before it, or take a function key.")
    name = "+".join([*sorted(modifiers), last])
    return _SAME.get(name, (name,))


def _letter(name: str) -> str | None:
    """What the key writes, None for nothing."""
    return key_to_character(REPLACED_KEYS.get(name, name))


def _quoted(value: Any) -> str:
    text = clean(json.dumps(value, ensure_ascii=False))
    return text if len(text) <= 60 else f"{text[:59]}…"
