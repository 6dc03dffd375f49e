"""What the YAML parser says, in the words of someone who looks at the file."""

from __future__ import annotations

from yaml import YAMLError
from yaml.error import MarkedYAMLError
from yaml.reader import ReaderError

from fleet.errors import ConfigError, Position

_SHOWN = 70
"""Characters of a line or a value: a message stands on 80 columns."""

# The parser's own words → ours and the next thing to do. First match wins.
_WORDS: tuple[tuple[str, str, str], ...] = (
    ("mapping values are not allowed", "a ': ' where no key can stand",
     "check the indentation, or quote the text that holds ': '"),
    ("could not find expected ':'", "this line is neither 'key: value' nor a part of the value before it",
     "a ':' may be missing, or the indentation is off"),
    ("did not find expected key", "this does not line up with the block it should belong to",
     "indent it like its siblings; quote a text that goes on after its closing quote"),
    ("did not find expected '-' indicator", "this does not line up with the list it should belong to",
     "indent it like the other '- ' items"),
    ("block sequence entries are not allowed", "a list cannot begin here", "put '- ' on a line of its own"),
    ("did not find expected ',' or ']'", "a '[' is not closed, or a ',' is missing",
     "quote a text with brackets"),
    ("did not find expected ',' or '}'", "a '{' is not closed, or a ',' is missing",
     "quote a text with brackets"),
    ("did not find expected node content", "a value is missing here", ""),
    ("found undefined alias", "this alias has no anchor before it", ""),
    ("found undefined tag handle", "unknown kind of tag", ""),
    ("found unknown escape character", "unknown escape in double quotes",
     "use single quotes, or double the '\\'"),
    ("found unexpected end of stream", "the file ends inside a quoted text", "close the quote"),
    ("found unexpected document indicator", "the document ends inside a quoted text", "close the quote"),
    ("but found another document", "a second document; one file holds one", "remove the '---'"),
    ("did not find expected <document start>", "the file goes on after its value has ended",
     "check the indentation"),
)  # fmt: skip


def syntax_error(error: YAMLError, text: str, file: str) -> ConfigError:
    """The parser's error as one of ours, with the line and a caret."""
    if isinstance(error, ReaderError):
        return control_character(error.character, text, file)
    if not isinstance(error, MarkedYAMLError):
        return ConfigError("not valid YAML", why=str(error), at=Position(file))
    mark = error.problem_mark or error.context_mark
    at = Position(file, mark.line + 1, mark.column + 1) if mark else Position(file)
    problem = " ".join(part for part in (error.problem, error.context) if part)
    what, hint = _plain(problem, _character(text, at), _line(text, at.line))
    context = error.context_mark
    if context and mark and context.line != mark.line:
        what += f" (in what begins at line {context.line + 1})"
    return ConfigError(what, why=excerpt(text, at), hint=hint, at=at)


def not_utf8(raw: bytes, error: UnicodeDecodeError, file: str) -> ConfigError:
    """``raw`` up to the bad byte is fine: it tells the place."""
    at = _end_of(raw[: error.start].decode("utf-8-sig", "replace"), file)
    return ConfigError(f"not UTF-8: byte 0x{raw[error.start]:02x}", hint="save the file as UTF-8", at=at)


def excerpt(text: str, at: Position) -> str:
    """The line and a caret below the column; tabs are shown, since they are so often the cause."""
    line = _line(text, at.line)
    if not line.strip():
        return ""
    # A file of JSON is often one line.
    first = max(0, at.column - 1 - _SHOWN // 2) if len(line) > _SHOWN else 0
    part = ("…" if first else "") + line[first : first + _SHOWN] + ("…" if len(line) > first + _SHOWN else "")
    return f"{part.replace(chr(9), '⇥')}\n{' ' * (at.column - 1 - first + bool(first))}^"


def shortened(value: str) -> str:
    return value if len(value) <= _SHOWN else f"{value[: _SHOWN - 1]}…"


def _plain(problem: str, character: str, line: str) -> tuple[str, str]:
    indent = line[: len(line) - len(line.lstrip())]
    if "\t" in indent:
        return "a tab in the indentation: YAML allows spaces only", "replace the tab by spaces"
    if "cannot start any token" in problem and character:
        return f"a value cannot begin with {character!r}", "put it in quotes"
    for words, what, hint in _WORDS:
        if words in problem:
            return what, hint
    return problem or "not valid YAML", ""


def control_character(code: int, text: str, file: str) -> ConfigError:
    """The first of them in ``text``."""
    at = _end_of(text.partition(chr(code))[0], file)
    return ConfigError(f"a control character (U+{code:04X}) in the text", hint="remove it", at=at)


def _end_of(before: str, file: str) -> Position:
    return Position(file, before.count("\n") + 1, len(before) - before.rfind("\n"))


def _line(text: str, number: int) -> str:
    lines = text.split("\n")
    return lines[number - 1].rstrip("\r") if number <= len(lines) else ""


def _character(text: str, at: Position) -> str:
    return _line(text, at.line)[at.column - 1 : at.column]
