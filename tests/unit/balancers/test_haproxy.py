"""What HAProxy's answers mean: those of a real 2.6, word for word, and those of nobody."""

from __future__ import annotations

import pytest

from fleet.balancers.haproxy import HAProxy
from fleet.model.balancing import Server, Workers
from tests.support.directed import Directed
from tests.support.haproxy import STATE

KIND = HAProxy()
WEB = Server("lb", "app", "web-1")

LOOK = f"""\
1
# {STATE}
3 app 1 web-1 127.0.0.1 2 0 100 100 2 15 3 3 6 0 0 0 - 18081 - 0 0 - - 0
3 app 2 web-2 127.0.0.1 2 8 5 100 0 15 3 2 6 0 0 0 - 18082 - 0 0 - - 0
3 app 3 web-3 127.0.0.1 0 1 100 100 3 8 2 0 6 0 0 0 - 18083 - 0 0 - - 0
4 plain 1 web-9 127.0.0.1 2 0 100 100 3 1 0 2 0 0 0 0 - 18081 - 0 0 - - 0

# pxname,svname,qcur,qmax,scur,smax,slim,stot,bin,bout,dreq,dresp,ereq,econ,eresp,wretr,wredis,status,\
weight,act,bck,chkfail,chkdown,lastchg,downtime,qlimit,pid,iid,sid,throttle,lbtot,tracked,type,rate,rate_lim,\
rate_max,check_status,check_code,check_duration,hrsp_1xx,hrsp_2xx,hrsp_3xx,hrsp_4xx,hrsp_5xx,hrsp_other,\
hanafail,req_rate,req_rate_max,req_tot,cli_abrt,srv_abrt,comp_in,comp_out,comp_byp,comp_rsp,lastsess,\
last_chk,last_agt,qtime,ctime,rtime,ttime,
web,FRONTEND,,,4,5,9978,7,82,101,0,0,0,,,,,OPEN,,,,,,,,,1,2,0,,,,0,1,0,1,,,,0,1,0,0,0,0,,1,1,7,,,0,0,0,0,,,,,,,,
app,web-1,1,0,3,1,,9,82,101,,0,,2,1,0,0,UP,100,1,0,1,1,2,1,,1,3,1,,1,,2,1,,1,L7OK,200,0,0,1,0,0,4,0,,,,8,0,0,,,,,\
0,"OK, said it",,6,0,7,0,
app,web-2,0,0,0,0,,0,0,0,,0,,0,0,0,0,DRAIN,5,1,0,1,1,2,1,,1,3,2,,0,,2,0,,0,* L7OK,200,1,0,0,0,0,0,0,,,,0,0,0,\
,,,,-1,,,0,0,0,0,
app,web-3,0,0,0,0,,0,0,0,,0,,0,0,0,0,MAINT,100,1,0,1,1,3,3,,1,3,3,,0,,2,0,,0,L4CON,,0,0,0,0,0,0,0,,,,0,0,0,,,,,\
-1,Connection refused,,0,0,0,0,
app,BACKEND,0,0,0,1,998,1,82,101,0,0,,0,0,0,0,UP,200,2,0,,1,2,1,,1,3,0,,1,,1,1,,1,,,,0,1,0,0,0,0,,,,1,0,0,0,0,0,0,\
0,,,0,0,0,0,
plain,web-9,0,0,0,0,,5,0,0,,0,,0,0,0,0,no check,100,1,0,,,3,,,1,4,1,,0,,2,0,,0,,,,0,0,0,0,0,0,,,,,0,0,,,,,-1,\
,,0,0,0,0,
"""
RELOADED = """\
#<PID>          <type>          <reloads>       <uptime>        <version>
21313           master          2 [failed: 1]   0d00h00m10s     2.6.12-1+deb12u4
# workers
23972           worker          0               0d00h00m00s     2.6.12-1+deb12u4
# old workers
21375           worker          1               0d00h00m10s     2.6.12-1+deb12u4
21301           worker          2               0d00h01m10s     2.6.12-1+deb12u4
# programs

"""


def test_servers_are_seen_as_they_are() -> None:
    view = KIND.view(LOOK)
    assert set(view.servers) == {"app/web-1", "app/web-2", "app/web-3", "plain/web-9"}
    one = view.servers["app/web-1"]
    assert (one.up, one.drained, one.stopped, one.serves, one.weight) == (True, False, False, True, 100)
    assert (one.sessions, one.queued, one.check) == (3, 1, "L7OK/200")
    assert (one.requests, one.errors_5xx, one.connection_errors, one.response_errors) == (8, 4, 2, 1)
    assert (one.queue_ms, one.response_ms) == (6, 7)
    assert view.clients == 4


def test_one_that_is_drained_is_up_and_serves_nobody() -> None:
    drained, stopped = (KIND.view(LOOK).servers[f"app/web-{n}"] for n in (2, 3))
    assert (drained.up, drained.drained, drained.serves, drained.weight) == (True, True, False, 5)
    assert drained.check == "L7OK/200"  # one is under way
    assert (stopped.up, stopped.drained, stopped.stopped, stopped.serves) == (False, False, True, False)
    assert stopped.check == "L4CON"


