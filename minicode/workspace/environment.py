"""The environment a tool's process gets: what development needs, no secrets, nothing that waits for a person."""

from __future__ import annotations

from collections.abc import Mapping

_NAMES = frozenset(
    (
        *("PATH", "HOME", "USER", "LOGNAME", "SHELL", "LANG", "LANGUAGE", "TZ", "TMPDIR", "TMP", "TEMP", "CI", "EMAIL"),
        *("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "no_proxy", "all_proxy"),
        *("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "NODE_EXTRA_CA_CERTS"),
        *("CC", "CXX", "CPP", "LD", "AR", "AS", "VIRTUAL_ENV", "SOURCE_DATE_EPOCH", "GIT_CONFIG_NOSYSTEM"),
        "MINICODE_CALL",
    )
)
# Families of development tools. A family may hold secrets too; those go by their own names.
_FAMILIES = (
    *("LC_", "XDG_", "PYTHON", "PYENV_", "CONDA_", "UV_", "POETRY_", "PIP_", "TOX_", "PYTEST_", "DJANGO_", "FLASK_"),
    *("GO", "NVM_", "NODE_", "NPM_", "npm_config_", "YARN_", "PNPM_", "BUN_", "DENO_", "VOLTA_", "FNM_", "CARGO_"),
    *("RUST", "JAVA_", "MAVEN_", "GRADLE_", "SDKMAN_", "RBENV_", "RUBY", "GEM_", "BUNDLE_", "PHP_", "COMPOSER_"),
    *("PERL", "ERL_", "MIX_", "DOTNET_", "NUGET_", "NIX_", "HOMEBREW_", "ASDF_", "MISE_", "CMAKE_", "PKG_CONFIG"),
    *("CCACHE_", "GIT_AUTHOR_", "GIT_COMMITTER_"),
)
_ENDINGS = ("_HOME", "_ROOT", "PATH", "FLAGS")
_SECRET_ENDINGS = (
    *("KEY", "KEYS", "TOKEN", "TOKENS", "SECRET", "SECRETS", "PASS", "PASSWD", "PASSWORD", "PASSPHRASE", "AUTH"),
    *("CREDENTIAL", "CREDENTIALS"),
)
# The programs of a call would run or load what these name before anything else; the last is full of sockets.
_NEVER = frozenset(
    (
        *("PYTHONSTARTUP", "PYTHONINSPECT", "PERL5OPT", "RUBYOPT", "XDG_RUNTIME_DIR"),
        *("CDPATH", "RIPGREP_CONFIG_PATH"),  # a command would not be what it reads like
        "PYTEST_CURRENT_TEST",
    )
)
# Tests that are run here are no part of a run of tests in which we may be.
_NEVER_BEGIN = ("LD_", "DYLD_", "MINIMAX_", "PYTEST_XDIST_")
_QUIET = {
    "TERM": "dumb",
    "NO_COLOR": "1",
    "PAGER": "cat",
    "GIT_PAGER": "cat",
    "MANPAGER": "cat",
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_EDITOR": "true",
    "EDITOR": "true",
    "VISUAL": "true",
    "DEBIAN_FRONTEND": "noninteractive",
    "PIP_NO_INPUT": "1",
    "PYTHONUNBUFFERED": "1",
}


def for_tools(ours: Mapping[str, str], key: str = "") -> dict[str, str]:
    """The environment for a tool's process, made from our own. key: the API key, which no value may hold."""
    key = key or ours.get("MINIMAX_API_KEY", "")

    def passes(name: str, value: str) -> bool:
        if name.startswith(_NEVER_BEGIN) or (key and key in value):
            return False
        if name in _NEVER or name.upper().split("_")[-1].endswith(_SECRET_ENDINGS):
            return False
        return name in _NAMES or name.startswith(_FAMILIES) or name.endswith(_ENDINGS)

    passed = {name: value for name, value in ours.items() if passes(name, value)}
    # Without a PATH a shell falls back to one of its own; without a HOME `~` and git break in odd ways.
    return {"PATH": "/usr/local/bin:/usr/bin:/bin", **passed, **_QUIET}
