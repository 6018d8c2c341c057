#!/usr/bin/env python3
"""A whole agent in one file: a model behind an OpenAI-compatible API, with shannon's sandbox as its tool.

    build/shannon serve agent-core &
    OPENAI_API_KEY=... LLM_MODEL=... python3 docs/examples/agent.py "How many primes are there below 100000?"

Needs nothing but Python's standard library. OPENAI_BASE_URL names another server than OpenAI's, AGENT_CORE_URL another
agent-core than this machine's.
"""
import json
import os
import sys
import urllib.error
import urllib.request

AGENT_CORE = os.environ.get("AGENT_CORE_URL", "http://127.0.0.1:50051")
PROVIDER = os.environ.get("OPENAI_BASE_URL", "https://api.openai.com/v1")
ROUNDS_MAXIMUM = 8

TOOL = {
    "type": "function",
    "function": {
        "name": "python_executor",
        "description": "Runs a Python 3.11 program in a sandbox (standard library only, no network, no files) and returns "
                       "what it printed. Print what you want to know.",
        "parameters": {
            "type": "object",
            "properties": {"code": {"type": "string", "description": "the whole program"}},
            "required": ["code"],
        },
    },
}


def post(url, body, headers=None):
    request = urllib.request.Request(url, json.dumps(body).encode(), {"Content-Type": "application/json", **(headers or {})})
    with urllib.request.urlopen(request, timeout=120) as answer:
        return json.load(answer)


def run_python(code):
    """What became of a program, as a text for the model."""
    try:
        result = post(f"{AGENT_CORE}/v1/execute", {"code": code, "timeout_ms": 10000})
    except urllib.error.HTTPError as refusal:  # the request itself was wrong, or the service is busy
        return f"not run: {json.load(refusal)['error']['message']}"
    text = result["stdout"] + result["stderr"]
    if result["status"] not in ("ok", "python_error"):
        text += f"\n{result['error']['message']}"
    return text or "(the program printed nothing)"


def ask(question):
    messages = [{"role": "user", "content": question}]
    key = {"Authorization": f"Bearer {os.environ['OPENAI_API_KEY']}"}
    for _ in range(ROUNDS_MAXIMUM):
        answer = post(f"{PROVIDER}/chat/completions",
                      {"model": os.environ["LLM_MODEL"], "messages": messages, "tools": [TOOL]}, key)
        message = answer["choices"][0]["message"]
        messages.append(message)
        calls = message.get("tool_calls") or []
        if not calls:
            return message["content"]
        for call in calls:
            code = json.loads(call["function"]["arguments"])["code"]
            messages.append({"role": "tool", "tool_call_id": call["id"], "content": run_python(code)})
    raise SystemExit("the model did not come to an end")


if __name__ == "__main__":
    print(ask(sys.argv[1]))
