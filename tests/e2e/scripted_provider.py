"""An OpenAI-compatible server whose answers a test writes beforehand.

It speaks the wire format of chat completions over real HTTP and records what it was asked. Nothing
of the system under test is replaced by it: it stands where a model's server would.
"""
import json
import socket
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


def completion(message, finish_reason="stop", usage=(11, 7)):
    """A whole chat completion around one assistant message."""
    prompt, written = usage
    return {
        "id": "chatcmpl-1", "object": "chat.completion", "created": 1700000000, "model": "scripted",
        "choices": [{"index": 0, "message": {"role": "assistant", **message},
                     "finish_reason": finish_reason}],
        "usage": {"prompt_tokens": prompt, "completion_tokens": written,
                  "total_tokens": prompt + written},
    }


def says(text):
    return completion({"content": text})


def calls(*tools, content=None):
    """A reply that asks for tools: (id, arguments) or (id, arguments, name)."""
    return completion({"content": content, "tool_calls": [
        {"id": tool[0], "type": "function",
         "function": {"name": tool[2] if len(tool) > 2 else "python_executor",
                      "arguments": tool[1] if isinstance(tool[1], str) else json.dumps(tool[1])}}
        for tool in tools]}, "tool_calls")


class Refusal:
    """An answer with an HTTP error status."""

    def __init__(self, status, message="refused", **headers):
        self.status = status
        self.message = message
        self.headers = headers


class Raw:
    """An answer whose bytes are given."""

    def __init__(self, body, content_type="application/json", status=200):
        self.body = body
        self.content_type = content_type
        self.status = status


class Slow:
    """Another answer, `seconds` later."""

    def __init__(self, seconds, answer):
        self.seconds = seconds
        self.answer = answer


class Cut:
    """A head that promises more than comes."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        provider = self.server.provider
        with provider.lock:
            provider.requests.append({"path": self.path, "headers": dict(self.headers),
                                      "body": json.loads(body)})
            answer = provider.answers.pop(0) if provider.answers else Refusal(418, "script is over")
        self._answer(answer)

    def _answer(self, answer):
        if isinstance(answer, Slow):
            time.sleep(answer.seconds)
            self._answer(answer.answer)
        elif isinstance(answer, Refusal):
            self._send(answer.status, "application/json",
                       json.dumps({"error": {"message": answer.message, "type": "t"}}).encode(),
                       answer.headers)
        elif isinstance(answer, Raw):
            self._send(answer.status, answer.content_type, answer.body, {})
        elif isinstance(answer, Cut):
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", "1000")
            self.end_headers()
            self.wfile.write(b'{"choices": [')
            self.wfile.flush()
            self.connection.shutdown(socket.SHUT_RDWR)
            self.close_connection = True
        else:
            self._send(200, "application/json", json.dumps(answer).encode(), {})

    def _send(self, status, content_type, body, headers):
        try:
            self.send_response(status)
            self.send_header("Content-Type", content_type)
            self.send_header("Content-Length", str(len(body)))
            for name, value in headers.items():
                self.send_header(name.replace("_", "-"), str(value))
            self.end_headers()
            self.wfile.write(body)
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True

    def log_message(self, *_):
        pass


class ScriptedProvider:
    """`answers` are given in their order; `requests` holds what was asked."""

    def __init__(self):
        self.lock = threading.Lock()
        self.answers = []
        self.requests = []
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
        self.server.daemon_threads = True
        self.server.provider = self
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True)
        self.thread.start()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server.server_address[1]}/v1"

    def script(self, *answers):
        """Forgets the last script and takes a new one."""
        with self.lock:
            self.answers = list(answers)
            self.requests = []

    def close(self):
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()
