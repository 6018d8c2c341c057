# shellcheck shell=bash
#
# Long steps: a line that says what is waited for and how long it took so far. Sourced by the scripts beside it.
#
# On a terminal the line is rewritten in place; elsewhere one line every 20 seconds. What a step prints goes to a log,
# of which the end is shown when it fails.

format_seconds() {
    local seconds=$1
    if ((seconds < 60)); then
        printf '%d s' "$seconds"
    else
        printf '%d min %02d s' "$((seconds / 60))" "$((seconds % 60))"
    fi
}

# show_waiting WHAT STARTED: says what is waited for since $SECONDS was STARTED. To be called about ten times a second.
show_waiting() {
    local what=$1 elapsed=$((SECONDS - $2))
    if [[ -t 2 ]]; then
        printf '\r\033[K%s ... %s ' "$what" "$(format_seconds "$elapsed")" >&2
    elif ((elapsed > 0 && elapsed % 20 == 0 && elapsed != ${waiting_shown:-0})); then
        waiting_shown=$elapsed
        printf '%s ... %s so far\n' "$what" "$(format_seconds "$elapsed")" >&2
    fi
}

# Takes the line away again, where it is rewritten in place.
clear_waiting() {
    waiting_shown=0
    [[ ! -t 2 ]] || printf '\r\033[K' >&2
}

# end_waiting WHAT STARTED: the step is done.
end_waiting() {
    clear_waiting
    printf '%s: %s\n' "$1" "$(format_seconds "$((SECONDS - $2))")" >&2
}

# run_with_progress WHAT LOG COMMAND...: runs the command in a process group of its own, so that all of it can be
# stopped (stop_running), with its output in the file LOG. Returns its status.
run_with_progress() {
    local what=$1 log=$2 started=$SECONDS status=0
    shift 2
    set -m
    "$@" >"$log" 2>&1 </dev/null &
    running_process=$!
    set +m
    while kill -0 "$running_process" 2>/dev/null; do
        show_waiting "$what" "$started"
        sleep 0.1
    done
    wait "$running_process" || status=$?
    running_process=
    if ((status == 0)); then
        end_waiting "$what" "$started"
        return
    fi
    [[ ! -t 2 ]] || printf '\n' >&2
    {
        printf '%s: failed after %s\n' "$what" "$(format_seconds "$((SECONDS - started))")"
        tail -n 15 "$log" | sed 's/^/  | /'
        printf '  whole log: %s\n' "$log"
    } >&2
    return "$status"
}

# run_visibly COMMAND...: the same for a command that shows its own progress.
run_visibly() {
    local status=0
    set -m
    "$@" </dev/null &
    running_process=$!
    set +m
    wait "$running_process" || status=$?
    running_process=
    return "$status"
}

# Ends what is running. For traps.
stop_running() {
    if [[ -n ${running_process:-} ]]; then
        kill -TERM -- "-$running_process" 2>/dev/null || true
        wait "$running_process" 2>/dev/null || true
        running_process=
    fi
}
