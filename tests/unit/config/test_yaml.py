"""YAML with positions: values, places, and mistakes in plain words."""

from __future__ import annotations

import datetime
import math
import os

import pytest

from fleet.config.yaml import Scalars, load, load_if_there, parse
from fleet.errors import ConfigError, ConfigErrors, Position
from fleet.model.unsafe import Unsafe
from fleet.secret import SecretRef
from fleet.suggest import suggest

TEXT = """\
services:
  app: &app
    image: shop
    ports: ["8001:8000", 22]
  worker:
    <<: *app
    image: worker
"""


def at(line: int, column: int) -> Position:
    return Position("f.yml", line, column)


class TestPlaces:
    @pytest.fixture
    def document(self):
        return parse(TEXT, "f.yml")

    def test_of_values_and_keys(self, document):
        assert document.at(("services", "app", "image")) == at(3, 12)
        assert document.key_at(("services", "app", "image")) == at(3, 5)
        assert document.at(("services", "app", "ports", 1)) == at(4, 26)
        assert document.key_at(("services", "app", "ports", 1)) == at(4, 26)
        assert document.at(()) == at(1, 1)

    def test_of_a_merged_key_is_where_it_was_written(self, document):
        assert document.at(("services", "worker", "ports", 0)) == at(4, 13)
        assert document.at(("services", "worker", "image")) == at(7, 12)

    def test_of_something_unknown_is_the_nearest_ancestor(self, document):
        assert document.at(("services", "app", "nothing", "at", 5)) == document.at(("services", "app"))
        assert document.key_at(("services", "app", "ports", 9)) == at(4, 5)
        assert document.at(("services", "app", "image", "deeper")) == at(3, 12)
        assert parse("", "f.yml").at(("a",)) == at(1, 1)


class TestValues:
    def test_yaml_1_1_as_ansible_reads_it(self):
        text = "{a: yes, b: off, c: 22:22, d: 010, e: 0x1F, f: 1e3, g: .inf, h: ~}"
        more = "{i: 2026-01-31, j: '5', k: =, l: <<}"
        one, two = parse(f"- {text}\n- {more}", "f.yml").value
        assert one | two == {
            **{"a": True, "b": False, "c": 1342, "d": 8, "e": 31, "f": "1e3", "g": math.inf, "h": None},
            **{"i": datetime.date(2026, 1, 31), "j": "5", "k": "=", "l": "<<"},
        }

    def test_the_words_that_compose_takes_for_text(self):
        text = "{a: yes, b: off, c: 22:22, d: 2026-01-31, e: true, f: 5, g: 1.5, h: ~}"
        assert parse(text, "f.yml", scalars=Scalars.COMPOSE).value == {
            **{
                "a": "yes",
                "b": "off",
                "c": "22:22",
                "d": "2026-01-31",
                "e": True,
                "f": 5,
                "g": 1.5,
                "h": None,
            }
        }

    def test_json_has_json_numbers(self):
        assert parse('{"a": 1e3,\n\t"b": ["yes", true]}', "f.yml").value == {"a": 1000.0, "b": ["yes", True]}

    def test_a_secret_is_a_reference_with_its_place(self):
        ref = parse("a:\n  - !secret env:DB_PASSWORD\n", "f.yml").value["a"][0]
        assert ref == SecretRef("env", "DB_PASSWORD")
        assert ref.at == at(2, 5)
        assert parse("!secret command:pass show db", "f").value == SecretRef("command", "pass show db")

    def test_unsafe_text_is_marked_at_every_depth(self):
        value = parse("a: !unsafe {b: '{{ x }}', c: [y], d: 5}\ne: '{{ x }}'\nf: !unsafe 5", "f.yml").value
        assert value == {"a": {"b": "{{ x }}", "c": ["y"], "d": 5}, "e": "{{ x }}", "f": 5}
        assert [type(text) for text in (value["a"]["b"], value["a"]["c"][0], value["e"])] == [
            Unsafe,
            Unsafe,
            str,
        ]

    def test_merge_keys_yield_to_the_mapping_and_earlier_ones_to_later(self):
        text = "x: &x {a: 1, b: 1}\ny: &y {b: 2, c: 2}\nz: {d: 3, <<: [*x, *y], a: 3}\n"
        assert parse(text, "f.yml").value["z"] == {"a": 3, "b": 1, "c": 2, "d": 3}


