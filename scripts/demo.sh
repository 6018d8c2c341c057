#!/usr/bin/env bash
# From a fresh clone to the first answers: installs packages, builds, starts the services, submits the guide's tasks.
set -euo pipefail

REPOSITORY=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$REPOSITORY"
# shellcheck source=scripts/lib/progress.sh
source scripts/lib/progress.sh

SHANNON=$REPOSITORY/build/shannon
INTERPRETER=$REPOSITORY/wasm-interpreters/python-3.11.wasm
READY_LIMIT_SECONDS=60
STOP_LIMIT_SECONDS=15

usage() {
    cat <<'USAGE'
usage: demo.sh

Installs the Debian packages that are missing, builds python-3.11.wasm and the program, starts the three services on
loopback, submits the guide's three test tasks and its three examples, prints and checks each answer, and stops the
services. On the default ports (8080, 8000, 50051) where they are free, else on others. The services use a folder of
their own and the built-in offline provider, whatever is configured here.
USAGE
}

say() {
    printf '\n== %s\n' "$1"
}

fail() {
    printf 'demo.sh: %s\n' "$1" >&2
    if [[ -n ${state:-} && -s $state/services.log ]]; then
        {
            printf 'The last lines of the services'"'"' log:\n'
            tail -n 15 "$state/services.log" | sed 's/^/  | /'
            keep_state=yes
            printf '  whole log: %s\n' "$state/services.log"
        } >&2
    fi
    exit 1
}

# A setting of this machine must not change what the demo shows.
clean_environment() {
    local name
    for name in $(compgen -e); do
        case $name in
            SHANNON_CACHE_DIR | SHANNON_CPYTHON_*) ;;
            SHANNON_* | OPENAI_* | LLM_MODEL | PYTHON_WASI_WASM_PATH) unset "$name" ;;
        esac
    done
}

# The three default ports, each replaced by a free one when something listens there already.
choose_ports() {
    python3 -I - 8080 8000 50051 <<'PYTHON'
import socket
import sys

sockets = []
for wanted in sys.argv[1:]:
    for port in (int(wanted), 0):
        candidate = socket.socket()
        candidate.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            candidate.bind(("127.0.0.1", port))
            candidate.listen()
        except OSError:
            candidate.close()
            continue
        sockets.append(candidate)
        break
print(*[s.getsockname()[1] for s in sockets])
PYTHON
}

start_services() {
    local ports
    read -r -a ports <<<"$(choose_ports)"
    export SHANNON_ORCHESTRATOR_PORT=${ports[0]} SHANNON_LLM_PORT=${ports[1]} SHANNON_AGENT_CORE_PORT=${ports[2]}
    export SHANNON_ORCHESTRATOR_DATABASE=$state/tasks.db SHANNON_CONFIG=$REPOSITORY/config/shannon.yaml
    export PYTHON_WASI_WASM_PATH=$INTERPRETER SHANNON_URL=http://127.0.0.1:${ports[0]}
    printf 'orchestrator %s, llm-service %s, agent-core %s\n' "${ports[@]}"
    [[ ${ports[*]} == "8080 8000 50051" ]] ||
        printf '(something else listens on a default port here, so a free one was taken)\n'
    # In a process group of its own: Ctrl-C is for this script, which then stops the services.
    set -m
    (
        cd "$state"
        exec "$SHANNON" serve
    ) >"$state/services.log" 2>&1 </dev/null &
    services=$!
    set +m
}

wait_until_ready() {
    local name=$1 port=$2 started=$SECONDS
    until curl --silent --fail --max-time 2 --output /dev/null "http://127.0.0.1:$port/ready"; do
        if ! kill -0 "$services" 2>/dev/null; then
            fail "the services ended instead of starting"
        fi
        if ((SECONDS - started > READY_LIMIT_SECONDS)); then
            fail "$name was not ready within $READY_LIMIT_SECONDS s: $(curl --silent --max-time 2 "http://127.0.0.1:$port/ready" || true)"
        fi
        show_waiting "waiting for $name to be ready (http://127.0.0.1:$port/ready)" "$started"
        sleep 0.1
    done
    end_waiting "$name is ready" "$started"
}

stop_services() {
    local started=$SECONDS
    [[ -n ${services:-} ]] || return 0
    kill -TERM "$services" 2>/dev/null || true
    while kill -0 "$services" 2>/dev/null; do
        if ((SECONDS - started > STOP_LIMIT_SECONDS)); then
            printf 'demo.sh: the services did not stop within %s s and are killed\n' "$STOP_LIMIT_SECONDS" >&2
            kill -KILL -- "-$services" 2>/dev/null || true
            break
        fi
        show_waiting "waiting for the services to stop" "$started"
        sleep 0.1
    done
    clear_waiting
    wait "$services" 2>/dev/null || true
    services=
}

