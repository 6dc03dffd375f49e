import subprocess

from fleet.transport import script


def output(payload: bytes) -> bytes:
    done = subprocess.run(["sh", "-s"], input=payload, capture_output=True, timeout=30, check=False)
    return done.stdout


def test_a_script_cut_off_anywhere_does_not_start() -> None:
    whole = script.payload("echo started")
    # A missing newline at the very end is no loss.
    for length in range(len(whole) - 1):
        assert b"started" not in output(whole[:length]), whole[:length]
    assert output(whole).endswith(b"\nstarted\n")


def test_the_mark_names_the_process_group_and_is_no_output() -> None:
    command = script.command((), 60)
    with subprocess.Popen(
        ["sh", "-c", command], stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True
    ) as child:
        out = child.communicate(script.payload("ps -o pgid= -p $$"), 30)[0]
    prelude = script.Prelude()
    rest = prelude.feed(b"Welcome\n" + out)
    assert prelude.group == int(rest)
