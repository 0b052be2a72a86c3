"""The languages whose symbols are seen: their files, their grammars, and the queries that find definitions in them.

In a query the name of a definition is captured as its kind.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from functools import cache
from typing import NamedTuple

_PYTHON = """
(class_definition name: (identifier) @class)
(function_definition name: (identifier) @function)
(module (expression_statement (assignment left: (identifier) @variable)))
"""
_SCRIPT = """
(function_declaration name: (identifier) @function)
(generator_function_declaration name: (identifier) @function)
(method_definition name: [(property_identifier) (private_property_identifier)] @method)
(variable_declarator name: (identifier) @function value: [(arrow_function) (function_expression)])
(program (lexical_declaration (variable_declarator name: (identifier) @variable
    value: [(object) (array) (string) (number) (call_expression) (new_expression)])))
(program (export_statement (lexical_declaration (variable_declarator name: (identifier) @variable
    value: [(object) (array) (string) (number) (call_expression) (new_expression)]))))
"""
_JAVASCRIPT = f"""{_SCRIPT}
(class_declaration name: (identifier) @class)
(field_definition property: (property_identifier) @method value: [(arrow_function) (function_expression)])
"""
_TYPESCRIPT = f"""{_SCRIPT}
(class_declaration name: (type_identifier) @class)
(abstract_class_declaration name: (type_identifier) @class)
(interface_declaration name: (type_identifier) @interface)
(type_alias_declaration name: (type_identifier) @type)
(enum_declaration name: (identifier) @enum)
(internal_module name: (identifier) @module)
(function_signature name: (identifier) @function)
(method_signature name: (property_identifier) @method)
(abstract_method_signature name: (property_identifier) @method)
(public_field_definition name: (property_identifier) @method value: [(arrow_function) (function_expression)])
"""
_GO = """
(function_declaration name: (identifier) @function)
(method_declaration name: (field_identifier) @method)
(type_spec name: (type_identifier) @type)
(type_alias name: (type_identifier) @type)
(source_file (const_declaration (const_spec name: (identifier) @variable)))
(source_file (var_declaration (var_spec name: (identifier) @variable)))
"""
_RUST = """
(function_item name: (identifier) @function)
(function_signature_item name: (identifier) @function)
(struct_item name: (type_identifier) @struct)
(enum_item name: (type_identifier) @enum)
(union_item name: (type_identifier) @union)
(trait_item name: (type_identifier) @trait)
(type_item name: (type_identifier) @type)
(impl_item type: [(type_identifier) @impl (generic_type type: (type_identifier) @impl)])
(mod_item name: (identifier) @module)
(macro_definition name: (identifier) @macro)
(source_file [(const_item name: (identifier) @variable) (static_item name: (identifier) @variable)])
"""
_JAVA = """
(class_declaration name: (identifier) @class)
(record_declaration name: (identifier) @class)
(interface_declaration name: (identifier) @interface)
(annotation_type_declaration name: (identifier) @interface)
(enum_declaration name: (identifier) @enum)
(method_declaration name: (identifier) @method)
(constructor_declaration name: (identifier) @method)
"""
_C = """
(function_definition declarator: (function_declarator declarator: (identifier) @function))
(function_definition declarator: (pointer_declarator declarator:
    (function_declarator declarator: (identifier) @function)))
(struct_specifier name: (type_identifier) @struct body: (_))
(union_specifier name: (type_identifier) @union body: (_))
(enum_specifier name: (type_identifier) @enum body: (_))
(type_definition declarator: (type_identifier) @type)
(preproc_function_def name: (identifier) @macro)
(translation_unit (declaration declarator: (init_declarator declarator: (identifier) @variable)))
"""
_CPP = f"""{_C}
(class_specifier name: (type_identifier) @class body: (_))
(namespace_definition name: (namespace_identifier) @namespace)
(function_definition declarator: (function_declarator declarator:
    [(field_identifier) (qualified_identifier) (destructor_name) (operator_name)] @method))
(function_definition declarator: (pointer_declarator declarator: (function_declarator declarator:
    [(field_identifier) (qualified_identifier)] @method)))
(function_definition declarator: (reference_declarator (function_declarator declarator:
    [(identifier) (field_identifier) (qualified_identifier) (operator_name)] @method)))