clean_up() {
    stop_running
    stop_services
    if [[ -n ${state:-} && -z ${keep_state:-} ]]; then
        rm -rf "$state"
    fi
}

# ask NAME REQUEST EXPECTED...: submits the request and shows the answer, which must contain each EXPECTED.
ask() {
    local name=$1 request=$2 answer status=0 expected wrong=
    shift 2
    say "$name"
    printf '%s\n' "$request" | sed 's/^/  > /'
    answer=$(scripts/submit_task.sh "$request" </dev/null) || status=$?
    printf '%s\n' "$answer" | sed 's/^/  /'
    ((status == 0)) || wrong="submit_task.sh ended with status $status"
    for expected in "$@"; do
        [[ $answer == *"$expected"* ]] || wrong="the answer should contain: $expected"
    done
    asked=$((asked + 1))
    if [[ -n $wrong ]]; then
        printf '  WRONG: %s\n' "$wrong"
        wrong_answers=$((wrong_answers + 1))
    fi
}

# The requests stand here as the guide has them, so nothing in them is for the shell.
# shellcheck disable=SC2016
ask_all() {
    local fibonacci="0, 1, 1, 2, 3, 5, 8, 13, 21, 34, 55, 89, 144, 233, 377, 610, 987, 1597, 2584, 4181"
    ask 'Test 1: simple Python code' "Execute this Python code: print('Hello from WASI Python')" 'Hello from WASI Python'
    ask 'Test 2: mathematical operations' 'Execute Python code to calculate factorial of 10' '3628800'
    ask 'Test 3: data processing' 'Use Python to generate the first 20 Fibonacci numbers' "$fibonacci"
    ask 'Example 1: Fibonacci sequence' 'Execute this Python code:
# Fibonacci sequence
def fibonacci(n):
    fib = [0, 1]
    for i in range(2, n):
        fib.append(fib[-1] + fib[-2])
    return fib[:n]

print(fibonacci(20))' "[$fibonacci]"
    ask 'Example 2: JSON processing' 'Execute this Python code:
import json

data = {"users": [{"name": "Alice", "age": 30}, {"name": "Bob", "age": 25}]}
processed = json.dumps(data, indent=2)
print(processed)' '"name": "Alice"' '"age": 25'
    ask 'Example 3: mathematical computation' 'Execute this Python code:
import math

# Calculate compound interest
principal = 1000
rate = 0.05
time = 10
amount = principal * math.pow((1 + rate), time)
print(f"Amount after {time} years: ${amount:.2f}")' 'Amount after 10 years: $1628.89'
}

main() {
    if (($# > 0)); then
        usage
        [[ $1 == --help || $1 == -h ]]
        return
    fi
    local started=$SECONDS asked=0 wrong_answers=0
    trap clean_up EXIT
    trap 'printf "\ndemo.sh: interrupted, stopping what was started\n" >&2; exit 130' INT
    trap 'exit 143' TERM HUP
    clean_environment

    say 'System packages'
    scripts/install_packages.sh build run interpreter
    printf 'all there\n'

    say 'The program'
    run_visibly make --no-print-directory all || fail "the build failed; its messages stand above"

    say 'The interpreter, python-3.11.wasm (built the first time only: two to five minutes on two processors)'
    run_visibly make --no-print-directory interpreter || fail "the interpreter was not built; the reason stands above"

    say 'Its translation to native code (the first time only, about a minute)'
    state=$(mktemp -d "${TMPDIR:-/tmp}/shannon-demo.XXXXXX")
    run_visibly "$SHANNON" run --interpreter "$INTERPRETER" -c 'import sys; print("Python", sys.version.split()[0], "runs in the sandbox")' ||
        fail "the interpreter does not run; the reason stands above"

    say 'The services'
    start_services
    wait_until_ready agent-core "$SHANNON_AGENT_CORE_PORT"
    wait_until_ready llm-service "$SHANNON_LLM_PORT"
    wait_until_ready orchestrator "$SHANNON_ORCHESTRATOR_PORT"

    ask_all

    say 'Stopping the services'
    stop_services
    printf 'stopped\n'
    ((wrong_answers == 0)) || fail "$wrong_answers of $asked answers are wrong"
    printf '\nThe demo took %s; all %s answers are right.\n' "$(format_seconds "$((SECONDS - started))")" "$asked"
    printf 'To go on:  build/shannon serve    and, in another terminal,    scripts/submit_task.sh "..."\n'
}

main "$@"
