"""May this call run? One wish and what is in force in, one decision out: no state, no question, no clock."""

from __future__ import annotations

from minicode.permission.values import Decision, Standing, Wish

_STRICT = ("allow", "ask", "deny")
_EDITS = ("acceptEdits", "auto", "bypassPermissions")


def decide(wish: Wish, standing: Standing) -> Decision:
    """Whether it may run, has to be asked for or is refused. "ask" is said whether somebody can be asked or not.

    Of a wish for several files, the strictest.
    """
    if wish.others:
        each = (wish._replace(path=path, guarded=guarded, others=()) for path, guarded in wish.others)
        decisions = [decide(one, standing) for one in (wish._replace(others=()), *each)]
        return max(decisions, key=lambda decision: _STRICT.index(decision.verdict))
    if (free := _at_once(wish, standing)) is not None:
        return free
    from minicode.permission.judge import judge  # 40 ms, for rules and the reading of commands

    return judge(wish, standing)


def _at_once(wish: Wish, standing: Standing) -> Decision | None:
    """The commonest answers, for which nothing has to be understood; the table in `judge` gives the same."""
    if any(standing.rules):
        return None
    if wish.effect in ("state", "reads"):
        return Decision("allow")
    if wish.effect == "writes" and standing.mode in _EDITS and not wish.guarded:
        return Decision("allow")
    if wish.effect == "runs" and standing.contained == "kernel" and not wish.arguments.get("needs"):
        return Decision("allow", grant=standing.grant)
    return None
