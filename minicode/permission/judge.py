"""The whole table: rules, modes, and what a command was understood to do."""

from __future__ import annotations

from typing import Literal

from minicode.permission import reading, rules
from minicode.permission.domains import domain_rule
from minicode.permission.readonly import harmless_at
from minicode.permission.shell import Line, parse
from minicode.permission.values import NEEDS, WEB, Decision, Standing, Wish
from minicode.sandbox.policy import Grant

_PLAN = "In plan mode nothing is changed."
_EDITORS = ("edit", "write", "apply_patch")


def judge(wish: Wish, standing: Standing) -> Decision:
    """As `decide.decide`."""
    if wish.effect == "runs":
        return _Run(wish, standing).decision()
    if wish.effect == "web":
        return _web(wish, standing)
    forbidden = _about_file(standing.rules.deny, wish)
    if forbidden:
        return Decision("deny", f"The rule `{forbidden}` forbids it.", rule=forbidden)
    asked = _about_file(standing.rules.ask, wish)
    if asked:
        return Decision("ask", f"The rule `{asked}` wants to be asked.", rule=asked)
    decision = Decision("allow") if wish.effect in ("state", "reads") else _write(wish, standing)
    return decision._replace(grant=Grant(unread=_left_out(wish, standing)))


def _about_file(listed: tuple[str, ...], wish: Wish) -> str:
    found = rules.tool_rule(listed, wish.tool, wish.path, strict=True, below=wish.below)
    if not found and wish.path and wish.tool in _EDITORS:  # they show what was there
        found = reading.kept_rule(listed, wish.path)
    return found


def _left_out(wish: Wish, standing: Standing) -> tuple[str, ...]:
    """What a tool that goes through more than one file has to leave out."""
    listed = (*standing.rules.deny, *standing.rules.ask)
    if wish.below:
        return reading.patterns_of(listed, wish.tool) if rules.touching_rule(listed, wish.tool, wish.path) else ()
    return reading.patterns_of(listed, "read") if not wish.path and wish.effect != "state" else ()


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
    always = "edit" if wish.tool in _EDITORS else wish.tool
    return Decision("ask", f"It changes `{wish.path}`." if wish.path else "It changes files.", always=always)


def _web(wish: Wish, standing: Standing) -> Decision:
    """Once a domain the user is asked, in every mode but the one that asks nothing."""
    if found := domain_rule(standing.rules.deny, wish.tool, wish.domain, strict=True):
        return Decision("deny", f"The rule `{found}` forbids it.", rule=found)
    if found := domain_rule(standing.rules.ask, wish.tool, wish.domain, strict=True):
        return Decision("ask", f"The rule `{found}` wants to be asked.", rule=found)
    if standing.mode == "bypassPermissions" or (not wish.domain and wish.tool in WEB):
        return Decision("allow")  # without a domain, the tool itself will say why
    if found := domain_rule(standing.rules.allow, wish.tool, wish.domain, strict=False):
        return Decision("allow", rule=found)
    if not wish.domain:
        return Decision("ask", "It wants to use the network.", always=wish.tool)
    what = "send the query to" if wish.tool == "web_search" else "read from"
    return Decision("ask", f"It wants to {what} {wish.domain}.", always=f"{wish.tool}(domain:{wish.domain})")


