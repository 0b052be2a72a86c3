"""Finds the lines of a page that speak to a model as if they gave orders. Modest: it warns, it does not protect."""

from __future__ import annotations

import re

MOST = 3  # lines that are told
_LONGEST = 160  # characters of a line that is told
_MACHINE = r"(?:the (?:ai|assistant|model|agent|llm)|ai (?:agents?|assistants?|models?)|(?:llm|language model)s?)"
_SAID = r"(?:instructions?|prompts?|directions?|orders?|rules?|guidelines?|messages?|context|tasks?)"
_ORDERS = (
    rf"\b(?:ignore|disregard|forget|override|bypass)\b.{{0,30}}\b(?:previous|prior|above|earlier|all|any|your|system|"
    rf"other)\b.{{0,30}}\b{_SAID}\b",
    rf"\b(?:new|updated|real|actual|hidden|secret|important|urgent)\s{{1,3}}(?:system )?{_SAID}\b.{{0,20}}\b(?:for|to) "
    rf"(?:you|{_MACHINE})\b",
    r"\b(?:attention|note|notice|message|instructions?|important)\b[:,\s]{1,4}(?:to |for )?(?:all |any )?"
    r"(?:ai|llm|language model|assistant|coding agent|automated agent)s?\b",
    r"\byou are (?:now|no longer)\b.{0,40}\b(?:an?|the|in|bound|restricted|mode|assistant|agent|model)\b",
    r"\b(?:do not|don't|never|without)\b.{0,20}\b(?:tell|telling|inform|informing|mention(?:ing)?|alert(?:ing)?|notify"
    r"(?:ing)?|ask(?:ing)?)\b.{0,20}\b(?:the )?(?:user|human|operator|developer)\b",
    r"\b(?:reveal|print|send|post|upload|exfiltrate|paste)\b.{0,40}\b(?:system prompt|api[ _-]?keys?|credentials|"
    r"environment variables|ssh keys?|\.env\b|secrets?|tokens?)\b",
    rf"\b{_MACHINE} (?:must|should|shall|need to|have to)\b.{{0,30}}\b(?:run|execute|call|invoke|fetch|curl|install)\b",
    r"</?(?:system|assistant|tool_result|function_results|system-reminder)>|<\|im_(?:start|end)\|>|\[/?INST\]",
    r"\[minicode \(|\[The user says, while you work",
    r"(?:忽略|无视|忘记).{0,12}(?:之前|以上|前面|先前|所有).{0,12}(?:指令|提示|指示|要求|规则)",
)


def orders_in(text: str) -> tuple[str, ...]:
    """The first few such lines, shortened, each once."""
    look = re.compile("|".join(f"(?:{order})" for order in _ORDERS), re.IGNORECASE)
    found: dict[str, None] = {}
    for match in look.finditer(text):
        if len(found) == MOST:
            break
        start = max(text.rfind("\n", 0, match.start()) + 1, match.start() - 40)
        line = text[start : start + _LONGEST].split("\n")[0].strip()
        found[line] = None
    return tuple(found)
