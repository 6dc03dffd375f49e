"""What every transport promises of a script; the traps of ssh libraries among it, each reproduced once."""

import os
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from fleet.secret import Hole, SealedText
from fleet.transport.base import Transport
from tests.support.hosts import PASSWORD, PASSWORD_VALUE


def wait_for(condition: Callable[[], object], seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "the condition did not come true"
        time.sleep(0.02)


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_output_error_and_exit_status_are_kept_apart(host: Transport) -> None:
    result = host.run("echo out; echo err >&2; exit 3", timeout=30)
    assert (result.rc, result.out, result.err, result.signal) == (3, b"out\n", b"err\n", "")
    assert not result.ok
    assert result.ending(30) == "exit status 3"


def test_an_empty_script_succeeds(host: Transport) -> None:
    assert host.run("", timeout=30).ok
    assert host.run("# nothing", timeout=30).ok


def test_an_inner_cat_does_not_eat_the_rest_of_the_script(host: Transport) -> None:
    assert host.run("cat\ncat\necho after", timeout=30).out == b"after\n"


def test_a_syntax_error_is_an_exit_status_and_nothing_ran(host: Transport, tmp_path: Path) -> None:
    mark = tmp_path / "ran"
    result = host.run(f"touch {mark}\nif true; then echo x", timeout=30)
    assert result.rc == 2
    assert b"yntax error" in result.err
    assert not mark.exists()


@pytest.mark.parametrize("signal", ["TERM", "KILL", "SEGV"])
def test_death_by_a_signal_is_not_an_exit_status(host: Transport, signal: str) -> None:
    result = host.run(f"ulimit -c 0; kill -{signal} $$; sleep 20", timeout=30)
    assert (result.rc, result.signal) == (None, f"SIG{signal}")
    assert result.ending(30) == f"killed by SIG{signal}"


@pytest.mark.parametrize("status", [124, 137, 143, 255])
def test_an_exit_status_that_looks_like_a_signal_or_a_timeout_is_one_all_the_same(
    host: Transport, status: int
) -> None:
    result = host.run(f"exit {status}", timeout=30)
    assert (result.rc, result.signal, result.timed_out) == (status, "", False)


def test_ten_mebibytes_of_stderr_block_nothing(host: Transport) -> None:
    result = host.run("head -c 10485760 /dev/zero >&2; echo done", timeout=60)
    assert (len(result.err), result.out, result.rc) == (10485760, b"done\n", 0)


def test_a_script_of_a_megabyte(host: Transport) -> None:
    result = host.run(f"text='{'a' * 1_000_000}'; echo ${{#text}}", timeout=60)
    assert result.out == b"1000000\n"


def test_a_timeout_is_no_exit_status_and_the_group_is_gone(host: Transport) -> None:
    result = host.run("sleep 300 & echo $!; sleep 300", timeout=1)
    assert (result.rc, result.signal, result.timed_out) == (None, "", True)
    assert result.ending(1) == "no end after 1 s"
    assert result.seconds < 8
    wait_for(lambda: not alive(int(result.out)))


def test_a_script_that_ignores_sigterm_is_killed(host: Transport) -> None:
    result = host.run("trap '' TERM; echo $$; while :; do sleep 1; done", timeout=0.5)
    assert result.timed_out
    assert result.seconds < 12
    wait_for(lambda: not alive(int(result.out)))


def test_cancel_kills_the_whole_process_group(host: Transport) -> None:
    cancel = threading.Event()
    lines: list[str] = []

    def on_line(stream: str, line: str) -> None:
        lines.append(line)
        cancel.set()

    result = host.run("sleep 300 & echo $!; wait", timeout=60, on_line=on_line, cancel=cancel)
    assert (result.rc, result.stopped, result.timed_out) == (None, True, False)
    assert result.ending(60) == "stopped"
    assert result.seconds < 20
    wait_for(lambda: not alive(int(lines[0])))


def test_a_cancel_set_before_the_start_stops_at_once(host: Transport) -> None:
    cancel = threading.Event()
    cancel.set()
    assert host.run("sleep 300", timeout=60, cancel=cancel).stopped


def test_a_true_answer_of_on_line_ends_the_command(host: Transport) -> None:
    seen: list[tuple[str, str]] = []

    def on_line(stream: str, line: str) -> bool:
        seen.append((stream, line))
        return line == "3"

    script = "echo pid $$ >&2; i=0; while :; do i=$((i+1)); echo $i; sleep 0.05; done"
    result = host.run(script, timeout=60, on_line=on_line)
    assert result.stopped
    assert [line for stream, line in seen if stream == "out"] == ["1", "2", "3"]
    pid = next(int(line.split()[1]) for stream, line in seen if stream == "err")
    wait_for(lambda: not alive(pid))


def test_a_mistake_in_on_line_leaves_nothing_running(host: Transport) -> None:
    pids: list[int] = []

    def on_line(stream: str, line: str) -> None:
        pids.append(int(line))
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        host.run("echo $$; sleep 300", timeout=60, on_line=on_line)
    wait_for(lambda: not alive(pids[0]))


def test_lines_come_as_they_are_written_and_the_result_keeps_the_tail(host: Transport) -> None:
    times: list[float] = []
    result = host.run(
        "echo first; sleep 0.6; echo second",
        timeout=60,
        on_line=lambda stream, line: times.append(time.monotonic()),
    )
    assert times[1] - times[0] > 0.3
    assert result.out == b"first\nsecond\n"
    long = host.run(
        "i=0; while [ $i -lt 3000 ]; do i=$((i+1)); printf '%0100d\\n' $i; done",
        timeout=60,
        on_line=lambda stream, line: None,
    )
    assert len(long.out) == 64 * 1024
    assert long.out.endswith(b"3000\n")


def test_bytes_that_are_no_utf8_and_a_line_without_end(host: Transport) -> None:
    lines: list[str] = []
    host.run(r"printf 'a\377b\r\nlast'", timeout=30, on_line=lambda stream, line: lines.append(line))
    assert lines == ["a�b", "last"]


def test_a_child_left_behind_does_not_hold_the_result_back(host: Transport) -> None:
    result = host.run("sleep 60 & echo $!", timeout=300)
    assert result.rc == 0
    assert result.seconds < 10
    os.kill(int(result.out), 9)


def test_a_script_that_closes_its_streams_is_still_waited_for(host: Transport, tmp_path: Path) -> None:
    mark = tmp_path / "done"
    assert host.run(f"exec >&- 2>&-; sleep 0.5; touch {mark}; exit 4", timeout=30).rc == 4
    assert mark.exists()


def test_twenty_scripts_at_once_share_the_connection(host: Transport) -> None:
    results: list[bytes] = []
    threads = [
        threading.Thread(target=lambda n=n: results.append(host.run(f"sleep 0.2; echo {n}", timeout=60).out))
        for n in range(20)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert sorted(int(out) for out in results) == list(range(20))


def test_calls_are_counted(host: Transport) -> None:
    before = host.calls
    host.run("true", timeout=30)
    host.run("false", timeout=30)
    assert host.calls - before == 2


def test_a_secret_is_in_the_script_and_in_no_argv(host: Transport, tmp_path: Path) -> None:
    go = tmp_path / "go"
    found: list[str] = []
    lines: list[str] = []

    def on_line(stream: str, line: str) -> None:
        lines.append(line)
        if line == "ready":
            for cmdline in Path("/proc").glob("[0-9]*/cmdline"):
                try:
                    words = cmdline.read_bytes()
                except OSError:
                    continue
                if b"s3cr3t" in words:
                    found.append(words.decode(errors="replace"))
            go.touch()

    script = SealedText(
        (
            "password='",
            Hole(PASSWORD, quoted=True),
            f"'\necho ready\nuntil [ -e {go} ]; do sleep 0.05; done\n"
            'printf "%s\\n" "$password" | tr a-z A-Z',
        )
    )
    result = host.run(script, timeout=60, on_line=on_line)
    assert result.ok
    assert lines == ["ready", PASSWORD_VALUE.upper()]
    assert found == []