class TestMistakes:
    @pytest.mark.parametrize(
        ("text", "place", "what", "hint"),
        [
            (
                "a:\n\t- x\n",
                (2, 1),
                "a tab in the indentation: YAML allows spaces only",
                "replace the tab by spaces",
            ),
            ("a: {{ x }}\n", (1, 4), "a value that begins with '{{' must be quoted", 'write "{{ … }}"'),
            ("a: 1\nb: 2\na: 3\n", (3, 1), "duplicate key 'a', first at f.yml:1:1", "remove one of them"),
            ("a: {b: 1, b: 2}\n", (1, 11), "duplicate key 'b', first at f.yml:1:5", "remove one of them"),
            (
                "a: &a {}\nb: &b {}\nc: {<<: *a, <<: *b}\n",
                (3, 13),
                "duplicate key '<<', first at f.yml:3:5",
                "merge several at once: <<: [*one, *other]",
            ),
            ("c: {<<: 5}\n", (1, 9), "'<<' merges a mapping or a list of mappings", ""),
            (
                "a: b: c\n",
                (1, 5),
                "a ': ' where no key can stand",
                "check the indentation, or quote the text that holds ': '",
            ),
            (
                "a:\n   b: 1\n  c: 2\n",
                (3, 3),
                "this does not line up with the block it should belong to (in what begins at line 1)",
                "indent it like its siblings; quote a text that goes on after its closing quote",
            ),
            (
                "a: 'x\n",
                (2, 1),
                "the file ends inside a quoted text (in what begins at line 1)",
                "close the quote",
            ),
            ("a: @x\n", (1, 4), "a value cannot begin with '@'", "put it in quotes"),
            (
                "a: [1, 2\nb: 3\n",
                (2, 2),
                "a '[' is not closed, or a ',' is missing (in what begins at line 1)",
                "quote a text with brackets",
            ),
            ("a: *x\n", (1, 4), "this alias has no anchor before it", ""),
            ("a: &x [*x]\n", (1, 4), "an alias inside the very value that it stands for", ""),
            (
                "a: 1\n---\nb: 2\n",
                (2, 1),
                "a second document; one file holds one (in what begins at line 1)",
                "remove the '---'",
            ),
            (
                "? [a]\n: 1\n",
                (1, 3),
                "a mapping key must be a single word or text, not a list or mapping",
                "",
            ),
            ("!secret env:A: 1\n", (1, 1), "a mapping key cannot be a secret", ""),
            ("a: !sercet env:A\n", (1, 4), "unknown tag '!sercet', did you mean '!secret'?", ""),
            ("a: !!python/name:os.system x\n", (1, 4), "unknown tag '!!python/name:os.system'", ""),
            ("a: !!set {b: }\n", (1, 4), "unknown tag '!!set'", ""),
            (
                "a: !secret fil:A\n",
                (1, 4),
                "unknown secret provider 'fil', did you mean 'file'?",
                "known: env, file, command",
            ),
            (
                "a: !secret NAME\n",
                (1, 4),
                "!secret 'NAME' is not of the form provider:name",
                "such as env:NAME",
            ),
            ("a: !secret [x]\n", (1, 4), "!secret takes one word, such as env:NAME", ""),
            (
                "a: !vault |\n  3132\n",
                (1, 4),
                "!vault is not supported: Fleet holds no vault password",
                "refer to the secret instead: !secret env:NAME, !secret file:PATH or !secret command:WORDS",
            ),
            ("a: !!int x\n", (1, 4), "'x' is not a valid int", "quote it if it is text"),
            (
                "a: 2026-31-31\n",
                (1, 4),
                "'2026-31-31' is not a valid timestamp",
                "quote it if it is text",
            ),
            ("a: 1\nb: \x07\n", (2, 4), "a control character (U+0007) in the text", "remove it"),
        ],
    )
    def test_is_told_with_its_place(self, text, place, what, hint):
        with pytest.raises(ConfigError) as caught:
            parse(text, "f.yml")
        assert (caught.value.at, caught.value.what, caught.value.hint) == (at(*place), what, hint)

    def test_shows_the_line_and_a_caret(self):
        with pytest.raises(ConfigError) as caught:
            parse("web:\n  hosts:\n\t  a: 1\n", "hosts.yml")
        assert str(caught.value) == (
            "hosts.yml:3:1: a tab in the indentation: YAML allows spaces only\n"
            "    ⇥  a: 1\n"
            "    ^\n"
            "  → replace the tab by spaces"
        )

    def test_several_are_told_together(self):
        with pytest.raises(ConfigErrors) as caught:
            parse("a: 1\na: 2\nb: !foo 1\nc: {{ x }}\n", "f.yml")
        assert [error.at for error in caught.value.errors] == [at(2, 1), at(3, 4), at(4, 4)]

    def test_a_long_line_is_shown_around_its_place(self):
        digits = "9" * 5000
        with pytest.raises(ConfigErrors) as caught:
            parse(f"{{a: {digits}, c: !foo 1}}", "f.yml")
        first, last = map(str, caught.value.errors)
        assert len(max(f"{first}\n{last}".splitlines(), key=len)) < 120
        line, caret = last.splitlines()[1:3]
        assert line[caret.index("^") :] == "!foo 1}"
        line, caret = first.splitlines()[1:3]
        assert line[caret.index("^") :].startswith("999")

    def test_aliases_of_aliases_end(self):
        lines = ["a0: &a0 [x, x]", *(f"a{n}: &a{n} [*a{n - 1}, *a{n - 1}]" for n in range(1, 60))]
        with pytest.raises(ConfigError, match="aliases repeat this and other values") as caught:
            parse("\n".join(lines), "f.yml")
        assert caught.value.hint == "use fewer aliases of aliases"

    def test_nesting_without_end_is_no_traceback(self):
        with pytest.raises(ConfigError, match="nested too deeply"):
            parse("[" * 900 + "]" * 900, "f.yml")


