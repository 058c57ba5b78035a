# shellcheck shell=bash disable=SC2034,SC2154
# Deleting a state of this checkout. Sourced after lib.sh by `clean` and `demo-clean`.

# remove_begin: takes the lock, and what is needed to look into the state; fails when there is none
remove_begin() {
    [ -e "$dot" ] || return 1
    var=$(readlink -m "$dot/var")
    if [ -e "$var" ] && [ ! -w "$var" ]; then die "$dot belongs to another user" "use the user who made it"; fi
    state_lock 120
    . "$root/scripts/pg.sh"
    . "$root/scripts/cluster.sh"
    . "$root/scripts/worker.sh"
}

# remove_all: stops what runs and deletes everything; what cargo built stays (cargo clean)
remove_all() {
    if [ -n "$(worker_pid)" ]; then
        step "Stopping the worker"
        worker_stop
    fi
    if [ -n "$(server_pid)" ]; then
        step "Stopping the server"
        server_stop
    fi
    step "Deleting $dot"
    case $sockets in /tmp/boxoffice-* | /run/boxoffice-*) rm -rf "$sockets" ;; esac
    if [ -L "$dot/var" ]; then
        note "and $var"
        rm -rf "$var"
    fi
    rm -rf "$dot"
}
