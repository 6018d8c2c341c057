#!/usr/bin/env bash
# Submits one task to Shannon, waits for its end and prints its result.
#
#   scripts/submit_task.sh "Execute this Python code: print('Hello')"
#   scripts/submit_task.sh - < task.txt
#
# The result goes to standard output, everything else to standard error. The exit status is 0 when
# the task completed, 1 when it failed, and 125 when it could not be submitted or followed.
set -euo pipefail

url=${SHANNON_URL:-http://127.0.0.1:8080}
url=${url%/}

# How long a running task may be out of sight, while the orchestrator is restarted for example.
patience_seconds=30

usage() {
    cat <<'TEXT'
Usage: scripts/submit_task.sh "TASK"
       scripts/submit_task.sh -          (the task is read from standard input)

Submits the task to the orchestrator, waits for its end and prints its result.

Examples:
  scripts/submit_task.sh "Execute this Python code: print('Hello from WASI Python')"
  scripts/submit_task.sh "Use Python to generate the first 20 Fibonacci numbers"

Environment:
  SHANNON_URL   the orchestrator (default http://127.0.0.1:8080)

Exit status: 0 completed, 1 failed, 125 not submitted or lost sight of.
TEXT
}

fail() {
    printf 'submit_task.sh: %s\n' "$*" >&2
    exit 125
}

unreachable() {
    fail "the orchestrator at $url does not answer ($1).
Start it with \`build/shannon serve\` or
\`docker compose -f deploy/compose/compose.yml up -d\`, or set SHANNON_URL to where it is."
}

case ${1-} in
-h | --help)
    usage
    exit 0
    ;;
esac
if [ $# -ne 1 ]; then
    [ $# -eq 0 ] || printf 'submit_task.sh: one argument is expected; put quotes around the task\n' >&2
    usage >&2
    exit 125
fi

missing=()
for tool in curl jq; do
    command -v "$tool" >/dev/null || missing+=("$tool")
done
[ ${#missing[@]} -eq 0 ] || fail "needs ${missing[*]}: install with \`apt-get install ${missing[*]}\`"

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# request ARGUMENT...: the body lands in $folder/answer, the HTTP status in $http_status, which is
# empty when there was no answer; then $trouble says why.
request() {
    trouble=
    if ! http_status=$(curl --silent --show-error --max-time 30 \
        --noproxy "${no_proxy:+$no_proxy,}localhost,127.0.0.1,::1" \
        --output "$folder/answer" --write-out '%{http_code}' "$@" 2>"$folder/trouble"); then
        http_status=
        trouble=$(cat "$folder/trouble")
    fi
}

# field FILTER: a text of the answer, empty when it is missing or the answer is not JSON.
field() {
    jq --raw-output "$1 // empty" "$folder/answer" 2>/dev/null | tr -d '\0' || true
}

refused() {
    local message
    message=$(field '.error.message? // .error')
    fail "the orchestrator answered HTTP $http_status: ${message:-$(head -c 300 "$folder/answer")}"
}

if [ "$1" = - ]; then
    cat
else
    printf '%s' "$1"
fi | jq --raw-input --slurp '{query: .}' >"$folder/task"

started=$(date +%s%N)
request --header 'Content-Type: application/json' --data-binary "@$folder/task" "$url/api/v1/tasks"
[ -n "$http_status" ] || unreachable "$trouble"
[ "$http_status" = 200 ] || refused
task=$(field .task_id)
[ -n "$task" ] || fail "$url answered something that is no task; is SHANNON_URL the orchestrator?"
printf 'submitted %s\n' "$task" >&2

wait_ms=50
silent_since=
while :; do
    sleep "$((wait_ms / 1000)).$(printf '%03d' $((wait_ms % 1000)))"
    wait_ms=$((wait_ms * 2 < 1000 ? wait_ms * 2 : 1000))
    request "$url/api/v1/tasks/$task"
    if [ -z "$http_status" ] || [ "$http_status" -ge 500 ]; then
        : "${silent_since:=$SECONDS}"
        [ $((SECONDS - silent_since)) -lt $patience_seconds ] ||
            unreachable "${trouble:-HTTP $http_status}; the task $task is kept there"
        continue
    fi
    silent_since=
    [ "$http_status" = 200 ] || refused
    status=$(field .status)
    case ${status#TASK_STATUS_} in
    QUEUED | RUNNING | PAUSED) ;;
    *) break ;;
    esac
done

elapsed_ms=$((($(date +%s%N) - started) / 1000000))
printf '%s %s after %d.%03d s\n' "$task" "${status#TASK_STATUS_}" \
    $((elapsed_ms / 1000)) $((elapsed_ms % 1000)) >&2

jq --join-output '.result | select(. != "") | . + "\n"' "$folder/answer"
if [ "${status#TASK_STATUS_}" = COMPLETED ]; then
    jq --exit-status '.result != ""' "$folder/answer" >/dev/null ||
        printf 'the program printed nothing\n' >&2
    exit 0
fi
message=$(field .error)
printf '%s\n' "${message:-the task ended without a reason}" >&2
exit 1