class TestFiles:
    def test_a_file_is_shown_relative_to_the_root(self, tmp_path):
        path = tmp_path / "roles" / "web.yml"
        path.parent.mkdir()
        path.write_text("\ufeffa: ü\n", encoding="utf-8")
        document = load(path, root=tmp_path)
        assert (document.file, document.value) == ("roles/web.yml", {"a": "ü"})

    def test_a_file_is_shown_relative_to_the_working_directory(self, tmp_path, monkeypatch):
        (tmp_path / "a.yml").write_text("1")
        monkeypatch.chdir(tmp_path)
        assert load(tmp_path / "a.yml").file == "a.yml"

    def test_not_utf8_tells_the_place(self, tmp_path):
        (tmp_path / "a.yml").write_bytes(b"a: 1\nb: gr\xfc\xdfe\n")
        with pytest.raises(ConfigError, match=r"a\.yml:2:6: not UTF-8: byte 0xfc"):
            load(tmp_path / "a.yml", root=tmp_path)

    def test_a_missing_file_and_a_directory(self, tmp_path):
        with pytest.raises(
            ConfigError, match=r"gone\.yml:1:1: cannot read the file\n    No such file or directory"
        ):
            load(tmp_path / "gone.yml", root=tmp_path)
        with pytest.raises(ConfigError, match=r"Is a directory\n  → put a file in its place"):
            load(tmp_path, root=tmp_path)

    def test_what_is_no_file_is_told_and_not_waited_for(self, tmp_path):
        os.mkfifo(tmp_path / "a.yml")
        with pytest.raises(ConfigError, match=r"a\.yml:1:1: this is no file\n  → put a file in its place"):
            load(tmp_path / "a.yml", root=tmp_path)

    def test_where_nobody_may_look_is_told(self, tmp_path, monkeypatch):
        def refuses(*_, **__):
            raise PermissionError(13, "Permission denied")

        monkeypatch.setattr("pathlib.Path.lstat", refuses)
        monkeypatch.setattr("pathlib.Path.stat", refuses)
        with pytest.raises(ConfigError, match="Permission denied") as caught:
            load_if_there(tmp_path / "a.yml")
        assert caught.value.hint == "let your user read it, and enter its directory"

    def test_only_what_is_not_there_may_be_left_out(self, tmp_path):
        assert load_if_there(tmp_path / "gone.yml") is None
        (tmp_path / "a.yml").symlink_to("a.yml")
        (tmp_path / "b.yml").symlink_to("gone.yml")
        for name, hint in (("a.yml", "a link that leads to itself"), ("b.yml", "a link that leads nowhere")):
            with pytest.raises(ConfigError, match="cannot read the file") as caught:
                load_if_there(tmp_path / name)
            assert hint in caught.value.hint


def test_suggest():
    assert suggest("hots", ["hosts", "vars"]) == ", did you mean 'hosts'?"
    assert suggest("HOSTS", ["hosts", "vars"]) == ", did you mean 'hosts'?"
    assert suggest("zebra", ["hosts", "vars"]) == ""
