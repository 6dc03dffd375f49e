"""Templates: Ansible's habits, Compose's ``${}``, secrets as holes, and messages that name the cause."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from fleet.errors import ConfigError, Position
from fleet.model.unsafe import Unsafe
from fleet.render import Lazy, Renderer
from fleet.secret import Hole, SealedText, SecretRef

PASSWORD = SecretRef("env", "DB_PASSWORD")
HOLE = Hole(PASSWORD)


def value(source: Any, **raw: Any) -> Any:
    renderer = Renderer()
    return renderer.lookup("it", renderer.variables({"it": source, **raw}))


def compose(source: str, **raw: Any) -> Any:
    renderer = Renderer()
    return renderer.compose(source, renderer.variables(raw))


def error(run: Callable[..., Any], *args: Any, **raw: Any) -> ConfigError:
    with pytest.raises(ConfigError) as caught:
        run(*args, **raw)
    return caught.value


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("plain", "plain"),
        ("{{ n }}", 5),
        ("{{ 5 }}", 5),
        ("{{ flag }}", True),
        ("{{ items_ }}", [1, "5"]),
        ("{{ none }}", None),
        ("n={{ n }}", "n=5"),
        ("{{ n }}{{ n }}", "55"),
        ("flag={{ flag }} none={{ none }}", "flag=True none="),
        ("{{ chain }}", "5!"),
        ("{{ undefined_ | default('x') }}", "x"),
        ("{{ undefined_.deep.er | default('x') }}", "x"),
        ("{{ nested.deep }}", "v5"),
        ("{% for i in items_ %}{{ i }},{% endfor %}", "1,5,"),
        ("{# only a comment #}", ""),
        ("a\n", "a\n"),
        ("{% macro m(x) %}<{{ x }}>{% endmacro %}{{ m(n) }}", "<5>"),
        ("{{ items_ | to_json }}", '[1, "5"]'),
        ("{{ nested | to_nice_json }}", '{\n    "deep": "v5"\n}'),
        ("{{ nested | to_yaml }}", "{deep: v5}\n"),
        ("{{ 'shop' | b64encode }}", "c2hvcA=="),
        ("{{ 'v41.2' | regex_replace('v([0-9]+).*', 'r\\\\1') }}", "r41"),
        (["{{ n }}", {"k": "{{ n }}"}], [5, {"k": 5}]),
        (Unsafe("{{ n }}"), "{{ n }}"),
    ],
)
def test_values(source: Any, expected: Any) -> None:
    variables = {
        "n": 5,
        "flag": True,
        "none": None,
        "items_": [1, "{{ n ~ '' }}"],
        "chain": "{{ link }}!",
        "link": "{{ n }}",
        "nested": {"deep": "v{{ n }}"},
    }
    assert value(source, **variables) == expected
    assert isinstance(value(source, **variables), type(expected))


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("$A-${A}", "1-1"),
        ("${B:-x}", "x"),
        ("${EMPTY:-x}|${EMPTY-x}", "x|"),
        ("${B:-${C:-${A}}}", "1"),
        ("${A:+alt}|${EMPTY:+alt}|${EMPTY+alt}|${B+alt}", "alt||alt|"),
        ("${A:?needed}", "1"),
        ("$$A $${A}", "$A ${A}"),
        ("${B:-{{ A }}}", "1"),
        ("${A:-${UNUSED}}", "1"),
        ("{{ cost }} ${A}", "$5 ${A} 1"),
        ("${cost}", "$5 ${A}"),
        ("{{ A }}", "1"),
        ("${N}", "5"),
    ],
)
def test_compose_interpolation(source: str, expected: str) -> None:
    assert compose(source, A="1", EMPTY="", cost="$5 ${A}", N=5) == expected


@pytest.mark.parametrize(
    ("source", "what"),
    [
        ("${B}", "the variable 'B' is undefined"),
        ("$B", "the variable 'B' is undefined"),
        ("${B:?set me}", "set me"),
        ("${EMPTY:?}", "the variable 'EMPTY' is required"),
        ("cost: 5$", "'$' without a variable's name after it"),
        ("${A", "cannot read what follows '${A'"),
        ("${A:-x", "'${' without its '}'"),
        ("${A!x}", "cannot read what follows '${A'"),
    ],
)
def test_bad_interpolation(source: str, what: str) -> None:
    assert error(compose, source, A="1", EMPTY="").what == what


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("{{ pw }}", SealedText((HOLE,))),
        ("a:{{ pw }}@b", SealedText(("a:", HOLE, "@b"))),
        ("{{ url }}", SealedText(("x://", HOLE, "/y"))),
        ("{{ 'a' ~ pw }}", SealedText(("a", HOLE))),
        ("{{ 'a' + pw + 'b' }}", SealedText(("a", HOLE, "b"))),
        ("{{ missing_ | default(pw) }}", SealedText((HOLE,))),
        ("{% set x %}<{{ pw }}>{% endset %}{{ x }}", SealedText(("<", HOLE, ">"))),
        ("{% macro m(x) %}<{{ x }}>{% endmacro %}{{ m(pw) }}", SealedText(("<", HOLE, ">"))),
        ("{% if pw %}yes{% endif %}", "yes"),
        ("{{ pw is defined }}", True),
        ([PASSWORD], [SealedText((HOLE,))]),
    ],
)
def test_a_printed_secret_is_a_hole(source: Any, expected: Any) -> None:
    assert value(source, pw=PASSWORD, url="x://{{ pw }}/y") == expected


def test_secrets_in_compose_forms() -> None:
    assert compose("x${A}{{ pw }}${pw}${B:-{{ pw }}}", A="1", pw=PASSWORD) == SealedText(
        ("x1", HOLE, HOLE, HOLE)
    )


@pytest.mark.parametrize(
    "source",
    [
        "{{ pw | upper }}",
        "{{ pw | length }}",
        "{{ pw | b64encode }}",
        "{{ pw | to_json }}",
        "{{ [pw] | to_json }}",
        "{{ {'a': pw} | to_yaml }}",
        "{{ [pw] | tojson }}",
        "{{ [pw, 'a'] | join(',') }}",
        "{{ '%s' | format(pw) }}",
        "{{ '{}'.format(pw) }}",
        "{{ pw[0] }}",
        "{{ pw | replace('a', 'b') }}",
        "{% if pw == 'x' %}{% endif %}",
        "{% for c in pw %}{% endfor %}",
        "{{ pw | int }}",
        "{{ url | upper }}",
    ],
)
def test_a_secret_passes_through_nothing(source: str) -> None:
    caught = error(value, source, pw=PASSWORD, url="x://{{ pw }}/y")
    assert caught.what == "a secret cannot pass through a filter, a comparison or a function"


def test_the_undefined_name_and_the_near_one() -> None:
    assert error(value, "{{ verison }}", version="v1").what == (
        "the variable 'verison' is undefined, did you mean 'version'?"
    )
    assert error(value, "{{ db.hots }}", db={"host": "a"}).what.endswith("did you mean 'host'?")
    hosts = Lazy({"db-1": 0}, lambda _: {}, "hostvars")
    caught = error(value, "x{{ hostvars['db-2'].address }}", hostvars=hosts)
    assert caught.what == "hostvars has no 'db-2', did you mean 'db-1'?"


@pytest.mark.parametrize(
    "source", ["{{ x }}", "a{{ x }}", "{{ [x] }}", "{{ x | upper }}", "{% if x %}{% endif %}"]
)
def test_undefined_is_never_silent(source: str) -> None:
    assert error(value, source).what == "the variable 'x' is undefined"


def test_variables_are_rendered_only_when_asked_for_and_loops_are_named() -> None:
    assert value("{{ good }}", good="{{ 1 + 1 }}", bad="{{ nowhere }}") == 2
    caught = error(value, "{{ a }}", a="{{ b }}", b="x{{ c }}", c="{{ a }}")
    assert caught.what == "the variable 'a' is made of itself: a → b → c → a"


def test_a_failing_variable_is_named_with_its_place() -> None:
    renderer = Renderer()
    place = Position("group_vars/all.yml", 3, 5)
    variables = renderer.variables(
        {"a": "{{ b }}", "b": "{{ nope }}"}, place=lambda name: place if name == "b" else None
    )
    with pytest.raises(ConfigError) as caught:
        renderer.compose("{{ a }}", variables)
    assert caught.value.at == place
    assert caught.value.why == "in the variable 'b'"


def test_loop_over_two_hosts_ends() -> None:
    renderer = Renderer()
    hosts: dict[str, Any] = {}
    for me, other in (("a", "b"), ("b", "a")):
        raw = {"x": f"{{{{ hostvars['{other}'].x }}}}"}
        hosts[me] = renderer.variables(
            {**raw, "hostvars": Lazy({"a": 0, "b": 0}, hosts.__getitem__, "hostvars")}
        )
    with pytest.raises(ConfigError) as caught:
        renderer.compose("{{ x }}", hosts["a"])
    assert "made of itself" in caught.value.what


FILES = {
    "haproxy.cfg.j2": "global\n{% for s in names %}\n  srv {{ s }}\n{% include 'tail.j2' %}\n{% endfor %}\n",
    "tail.j2": "  # {{ s }} {{ missing_one | default('-') }}\n",
    "bad.j2": "one\ntwo {{ nope }}\n",
    "syntax.j2": "one\n{% if %}\n",
    "outer.j2": "line\n{% include 'bad.j2' %}\n",
    "secret.j2": "password={{ pw }}\n",
    "mangled.j2": "\n\n{{ pw | upper }}\n",
    "import.j2": "{% from 'lib.j2' import hi %}{{ hi('x') }}\n",
    "lib.j2": "{% macro hi(x) %}hi {{ x }}{% endmacro %}",
    "dollar.j2": "${HOME} {{ '5' }}\n",
}


def render(name: str, **raw: Any) -> Any:
    renderer = Renderer(lambda name: (FILES[name], f"templates/{name}") if name in FILES else None)
    return renderer.file(name, renderer.variables(raw))


def test_files_are_text_as_ansible_writes_it() -> None:
    # An unrelated broken variable does not matter, not even to an include inside of a loop.
    text = render("haproxy.cfg.j2", names=["a", "b"], broken="{{ nowhere }}")
    assert text == "global\n  srv a\n  # a -\n  srv b\n  # b -\n"
    assert render("import.j2") == "hi x\n"
    assert render("dollar.j2") == "${HOME} 5\n"
    assert render("secret.j2", pw=PASSWORD) == SealedText(("password=", HOLE, "\n"))


@pytest.mark.parametrize(
    ("name", "at", "what"),
    [
        ("bad.j2", Position("templates/bad.j2", 2), "the variable 'nope' is undefined"),
        ("outer.j2", Position("templates/bad.j2", 2), "the variable 'nope' is undefined"),
        ("mangled.j2", Position("templates/mangled.j2", 3), "a secret cannot pass"),
        ("syntax.j2", Position("templates/syntax.j2", 2), "template syntax: "),
        ("none.j2", None, "there is no template 'none.j2'"),
    ],
)
def test_file_errors_tell_the_line(name: str, at: Position | None, what: str) -> None:
    caught = error(render, name, pw=PASSWORD)
    assert caught.at == at
    assert caught.what.startswith(what)


def test_the_sandbox_holds() -> None:
    caught = error(value, "{{ ''.__class__.__mro__ }}")
    assert caught.what.startswith("not allowed in a template")
    assert "random" in error(value, "{{ [1, 2] | random }}").what


def test_json_of_host_variables() -> None:
    renderer = Renderer()
    hosts = Lazy({"a": 0}, lambda _: renderer.variables({"x": "{{ 1 }}"}), "hostvars")
    assert json.loads(value("{{ hostvars | to_json }}", hostvars=hosts)) == {"a": {"x": 1}}
