"""The first screen where there is no key: get one in, use another server, watch the demo, or leave."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple, Protocol

from textual import work
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Static

from minicode.text import clean
from minicode.tui.keyline import keys
from minicode.tui.listing import Drawn, Listing
from minicode.tui.sheet import Enquiry, Sheet


class Accounts(Protocol):
    """What keeps keys and addresses. All raise ValueError with a sentence, which never repeats a key."""

    def doubt(self, key: str) -> str:
        """What is wrong with it as a key, "" if nothing is."""
        ...

    async def keep(self, key: str, region: str) -> str:
        """Keep the key of an account in "international" or "china". Returns where it is kept."""
        ...

    def doubt_address(self, base_url: str) -> str:
        """What is wrong with it as the address of a server that needs no key, "" if nothing is."""
        ...

    async def keep_address(self, base_url: str) -> str:
        """Keep it as the address to use from now on. Returns where it is kept."""
        ...


class Choice(NamedTuple):
    id: str
    title: str
    help: str


CHOICES = (
    Choice("international", "Paste a MiniMax key", "of an account at minimax.io; pay-as-you-go or coding plan"),
    Choice("china", "Paste a MiniMax key (China)", "of an account at minimaxi.com"),
    Choice("local", "Use a server on this machine", "vLLM, SGLang, llama.cpp, …: it needs no key"),
    Choice("demo", "Watch the demo", "no key, no network: a scripted M2 mends a real bug with real tools"),
    Choice("quit", "Quit", "MINIMAX_API_KEY in the environment does as well"),
)
_URL = "http://127.0.0.1:8000"


class FirstRun(Sheet[str | None]):
    """Dismissed with "key", "local" (either is kept by then), "demo", or None to quit."""

    DEFAULT_CSS = """
    FirstRun { align: center middle; }
    FirstRun > * { max-width: 84; }
    FirstRun > #why { height: auto; margin-bottom: 1; }
    FirstRun > Listing { height: 1fr; max-height: 10; }
    FirstRun.-short > #why { display: none; }
    """

    def __init__(self, accounts: Accounts) -> None:
        super().__init__()
        self._listing = Listing(_drawn, rows=2)
        self._accounts = accounts

    def heading(self) -> Content:
        return Content.assemble(("minicode", "bold $primary"), ("  the terminal coding agent for MiniMax M2", "dim"))

    def body(self) -> Iterable[Widget]:
        yield Static(Content("There is no key yet, so M2 cannot be asked. How shall it go on?"), id="why", markup=False)
        yield self._listing

    def foot(self) -> Content:
        return keys([("↑↓ enter", "choose"), ("esc", "quit")])

    def on_mount(self) -> None:
        self._listing.show(CHOICES)

    def on_listing_chosen(self, event: Listing.Chosen) -> None:
        match event.item.id:
            case "international" | "china" as region:
                self._ask_for_key(region)
            case "local":
                self._ask_for_address()
            case "demo":
                self.dismiss("demo")
            case _:
                self.dismiss(None)

    @work(exclusive=True)
    async def _ask_for_key(self, region: str) -> None:
        ask = Enquiry("The key; it is not shown:", check=self._accounts.doubt, hidden=True)
        key = await self.app.push_screen_wait(ask)
        if key is not None:
            try:
                where = await self._accounts.keep(key, region)
            except ValueError as error:
                self.tell(clean(str(error)))
            else:
                self.app.notify(f"The key is kept in {clean(where)}.", markup=False)
                self.dismiss("key")

    @work(exclusive=True)
    async def _ask_for_address(self) -> None:
        ask = Enquiry("Its base URL:", _URL, check=self._accounts.doubt_address)
        url = await self.app.push_screen_wait(ask)
        if url is not None:
            try:
                where = await self._accounts.keep_address(url)
            except ValueError as error:
                self.tell(clean(str(error)))
            else:
                self.app.notify(f"The address is kept in {clean(where)}.", markup=False)
                self.dismiss("local")


def _drawn(choice: Choice) -> Drawn:
    return [(Content(choice.title), Content("")), (Content.styled(choice.help, "dim"), Content(""))]
