# shellcheck shell=bash disable=SC2034,SC2153,SC2164
# (variables are shared between the files build.sh sources; steps run under set -e)
#
# Getting the sources: from Debian's archive by apt, or CPython from a tarball. Sourced by build.sh.
#
# apt runs with lists, state and sources of its own, so nothing of the machine's apt changes and no root is needed. Which
# archives to ask is taken from the machine's own apt; what they deliver is checked against their signatures.
#
# Uses: CACHE, SOURCES (where downloads go), SOURCE and SOURCE_SHA256 (a given tarball, or empty), SOURCE_PACKAGES,
# PYTHON_SERIES. Gives: step_sources, source_lock, unpack_debian_source.

# The file that says what was fetched: "package version", then the SHA-256 of each of its files.
source_lock() {
    printf '%s/lock' "$SOURCES"
}

private_apt() {
    local command=$1
    shift
    "$command" -c "$SOURCES/apt/apt.conf" "$@"
}

# Configuration files are read first and this one last, so the hooks of the machine's apt do not run on our lists.
write_apt_configuration() {
    local folder=$SOURCES/apt
    mkdir -p "$folder"/{lists/partial,archives/partial,state,log}
    : >"$folder/state/status"
    cat >"$folder/apt.conf" <<CONFIGURATION
#clear APT::Update::Pre-Invoke;
#clear APT::Update::Post-Invoke;
#clear APT::Update::Post-Invoke-Success;
#clear Acquire::IndexTargets::deb::Contents-deb;
#clear Acquire::IndexTargets::deb::DEP-11;
#clear Acquire::IndexTargets::deb-src::Contents-dsc;
Dir::Etc::SourceList "$folder/sources.list";
Dir::Etc::SourceParts "$folder/none";
Dir::State "$folder/state";
Dir::State::Lists "$folder/lists";
Dir::State::Status "$folder/state/status";
Dir::Cache "$folder";
Dir::Cache::Archives "$folder/archives";
Dir::Cache::PkgCache "";
Dir::Cache::SrcPkgCache "";
Dir::Log "$folder/log";
Acquire::Languages "none";
Acquire::Retries "3";
APT::Sandbox::User "";
CONFIGURATION
}

# The Debian archives in the machine's apt sources as "URI SUITE COMPONENT" lines. apt knows the origin of an archive only
# once it has the archive's lists; on a machine without any, fetch them to our own place first.
list_debian_archives() {
    local format="\$(REPO_URI) \$(RELEASE) \$(COMPONENT) \$(ORIGIN)" archives
    archives=$(apt-get indextargets --format "$format" 'Created-By: Packages' | awk '$4 == "Debian" { print $1, $2, $3 }')
    if [[ -z $archives ]]; then
        local own_lists=(-o "Dir::State::Lists=$SOURCES/apt/lists" -o "Dir::State::Status=$SOURCES/apt/state/status"
            -o APT::Sandbox::User= -o Dir::Cache::PkgCache= -o Dir::Cache::SrcPkgCache=)
        apt-get "${own_lists[@]}" update >&2 || true
        archives=$(apt-get "${own_lists[@]}" indextargets --format "$format" 'Created-By: Packages' |
            awk '$4 == "Debian" { print $1, $2, $3 }')
    fi
    sort -u <<<"$archives"
}

write_apt_sources() {
    local keyring=/usr/share/keyrings/debian-archive-keyring.gpg options="" archives uri suite component
    [[ ! -e $keyring ]] || options="[signed-by=$keyring] "
    archives=$(list_debian_archives)
    if [[ -z $archives ]]; then
        echo "error: apt knows no Debian archive on this machine. Add one to /etc/apt/sources.list and run apt-get update,"
        echo "error: or give CPython's source with --source FILE --sha256 HEX (the libraries still come from Debian)."
        return 1
    fi
    while read -r uri suite component; do
        printf 'deb-src %s%s %s %s\n' "$options" "$uri" "$suite" "$component"
    done <<<"$archives" >"$SOURCES/apt/sources.list"
    cat "$SOURCES/apt/sources.list"
}

# The versions of a source package on offer, newest first.
list_versions() {
    private_apt apt-cache showsrc --only-source "$1" | awk '$1 == "Version:" { print $2 }' | sort -u |
        while read -r version; do
            printf '%s\n' "$version"
        done | sort_versions_descending
}

