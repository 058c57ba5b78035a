# shellcheck shell=bash disable=SC2034
# What the scripts share: messages, privileges, where things are. Sourced, never run.
#
# State of a checkout:
#   .boxoffice/env              NAME='value' lines for people and programs, mode 600
#   .boxoffice/pg_service.conf  the database for psql and its kin: PGSERVICEFILE=… psql service=boxoffice
#   .boxoffice/pgpass           its password, mode 600
#   .boxoffice/sample.json      the body that the printed curl line sends
#   .boxoffice/var/             server tree, cluster, sockets, logs; a link when the servers' users cannot enter the checkout
# `make demo` has the same in .boxoffice-demo: a script about it sets boxoffice_state=demo before it sources this.

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
case ${boxoffice_state:-} in
demo) dot=$root/.boxoffice-demo ;;
*) dot=$root/.boxoffice ;;
esac
env_file=$dot/env
target=${CARGO_TARGET_DIR:-$root/target}
db=boxoffice
owner=boxoffice_owner
export PGCONNECT_TIMEOUT=${PGCONNECT_TIMEOUT:-5}
. "$root/scripts/env.sh"

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

# The user that servers run as: PostgreSQL refuses root. Empty = the caller.
run_as() {
    if is_root; then printf '%s' "${BOXOFFICE_RUN_AS:-postgres}"; fi
}

# The user that the worker runs as: it talks to strangers, so it must not be the one whom the server trusts. Empty = the caller.
worker_user() {
    if is_root; then printf '%s' "${BOXOFFICE_WORKER_AS:-boxoffice-ingress}"; fi
}

# become USER [NAME...] -- CMD...: CMD in place of this shell, as that user (empty: the caller) in /, so that no tool minds
# the working directory; with the named variables, where they are set, and nothing else of our environment: what a
# caller has there (keys, or RUST_BACKTRACE, which puts source paths into errors) is no business of a server; without
# our lock (descriptor 9), because what it starts may outlive us.
become() {
    local user=$1 name names=(TZ) as=()
    shift
    while [ "$1" != -- ]; do names+=("$1") && shift; done
    shift
    if [ -n "$user" ]; then as=(setpriv --reuid="$user" --regid="$(id -g "$user")" --init-groups --); fi
    cd /
    # Values go through a pipe: arguments can be seen by everybody.
    exec 7< <(for name in "${names[@]}"; do if [ -n "${!name+set}" ]; then printf '%s=%s\0' "$name" "${!name}"; fi; done)
    # shellcheck disable=SC2016
    exec env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/ LANG=C.UTF-8 "$BASH" --norc -c '
        while IFS= read -r -d "" pair <&7; do export "$pair"; done
        unset PWD OLDPWD SHLVL pair
        exec 7<&- "$@"' bash "${as[@]}" "$@" 9>&-
}

# unprivileged CMD...: as the servers' user, with nothing of our environment
unprivileged() { (become "$(run_as)" -- "$@"); }

# own PATH...: give to the user that servers run as
own() {
    local user
    user=$(run_as)
    [ -z "$user" ] || chown "$user:" "$@"
}

short_hash() { printf '%s' "$1" | sha256sum | cut -c1-8; }
random_hex() { od -An -N"$1" -tx1 /dev/urandom | tr -d ' \n'; }

# What tells the states of this machine apart in names outside of the checkout.
state_hash() { short_hash "${dot%/.boxoffice}"; }

# enterable PATH: the users that servers and the worker run as can enter it
enterable() {
    local user
    for user in "$(run_as)" "$(worker_user)"; do
        (become "$user" -- test -x "$1") 2>/dev/null || return 1
    done
}

# Makes $dot and sets $var. As root it must be a place that the servers' users can enter.
state_init() {
    var=$dot/var
    if [ -e "$var" ]; then
        var=$(readlink -f "$var")
        [ -w "$var" ] || die "$dot belongs to another user" "use the user who made it, or remove it as that user with: make clean"
        return 0
    fi
    if [ -L "$var" ]; then rm "$var"; fi
    mkdir -p "$dot"
    if is_root && ! enterable "$dot"; then
        local elsewhere
        elsewhere=${BOXOFFICE_LIB:-/var/lib}/boxoffice-$(state_hash)
        install -d -m 755 "$elsewhere"
        ln -s "$elsewhere" "$var"
        var=$elsewhere
        note "the users $(run_as) and $(worker_user) cannot enter $root: cluster and server are kept in $elsewhere"
    else
        install -d -m 755 "$var"
    fi
}

# state_lock SECONDS: nobody else may change this state while we do
state_lock() {
    exec 9>"$dot/lock"
    flock -w "$1" 9 || die "another make up, down, clean or demo is at work in this checkout"
}

# Sockets need a short path: 107 bytes for all of it. Elsewhere it must be a place where nobody else can put a link.
socket_dir() {
    if [ "${#var}" -le 70 ]; then
        printf '%s/run' "$var"
    elif is_root; then
        printf '/run/boxoffice-%s' "$(state_hash)"
    else
        printf '/tmp/boxoffice-%s' "$(state_hash)"
    fi
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
