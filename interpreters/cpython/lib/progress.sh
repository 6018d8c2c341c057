# shellcheck shell=bash disable=SC2034,SC2153,SC2164
# (variables are shared between the files build.sh sources; steps run under set -e)
#
# Steps: run once, remembered by a stamp, watched while they run. Sourced by build.sh.
#
# A step is a function. Its key is a hash of the function's text, of the files it reads from the recipe, and of the keys
# of the steps before it; its stamp holds the key it was finished with. So a step runs again exactly when something it
# depends on changed, and an interrupted build goes on where it stopped.
#
# Uses: WORK (the build's folder), STEP_TOTAL, RECIPE_SETTINGS. Gives: run_step, stop_running_step, format_seconds.

declare -A step_keys=()
step_process=
step_count=0

# Ends the running step and everything it started; the stamp was not written, so it runs again next time.
stop_running_step() {
    if [[ -n $step_process ]]; then
        kill -TERM -- "-$step_process" 2>/dev/null || true
        wait "$step_process" 2>/dev/null || true
        step_process=
    fi
}

format_seconds() {
    local seconds=$1
    if ((seconds < 60)); then
        printf '%d s' "$seconds"
    else
        printf '%d min %02d s' "$((seconds / 60))" "$((seconds % 60))"
    fi
}

# hash_of_step FUNCTION "EARLIER STEPS" FILE...: the step's key.
hash_of_step() {
    local function=$1 earlier=$2 step
    shift 2
    {
        declare -f "$function"
        for step in $earlier; do
            printf '%s\n' "${step_keys[$step]:?step $step did not run}"
        done
        printf '%s\n' "$RECIPE_SETTINGS"
        (($# == 0)) || cat -- "$@"
    } | sha256sum | cut -d' ' -f1
}

# Waits for the step's process and shows that it lives: in place on a terminal, else a line every 20 seconds.
watch_step() {
    local title=$1 started=$2 last_line=0 elapsed
    while kill -0 "$step_process" 2>/dev/null; do
        sleep 0.1
        elapsed=$((SECONDS - started))
        if [[ -t 2 ]]; then
            printf '\r%s ... %s ' "$title" "$(format_seconds "$elapsed")" >&2
        elif ((elapsed >= last_line + 20)); then
            last_line=$elapsed
            printf '%s ... %s so far\n' "$title" "$(format_seconds "$elapsed")" >&2
        fi
    done
    wait "$step_process"
}

# run_step NAME "DESCRIPTION" "EARLIER STEPS" [RECIPE FILE...]: runs the function step_NAME unless its stamp holds its key.
run_step() {
    local name=$1 description=$2 earlier=$3
    shift 3
    local stamp=$WORK/stamps/$name log=$WORK/logs/$name.log key title started
    key=$(hash_of_step "step_$name" "$earlier" "$@")
    step_keys[$name]=$key
    step_count=$((step_count + 1))
    printf -v title '[%2d/%d] %s' "$step_count" "$STEP_TOTAL" "$description"
    if [[ -f $stamp && $(<"$stamp") == "$key" ]]; then
        printf '%s: done before\n' "$title" >&2
        return
    fi
    mkdir -p "$WORK/stamps" "$WORK/logs"
    rm -f "$stamp"
    started=$SECONDS
    set -m # a process group of its own, so that all of it can be stopped
    (
        set -euo pipefail
        "step_$name"
    ) >"$log" 2>&1 </dev/null &
    step_process=$!
    set +m
    if ! watch_step "$title" "$started"; then
        step_process=
        [[ ! -t 2 ]] || printf '\n' >&2
        explain_failure "$name" "$description" "$log"
    fi
    step_process=
    printf '%s\n' "$key" >"$stamp.part"
    mv "$stamp.part" "$stamp"
    [[ ! -t 2 ]] || printf '\r\033[K' >&2
    printf '%s: %s\n' "$title" "$(format_seconds "$((SECONDS - started))")" >&2
}

# Says which step failed, what it said last, and where all of it is. A step says something for the user by lines that
# begin with "error: ".
explain_failure() {
    local name=$1 description=$2 log=$3
    {
        printf 'build.sh: step "%s" (%s) failed\n' "$name" "$description"
        if grep -q '^error: ' "$log"; then
            grep '^error: ' "$log" | sed 's/^error: /  /'
        else
            tail -n 8 "$log" | sed 's/^/  | /'
        fi
        printf '  whole log: %s\n' "$log"
        printf '  When the cause is mended, run the same command again: finished steps are kept.\n'
    } >&2
    exit 1
}
