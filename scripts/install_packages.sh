#!/usr/bin/env bash
# Installs the Debian packages that shannon needs, and holds the one list of them.
set -euo pipefail

REPOSITORY=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
# shellcheck source=scripts/lib/progress.sh
source "$REPOSITORY/scripts/lib/progress.sh"

PURPOSES=(build run interpreter test bench)

usage() {
    cat <<'USAGE'
usage: install_packages.sh [--check | --list] [PURPOSE...]

Installs what is missing of the Debian packages for the purposes, all of them when none is named:

  build         to compile the program (`make`)
  run           to use it: the translators, HTTPS, the scripts' tools
  interpreter   to build python-3.11.wasm (`make interpreter`)
  test          for `make test` and `make lint`
  bench         for `make bench`

  --check       install nothing; say what is missing and fail when anything is
  --list        print the packages' names, one a line

When nothing is missing it needs neither network nor privileges. Exit status 3: packages are missing and cannot be
installed from here; the command that does it is printed.
USAGE
}

packages_for() {
    case $1 in
        build)
            printf '%s\n' make clang-19 meson ninja-build pkgconf python3 libjansson-dev libyaml-dev libevent-dev \
                libsqlite3-dev libseccomp-dev libzstd-dev nettle-dev libcurl4-openssl-dev libcmocka-dev
            ;;
        run)
            printf '%s\n' wabt clang-19 lld-19 libcurl4 ca-certificates curl jq python3
            ;;
        interpreter)
            "$REPOSITORY/interpreters/cpython/build.sh" --list-packages
            ;;
        test)
            printf '%s\n' libclang-rt-19-dev llvm-19 lld-19 clang-format-19 shellcheck python3-venv python3-pytest python3.11 groff-base \
                python3-prometheus-client libclang-rt-19-dev-wasm32 wasi-libc rustc libstd-rust-dev-wasm32 csmith libcsmith-dev
            # Any Node.js will do: a machine may have a newer one from elsewhere, which Debian's must not replace.
            command -v node >/dev/null || printf '%s\n' nodejs npm
            ;;
        bench)
            printf '%s\n' python3.11 wrk
            ;;
        *)
            printf 'install_packages.sh: there is no purpose "%s"; see --help\n' "$1" >&2
            return 2
            ;;
    esac
}

# The packages among the arguments that are not installed.
missing_among() {
    local installed package
    installed=$(dpkg-query --show --showformat='${Package} ${db:Status-Status}\n' "$@" 2>/dev/null || true)
    for package in "$@"; do
        grep -q -x -F "$package installed" <<<"$installed" || printf '%s\n' "$package"
    done
}

install_line() {
    printf 'apt-get install --yes --no-install-recommends %s' "$*"
}

# How to become root: "" as root, "sudo -n" when sudo asks nothing, "sudo" when it can ask on a terminal. Fails otherwise.
find_privilege() {
    if ((EUID == 0)); then
        printf ''
    elif ! command -v sudo >/dev/null; then
        return 1
    elif sudo -n true 2>/dev/null; then
        printf 'sudo -n'
    elif [[ -t 0 && -t 2 ]] && (: </dev/tty) 2>/dev/null; then
        printf 'sudo'
    else
        return 1
    fi
}

# as_root WHAT COMMAND...: with progress, or plainly when sudo has to ask for a password first.
as_root() {
    local what=$1 words=()
    shift
    read -r -a words <<<"$privilege"
    words+=(env DEBIAN_FRONTEND=noninteractive)
    if [[ $privilege == sudo ]]; then
        printf '%s; sudo may ask for your password\n' "$what" >&2
        "${words[@]}" "$@" >&2
    else
        run_with_progress "$what" "$log" "${words[@]}" "$@"
    fi
}

install() {
    local apt=(apt-get -o DPkg::Lock::Timeout=300 -o Acquire::Retries=3)
    local command=("${apt[@]}" install --yes --no-install-recommends "$@")
    local updated=
    log=$(mktemp "${TMPDIR:-/tmp}/shannon-packages.XXXXXX")
    trap 'stop_running; exit 130' INT TERM HUP
    # apt knows nothing on a machine whose lists were never fetched (or were removed, as in container images).
    if ! apt-cache show --no-all-versions "$@" >/dev/null 2>&1; then
        as_root "fetching apt's package lists" "${apt[@]}" update || return 1
        updated=yes
    fi
    if ! as_root "installing $# packages" "${command[@]}"; then
        # Old lists name versions that the archive no longer has.
        [[ -z $updated ]] || return 1
        printf 'Trying again with fresh package lists.\n' >&2
        as_root "fetching apt's package lists" "${apt[@]}" update || return 1
        as_root "installing $# packages" "${command[@]}" || return 1
    fi
    rm -f "$log"
}

main() {
    local action=install purposes=() purpose packages missing=() privilege log
    while (($# > 0)); do
        case $1 in
            --check) action=check ;;
            --list) action=list ;;
            --help | -h)
                usage
                return
                ;;
            -*)
                printf 'install_packages.sh: unknown option %s; see --help\n' "$1" >&2
                return 2
                ;;
            *) purposes+=("$1") ;;
        esac
        shift
    done
    ((${#purposes[@]} > 0)) || purposes=("${PURPOSES[@]}")
    packages=$(for purpose in "${purposes[@]}"; do packages_for "$purpose" || exit; done)
    mapfile -t packages < <(sort -u <<<"$packages")
    if [[ $action == list ]]; then
        printf '%s\n' "${packages[@]}"
        return
    fi
    if ! command -v dpkg-query >/dev/null; then
        printf 'This is no Debian, so packages cannot be looked up or installed. Needed, by their Debian 12 names:\n  %s\n' \
            "${packages[*]}" >&2
        [[ $action == check ]] || return 3
        return 0
    fi
    mapfile -t missing < <(missing_among "${packages[@]}")
    ((${#missing[@]} > 0)) || return 0
    printf 'Missing packages: %s\n' "${missing[*]}" >&2
    if [[ $action == install ]] && privilege=$(find_privilege); then
        install "${missing[@]}" && return
        printf 'The packages could not be installed. When the cause is mended, run the same command again, or\n  %s\n' \
            "$(install_line "${missing[@]}")" >&2
        return 1
    fi
    {
        printf 'Install them as root with\n  %s\n' "$(install_line "${missing[@]}")"
        if ((EUID == 0)) || command -v sudo >/dev/null; then
            printf 'or, here, with\n  scripts/install_packages.sh %s\n' "${purposes[*]}"
        fi
    } >&2
    return 3
}

main "$@"
