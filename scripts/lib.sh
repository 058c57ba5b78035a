# shellcheck shell=bash disable=SC2034
# What the scripts share: messages, privileges, where things are. Sourced, never run.
#
# State of a checkout:
#   .boxoffice/env          NAME=value lines for people and programs, mode 600
#   .boxoffice/sample.json  the body that the printed curl line sends
#   .boxoffice/var/         server tree, cluster, sockets, logs; a link when the server's user cannot enter the checkout

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
dot=$root/.boxoffice
env_file=$dot/env
target=${CARGO_TARGET_DIR:-$root/target}
db=boxoffice
owner=boxoffice_owner
export PGCONNECT_TIMEOUT=${PGCONNECT_TIMEOUT:-5}

if [ -t 2 ]; then arrow=$'\033[1m==>\033[0m'; else arrow='==>'; fi
step() { printf '%s %s\n' "$arrow" "$*" >&2; }
note() { printf '    %s\n' "$*" >&2; }
warn() { printf 'warning: %s\n' "$*" >&2; }

# die MESSAGE [HINT]
die() {
    printf 'error: %s\n' "$1" >&2
    [ -z "${2:-}" ] || printf 'hint:  %s\n' "$2" >&2
    exit 1
}

is_root() { [ "$(id -u)" -eq 0 ]; }

# as_root CMD...: as it is when root, else through sudo
as_root() {
    if is_root; then
        "$@"
    elif command -v sudo >/dev/null; then
        if [ -t 0 ]; then sudo "$@"; else sudo -n "$@"; fi
    else
        die "root is needed for: $*" "run it as root once, or install sudo"
    fi
}

# The user that servers and the worker run as: PostgreSQL refuses root. Empty = the caller.
run_as() {
    if is_root; then printf '%s' "${BOXOFFICE_RUN_AS:-postgres}"; fi
}

# unprivileged CMD...: as run_as, in /, so that no tool minds the working directory; without our lock (descriptor 9),
# because what it starts may outlive us
unprivileged() { (become_unprivileged "$@"); }

# the same in place of this shell
become_unprivileged() {
    local user
    # A server that has it shows source paths in the DETAIL of errors.
    unset RUST_BACKTRACE RUST_LIB_BACKTRACE
    user=$(run_as)
    cd /
    if [ -z "$user" ]; then
        exec "$@" 9>&-
    else
        HOME=/ exec setpriv --reuid="$user" --regid="$(id -g "$user")" --init-groups -- "$@" 9>&-
    fi
}

# own PATH...: give to the user that servers run as
own() {
    local user
    user=$(run_as)
    [ -z "$user" ] || chown "$user:" "$@"
}

short_hash() { printf '%s' "$1" | sha256sum | cut -c1-8; }
random_hex() { od -An -N"$1" -tx1 /dev/urandom | tr -d ' \n'; }

# setting NAME: its value in .boxoffice/env, taken literally
setting() {
    [ -f "$env_file" ] || return 0
    sed -n "s/^$1=//p" "$env_file" | tail -n 1
}

# Makes .boxoffice and sets $var. As root it must be a place that the server's user can enter.
state_init() {
    var=$dot/var
    if [ -e "$var" ]; then
        var=$(readlink -f "$var")
        [ -w "$var" ] || die "$dot belongs to another user" "use the user who made it, or remove it as that user with: make clean"
        return 0
    fi
    if [ -L "$var" ]; then rm "$var"; fi
    mkdir -p "$dot"
    if is_root && ! unprivileged test -x "$dot" 2>/dev/null; then
        local elsewhere
        elsewhere=/var/lib/boxoffice-$(short_hash "$root")
        install -d -m 755 "$elsewhere"
        ln -s "$elsewhere" "$var"
        var=$elsewhere
        note "the user $(run_as) cannot enter $root: cluster and server are kept in $elsewhere"
    else
        install -d -m 755 "$var"
    fi
}

# Sockets need a short path: 107 bytes for all of it.
socket_dir() {
    if [ "${#var}" -le 70 ]; then printf '%s/run' "$var"; else printf '/tmp/boxoffice-%s' "$(short_hash "$root")"; fi
}

# busy PORT: something answers there on this machine
busy() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

# alive PID EXE: that process runs that program (a stale pid file after a reboot may name anything)
alive() {
    local exe
    [ -n "${1:-}" ] || return 1
    exe=$(readlink "/proc/$1/exe" 2>/dev/null) || return 1
    [ "${exe% (deleted)}" = "$(readlink -m "$2")" ]
}

# same FILE FILE
same() { cmp -s "$1" "$2"; }

# put SOURCE DEST MODE: by rename, so that a running program keeps the old file
put() {
    install -m "$3" "$1" "$2.new.$$"
    mv -f "$2.new.$$" "$2"
}