(field_declaration declarator: (function_declarator declarator: (field_identifier) @method))
(alias_declaration name: (type_identifier) @type)
"""
_C_SHARP = """
(class_declaration name: (identifier) @class)
(record_declaration name: (identifier) @class)
(struct_declaration name: (identifier) @struct)
(interface_declaration name: (identifier) @interface)
(enum_declaration name: (identifier) @enum)
(delegate_declaration name: (identifier) @type)
(namespace_declaration name: (_) @namespace)
(method_declaration name: (identifier) @method)
(constructor_declaration name: (identifier) @method)
(property_declaration name: (identifier) @property)
(local_function_statement name: (identifier) @function)
"""
_RUBY = """
(class name: [(constant) (scope_resolution)] @class)
(module name: [(constant) (scope_resolution)] @module)
(method name: (_) @method)
(singleton_method name: (_) @method)
(program (assignment left: (constant) @variable))
"""
_PHP = """
(class_declaration name: (name) @class)
(interface_declaration name: (name) @interface)
(trait_declaration name: (name) @trait)
(enum_declaration name: (name) @enum)
(function_definition name: (name) @function)
(method_declaration name: (name) @method)
"""
_BASH = """
(function_definition name: (word) @function)
(program (declaration_command (variable_assignment name: (variable_name) @variable)))
"""
_LUA = """
(function_declaration name: [(identifier) (dot_index_expression) (method_index_expression)] @function)
(assignment_statement (variable_list . name: [(identifier) (dot_index_expression)] @function)
    (expression_list . value: (function_definition)))
"""
_KOTLIN = """
(class_declaration name: (identifier) @class)
(object_declaration name: (identifier) @object)
(function_declaration name: (identifier) @function)
(type_alias type: (identifier) @type)
(source_file (property_declaration (variable_declaration (identifier) @variable)))
"""
_SWIFT = """
(class_declaration name: [(type_identifier) (user_type)] @class)
(protocol_declaration name: (type_identifier) @protocol)
(function_declaration name: (simple_identifier) @function)
(protocol_function_declaration name: (simple_identifier) @function)
(init_declaration "init" @function)
(typealias_declaration name: (type_identifier) @type)
(source_file (property_declaration (pattern (simple_identifier) @variable)))
"""


class Language(NamedTuple):
    """module: of the grammar. function: of the module, gives the grammar. endings: of file names. extra: the grammar
    comes with the extra `langs`."""

    name: str
    module: str
    endings: str
    query: str
    function: str = "language"
    extra: bool = False


LANGUAGES = (
    Language("Python", "tree_sitter_python", "py pyi pyw", _PYTHON),
    Language("JavaScript", "tree_sitter_javascript", "js jsx mjs cjs", _JAVASCRIPT),
    Language("TypeScript", "tree_sitter_typescript", "ts mts cts", _TYPESCRIPT, "language_typescript"),
    Language("TSX", "tree_sitter_typescript", "tsx", _TYPESCRIPT, "language_tsx"),
    Language("Go", "tree_sitter_go", "go", _GO),
    Language("Rust", "tree_sitter_rust", "rs", _RUST),
    Language("Java", "tree_sitter_java", "java", _JAVA),
    Language("C", "tree_sitter_c", "c", _C),
    Language("C++", "tree_sitter_cpp", "h cc cpp cxx hh hpp hxx ipp inl", _CPP),
    Language("C#", "tree_sitter_c_sharp", "cs", _C_SHARP),
    Language("Ruby", "tree_sitter_ruby", "rb rake gemspec", _RUBY),
    Language("PHP", "tree_sitter_php", "php", _PHP, "language_php"),
    Language("Bash", "tree_sitter_bash", "sh bash", _BASH),
    Language("Lua", "tree_sitter_lua", "lua", _LUA, extra=True),
    Language("Kotlin", "tree_sitter_kotlin", "kt kts", _KOTLIN, extra=True),
    Language("Swift", "tree_sitter_swift", "swift", _SWIFT, extra=True),
)
BY_NAME = {language.name: language for language in LANGUAGES}
_BY_ENDING = {ending: language for language in LANGUAGES for ending in language.endings.split()}


def language_of(path: str) -> Language | None:
    """By the ending of the file's name."""
    return _BY_ENDING.get(path.rpartition("/")[2].rpartition(".")[2].lower() if "." in path else "")


def endings() -> frozenset[str]:
    """Of the files whose grammars are installed."""
    return frozenset(ending for ending, language in _BY_ENDING.items() if binding(language))


@cache
def binding(language: Language) -> str:
    """The file of the grammar's compiled part, "" if it is not installed. Nothing is imported."""
    from importlib.machinery import PathFinder
    from importlib.util import find_spec

    package = find_spec(language.module)
    places = package.submodule_search_locations if package else None
    spec = PathFinder.find_spec(f"{language.module}._binding", places) if places else None
    return spec.origin or "" if spec else ""


def library() -> str:
    """The folder in which tree_sitter itself is installed."""
    from importlib.util import find_spec

    spec = find_spec("tree_sitter")
    return os.path.dirname(os.path.dirname(spec.origin)) if spec and spec.origin else ""  # noqa: PTH120


def missing(languages: Iterable[Language]) -> str:
    """What to say of those whose grammars are not installed, "" if all are."""
    lacking = [language for language in dict.fromkeys(languages) if not binding(language)]
    if not lacking:
        return ""
    names = ", ".join(language.name for language in lacking)
    cure = "pip install 'minicode[langs]'" if any(language.extra for language in lacking) else "reinstall minicode"
    return f"no grammar for {names} is installed here: {cure}"