sort_versions_descending() {
    python3.11 -I -c '
import functools, subprocess, sys
def compare(a, b):
    return 1 if subprocess.run(["dpkg", "--compare-versions", a, "lt", b]).returncode == 0 else -1
print("\n".join(sorted(sys.stdin.read().split(), key=functools.cmp_to_key(compare))))'
}

# Downloads one version into the current folder. The same version can be listed by two archives of which only one has the
# files (the security archive drops old ones), so each archive is also asked alone.
download_version() {
    local package=$1 version=$2 line
    ! private_apt apt-get source --quiet --download-only --only-source "$package=$version" || return 0
    while read -r line; do
        printf '%s\n' "$line" >"$SOURCES/apt/one.list"
        ! private_apt apt-get -o "Dir::Etc::SourceList=$SOURCES/apt/one.list" \
            source --quiet --download-only --only-source "$package=$version" || return 0
    done <"$SOURCES/apt/sources.list"
    return 1
}

# Downloads the newest version of a package that can be had, into $SOURCES/PACKAGE, and adds it to the lock.
fetch_debian_source() {
    local package=$1 version folder=$SOURCES/$1
    for version in $(list_versions "$package"); do
        rm -rf "$folder.part"
        mkdir -p "$folder.part"
        if (cd "$folder.part" && download_version "$package" "$version"); then
            rm -rf "$folder"
            mv "$folder.part" "$folder"
            printf '%s %s\n' "$package" "$version" >>"$(source_lock).part"
            (cd "$SOURCES" && sha256sum "$package"/*) >>"$(source_lock).part"
            return 0
        fi
        echo "$package $version cannot be downloaded; trying the one before it"
    done
    echo "error: no version of Debian's source package $package can be downloaded. Is the network up?"
    return 1
}

# Fetches SOURCE, a path or a URL, as $SOURCES/cpython.tar and adds it to the lock.
fetch_tarball() {
    local target=$SOURCES/cpython.tar sum
    case $SOURCE in
        http://* | https://* | file://*)
            if ! curl --fail --location --silent --show-error --retry 2 --connect-timeout 20 \
                --output "$target.part" "$SOURCE"; then
                echo "error: cannot download the source $SOURCE"
                return 1
            fi
            ;;
        *)
            if ! cp -- "$SOURCE" "$target.part"; then
                echo "error: cannot read the source $SOURCE"
                return 1
            fi
            ;;
    esac
    sum=$(sha256sum "$target.part" | cut -d' ' -f1)
    if [[ $sum != "$SOURCE_SHA256" ]]; then
        rm -f "$target.part"
        echo "error: the source $SOURCE is not the expected one, so it is not used."
        echo "error: its SHA-256 is  $sum"
        echo "error: --sha256 says   $SOURCE_SHA256"
        return 1
    fi
    mv "$target.part" "$target"
    printf '%s\n' "cpython tarball" "$sum  cpython.tar" >>"$(source_lock).part"
}

step_sources() {
    local package
    mkdir -p "$SOURCES"
    if [[ -f $(source_lock) ]] && (cd "$SOURCES" && grep -E '^[0-9a-f]{64}  ' lock | sha256sum --quiet --check -); then
        echo "all sources are there, as the lock says"
        return 0
    fi
    rm -f "$(source_lock)"
    : >"$(source_lock).part"
    [[ -z $SOURCE ]] || fetch_tarball
    write_apt_configuration
    write_apt_sources
    private_apt apt-get update
    for package in "${SOURCE_PACKAGES[@]}"; do
        [[ -n $SOURCE && $package == "python$PYTHON_SERIES" ]] || fetch_debian_source "$package"
    done
    mv "$(source_lock).part" "$(source_lock)"
}

# unpack_debian_source PACKAGE FOLDER: unpacks and applies Debian's patches. dpkg-source checks the files' sums.
unpack_debian_source() {
    local package=$1 folder=$2
    rm -rf "$folder"
    dpkg-source --no-copy -x "$SOURCES/$package"/*.dsc "$folder"
}

# apply_patches FOLDER PREFIX: applies the recipe's patches/PREFIX-*.patch.
apply_patches() {
    local folder=$1 prefix=$2 file
    for file in "$RECIPE"/patches/"$prefix"-*.patch; do
        echo "applying ${file##*/}"
        if ! patch --directory="$folder" --strip=1 --forward --no-backup-if-mismatch <"$file"; then
            echo "error: ${file##*/} does not fit this source of $prefix"
            return 1
        fi
    done
}
