"""The whole table: rules, modes, and what a command was understood to do."""

from __future__ import annotations

from typing import Literal

from minicode.permission import rules
from minicode.permission.readonly import harmless_at
from minicode.permission.shell import Line, parse
from minicode.permission.values import NEEDS, Decision, Standing, Wish
from minicode.sandbox.policy import LOOK, Grant

_PLAN = "In plan mode nothing is changed."


def judge(wish: Wish, standing: Standing) -> Decision:
    """As `decide.decide`."""
    if wish.effect == "runs":
        return _Run(wish, standing).decision()
    forbidden = rules.tool_rule(standing.rules.deny, wish.tool, wish.path, strict=True, below=wish.below)
    if forbidden:
        return Decision("deny", f"The rule `{forbidden}` forbids it.", rule=forbidden)
    asked = rules.tool_rule(standing.rules.ask, wish.tool, wish.path, strict=True, below=wish.below)
    if asked:
        return Decision("ask", f"The rule `{asked}` wants to be asked.", rule=asked)
    if wish.below:
        part = rules.touching_rule((*standing.rules.deny, *standing.rules.ask), wish.tool, wish.path)
        if part:
            return Decision("ask", f"What the rule `{part}` is about may lie in `{wish.path}`.", rule=part)
    if wish.effect in ("state", "reads"):
        return Decision("allow")
    return _write(wish, standing)


def _write(wish: Wish, standing: Standing) -> Decision:
    mode = standing.mode
    if mode == "bypassPermissions":
        return Decision("allow")
    if mode == "plan":
        return Decision("deny", _PLAN)
    if wish.guarded:
        verdict: Literal["ask", "deny"] = "deny" if mode == "auto" else "ask"
        return Decision(verdict, f"`{wish.path}` is protected: {wish.guarded.rstrip('.')}.")
    if mode in ("acceptEdits", "auto"):
        return Decision("allow")
    allowed = rules.tool_rule(standing.rules.allow, wish.tool, wish.path, strict=False)
    if allowed:
        return Decision("allow", rule=allowed)
    always = "edit" if wish.tool in ("edit", "write", "apply_patch") else wish.tool
    return Decision("ask", f"It changes `{wish.path}`." if wish.path else "It changes files.", always=always)


class _Run:
    """One wish to run something. The command is understood only when something depends on it."""

    def __init__(self, wish: Wish, standing: Standing) -> None:
        self.tool = wish.tool
        self.rules, self.mode, self.contained = standing.rules, standing.mode, standing.contained
        self.shell = wish.tool.casefold() == "bash"
        self.needs = str(wish.arguments.get("needs") or "") if self.shell else ""
        if self.needs not in NEEDS or self.contained != "kernel" or (self.needs == "network" and standing.network):
            self.needs = ""
        self.command = str(wish.arguments.get("command") or "") if self.shell else ""
        # What a rule keeps from being read could be read by any command: then none is harmless.
        kept = rules.keeps_from_reading((*standing.rules.deny, *standing.rules.ask))
        self.sight = wish.sight if self.shell and not kept else None
        self._line: Line | None = None

    @property
    def line(self) -> Line:
        if self._line is None:
            self._line = parse(self.command)
        return self._line

    @property
    def grant(self) -> Grant:
        return Grant(network=self.needs == "network", host=self.needs == "host")

    def decision(self) -> Decision:
        return self.forbidden() or (self.wider() if self.needs else self.usual())

    def about(self) -> tuple[str, ...]:
        """The tools whose deny and ask rules count: who leaves the sandbox has the network as well."""
        if not self.shell:
            return (self.tool,)
        return {"": ("bash",), "network": ("bash", "network"), "host": ("bash", *NEEDS)}[self.needs]

    def forbidden(self) -> Decision | None:
        for verdict, listed in (("deny", self.rules.deny), ("ask", self.rules.ask)):
            for tool in self.about():
                found = self.named(listed, tool)
                if found and verdict == "deny":
                    return Decision("deny", f"The rule `{found}` forbids it.", rule=found)
                if found:
                    return Decision("ask", f"The rule `{found}` wants to be asked.", self.grant, rule=found)
        if not self.shell:
            return None
        for tool in self.about():
            found = rules.doubtful((*self.rules.deny, *self.rules.ask), tool, self.line) if self.patterns(tool) else ""
            if found:
                why = self.line.why or "it starts what cannot be seen from here"
                return Decision("ask", f"Whether the rule `{found}` is about it is not clear: {why}.", self.grant)
        return None

    def named(self, listed: tuple[str, ...], tool: str) -> str:
        if self.shell and rules.has_patterns(listed, tool):
            return rules.command_rule(listed, tool, self.line)
        return rules.tool_rule(listed, tool, strict=True)

    def patterns(self, tool: str) -> bool:
        return rules.has_patterns((*self.rules.deny, *self.rules.ask), tool)

    def wider(self) -> Decision:
        """It needs more than the sandbox gives."""
        what = "leave the sandbox" if self.needs == "host" else "use the network"
        if self.mode == "bypassPermissions":
            return Decision("allow", grant=self.grant)
        refused = Decision("deny", f"It would {what}, which in {self.mode} mode it may not: that needs the user.")
        if self.mode == "plan":
            return refused
        # Outside, git runs programs that the repository names: no saved rule can know which.
        by_rule = self.needs != "host" or not rules.runs_git(self.line)
        allowed = rules.covering_rule(self.rules.allow, self.needs, self.line, self.sight) if by_rule else ""
        if allowed:
            return Decision("allow", grant=self.grant, rule=allowed)
        if self.mode == "auto":
            return refused
        always = rules.exact_rule(self.needs, self.line, self.sight) if by_rule else ""
        return Decision("ask", f"It wants to {what}.", self.grant, always=always)

    def usual(self) -> Decision:
        if self.contained == "kernel":
            return Decision("allow", grant=LOOK if self.mode == "plan" else Grant())
        if self.mode == "bypassPermissions" or (self.contained == "waived" and self.mode == "auto"):
            return Decision("allow")
        if self.looks():
            return Decision("allow")
        if self.mode == "plan":
            return Decision("deny", f"{_PLAN} Without a sandbox only commands that plainly just read may run.")
        allowed = self.allowed()
        if allowed:
            return Decision("allow", rule=allowed)
        where = "No sandbox holds it on this machine" if self.contained == "none" else "The sandbox is turned off"
        seen = f", and {self.line.why}" if self.shell and self.line.why else ""
        return Decision("ask", f"{where}{seen}.", always=self.always())

    def looks(self) -> bool:
        """Does it plainly just read, and nothing that is hidden or that a rule keeps from being read?"""
        if self.sight is None or not self.line.plain:
            return False
        return all(harmless_at(self.line, at, self.sight) for at in range(len(self.line.commands)))

    def allowed(self) -> str:
        if self.shell:
            return rules.covering_rule(self.rules.allow, "bash", self.line, self.sight)
        return rules.tool_rule(self.rules.allow, self.tool, strict=False)

    def always(self) -> str:
        if not self.shell:
            return self.tool
        return "" if rules.runs_git(self.line) else rules.exact_rule("bash", self.line, self.sight)