def test_without_a_check_a_server_is_up_and_its_sessions_count_as_requests() -> None:
    one = KIND.view(LOOK).servers["plain/web-9"]
    assert one.serves
    assert one.check == ""
    assert one.requests == 5


@pytest.mark.parametrize("admin", [0x01, 0x02, 0x20, 0x05])
def test_maintenance_of_any_origin_is_maintenance(admin: int) -> None:
    found = KIND.view(LOOK.replace("web-1 127.0.0.1 2 0", f"web-1 127.0.0.1 0 {admin}"))
    assert found.servers["app/web-1"].stopped
    assert not found.servers["app/web-1"].drained


def test_one_that_the_configuration_disables_serves_when_it_was_made_ready_since() -> None:
    """Told ``state ready``, a real one gives it requests, and keeps the bit."""
    found = KIND.view(LOOK.replace("web-1 127.0.0.1 2 0", "web-1 127.0.0.1 2 4"))
    assert found.servers["app/web-1"].serves


@pytest.mark.parametrize("admin", [0x08, 0x10, 0x0C])
def test_a_drain_of_any_origin_is_a_drain(admin: int) -> None:
    found = KIND.view(LOOK.replace("web-1 127.0.0.1 2 0", f"web-1 127.0.0.1 2 {admin}"))
    assert found.servers["app/web-1"].drained


@pytest.mark.parametrize(
    "answer",
    [
        "",
        "Permission denied\n",
        "Unknown command: 'show servers state'\n",
        f"# {STATE}",
        LOOK.partition("# pxname")[0],
        "# pxname" + LOOK.partition("# pxname")[2],
        LOOK.replace("web-1 127.0.0.1 2 0 100", "web-1 127.0.0.1 2 what 100"),
        LOOK.replace("app,web-1,1,0,3", "app,web-1,1,0,many"),
        LOOK.replace("srv_admin_state", "srv_other_state"),
        LOOK[:-200],
        LOOK.replace(",rtime,", ",other,"),
        LOOK.replace("Connection refused", "x" * 140_000),
        "\x00\xff<html>404</html>",
    ],
)
def test_what_makes_no_sense_is_a_value_error(answer: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        KIND.view(answer)


def test_processes_with_old_ones_and_a_reload_that_failed() -> None:
    assert KIND.workers(RELOADED) == Workers(23972, (21375, 21301), reloads=2, failed=1)
    well = RELOADED.replace(" [failed: 1]", "").partition("# old")[0]
    assert KIND.workers(well) == Workers(23972, (), reloads=2)


def test_a_master_whose_worker_is_gone() -> None:
    lines = [line for line in RELOADED.splitlines() if not line.startswith("23972")]
    assert KIND.workers("\n".join(lines)).current == 0


@pytest.mark.parametrize("answer", ["", "Unknown command\n", RELOADED.replace("master", "worker")])
def test_an_answer_without_a_master_is_a_value_error(answer: str) -> None:
    with pytest.raises(ValueError, match="no process"):
        KIND.workers(answer)


TABLES = """\
# id (file) description
0 (/etc/haproxy/other.map) pattern loaded from file '/etc/haproxy/other.map' entry_cnt=0
-1 (/run/haproxy/no.map) pattern loaded
12 (/run/haproxy/maintenance.map) pattern loaded from file '/run/haproxy/maintenance.map'

"""


def test_a_table_is_found_by_its_file_wherever_the_container_has_it() -> None:
    assert KIND.table(TABLES, "/srv/haproxy/run/maintenance.map") == "#12"
    assert KIND.table(TABLES, "/srv/haproxy/run/tenance.map") == ""
    assert KIND.table("Unknown command\n", "/srv/haproxy/run/maintenance.map") == ""


def test_a_page_goes_out_before_it_comes_so_that_it_is_there_once() -> None:
    fake = Directed(maps=("/run/maintenance.map",))
    for on, entries in ((True, [("app", "on")]), (True, [("app", "on")]), (False, []), (False, [])):
        answer = fake.ask(KIND.page("#0", "app", on=on))
        assert KIND.refused(answer) == ""
        assert fake.maps["/run/maintenance.map"] == entries
        assert KIND.paged(fake.ask(KIND.entries("#0"))) == {name for name, _ in entries}


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        ("\n", ""),
        ("\n\n\n", ""),
        ("Key not found.\n\n\n", ""),
        ("Permission denied\n\n", "Permission denied"),
        ("\nNo such backend.\n\n", "No such backend."),
        (
            "Key not found.\n\nUnknown map identifier. Please use #<id> or <file>.\n\n",
            "Unknown map identifier.",
        ),
    ],
)
def test_what_was_refused_is_told(answer: str, why: str) -> None:
    told = KIND.refused(answer)
    assert told.startswith(why)
    assert bool(told) is bool(why)