class _Run:
    """One wish to run something. The command is understood only when something depends on it."""

    def __init__(self, wish: Wish, standing: Standing) -> None:
        self.tool = wish.tool
        self.rules, self.mode, self.contained = standing.rules, standing.mode, standing.contained
        self.usually = standing.grant
        self.shell = wish.tool.casefold() == "bash"
        self.needs = str(wish.arguments.get("needs") or "") if self.shell else ""
        if self.needs not in NEEDS or self.contained != "kernel" or (self.needs == "network" and standing.network):
            self.needs = ""
        self.command = str(wish.arguments.get("command") or "") if self.shell else ""
        self.code = str(wish.arguments.get("code")) if wish.tool.casefold() == "python" else None
        # What a rule keeps from being read could be read by any command: then none is harmless.
        kept = reading.keeps_from_reading((*standing.rules.deny, *standing.rules.ask))
        self.sight = wish.sight if self.shell and not kept else None
        self.unread = reading.patterns_of(self.rules.deny, "read")
        self.finds = wish.finds
        self._line: Line | None = None

    @property
    def line(self) -> Line:
        if self._line is None:
            self._line = parse(self.command)
        return self._line

    @property
    def grant(self) -> Grant:
        network = self.usually.network or self.needs == "network"
        return self.usually._replace(network=network, host=self.needs == "host")

    def decision(self) -> Decision:
        found = self.forbidden() or (self.wider() if self.needs else self.usual())
        if not self.unread or self.unheld or found.verdict == "deny":
            return found
        if trouble := self.finds(self.unread):
            return Decision("ask", f"{self.unkept(f'{trouble[0].upper()}{trouble[1:]}')}.", found.grant, self.reader())
        return found._replace(grant=found.grant._replace(unread=self.unread))

    @property
    def unheld(self) -> bool:
        """Would the kernel let it read anything?"""
        return self.contained != "kernel" or self.needs == "host"

    def reader(self) -> str:
        """The first rule that keeps something from being read."""
        return next(text for text in self.rules.deny if reading.patterns_of((text,), "read"))

    def unkept(self, why: str) -> str:
        """Words for a question, if some rule cannot be kept."""
        return f"{why}, so the rule `{self.reader()}` cannot be enforced on it" if self.unread else why

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
            return self.opaque()
        if self.unread and (found := reading.committed_rule(self.rules.deny, self.line)):
            return Decision("deny", f"The rule `{found}` forbids it.", rule=found)
        if self.unread and self.unheld and (found := reading.named_rule(self.rules.deny, self.line, self.command)):
            why = f"It names what the rule `{found}` keeps from being read, and no sandbox would hold it"
            return Decision("deny" if self.mode == "plan" else "ask", f"{why}.", self.grant, rule=found)
        if rules.has_patterns(self.rules.ask, "read") and (
            found := reading.named_rule(self.rules.ask, self.line, self.command)
        ):
            return Decision("ask", f"The rule `{found}` wants to be asked.", self.grant, rule=found)
        for tool in self.about():
            found = rules.doubtful((*self.rules.deny, *self.rules.ask), tool, self.line) if self.patterns(tool) else ""
            if found:
                why = f"Whether the rule `{found}` is about it cannot be seen, for {rules.doubt(self.line)}."
                return Decision("ask", why, self.grant)
        return None

    def opaque(self) -> Decision | None:
        """Code can do whatever a command can, and what it does cannot be seen."""
        if self.code is None:
            return None
        if self.unread and self.unheld:
            return Decision("ask", f"{self.unkept('No sandbox would hold it')}.", self.grant, rule=self.reader())
        about = rules.rules_about((*self.rules.deny, *self.rules.ask), self.tool.casefold())
        if found := next((rule.text for rule in about if rule.pattern), ""):
            why = f"Whether the rule `{found}` is about it cannot be seen, for code can start any program."
            return Decision("ask", why, self.grant)
        if found := reading.named_rule(self.rules.ask, Line(False), self.code):
            return Decision("ask", f"The rule `{found}` wants to be asked.", self.grant, rule=found)
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
        loose = not (self.unread and self.unheld)  # a mode does not lift a rule
        if self.mode == "bypassPermissions" and loose:
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
        reason = f"It wants to {what}"
        return Decision("ask", f"{reason if loose else self.unkept(reason)}.", self.grant, always=always)

    def usual(self) -> Decision:
        if self.contained == "kernel":
            return Decision("allow", grant=self.usually)
        lifted = self.mode == "bypassPermissions" or (self.contained == "waived" and self.mode == "auto")
        if lifted and not self.unread:  # a mode does not lift a rule
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
        return Decision("ask", f"{self.unkept(f'{where}{seen}')}.", always=self.always())

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
            return self.tool if self.code is None else ""  # such a rule would be one for whatever can be written in it
        return "" if rules.runs_git(self.line) else rules.exact_rule("bash", self.line, self.sight)
