# shellcheck shell=bash disable=SC2034,SC2154
# The worker of `make up`: start, stop, wait until it is ready. Sourced after cluster.sh; needs $var from state_init.

worker=$var/bin/boxoffice-ingress
worker_log=$var/log/worker.log
worker_port() { cat "$var/worker.port" 2>/dev/null || true; }

worker_pid() {
    local pid
    pid=$(cat "$var/worker.pid" 2>/dev/null || true)
    if alive "$pid" "$worker"; then printf '%s' "$pid"; fi
}

# The variables that the worker reads, as its --help lists them; not the owner's URL, which it would take when it has no other.
worker_variables() {
    "$worker" --help | sed -nE 's/^  ([A-Z][A-Z0-9_]*)  .*  default: .*/\1/p' | grep -vx DATABASE_URL
    # where its TLS library looks for the system's certificates
    printf '%s\n' SSL_CERT_FILE SSL_CERT_DIR
}

# worker_start: reads its settings from our variables, and gets no others
worker_start() {
    local names
    mapfile -t names < <(worker_variables)
    log_open "$worker_log" ''
    # It writes its own process id, to descriptor 8.
    # shellcheck disable=SC2016
    become "$(worker_user)" "${names[@]}" -- setsid sh -c 'echo $$ >&8; exec "$0" 8>&-' "$worker" \
        </dev/null >>"$worker_log" 2>&1 8>"$var/worker.pid" &
    disown
}

# worker_wait URL: until it answers that it reaches the database
worker_wait() {
    local i
    for i in $(seq 100); do
        if curl --noproxy '*' -fsS -m 2 -o /dev/null "$1/ready" 2>/dev/null; then return 0; fi
        if [ "$i" -gt 5 ] && [ -z "$(worker_pid)" ]; then break; fi
        sleep 0.1
    done
    tail -n 15 "$worker_log" >&2
    die "the worker is not ready at $1" "the lines above are the end of $worker_log"
}

# worker_stop: SIGTERM lets it answer what it has taken; SIGKILL only when that takes too long
worker_stop() {
    local pid i
    pid=$(worker_pid)
    [ -n "$pid" ] || return 0
    kill -TERM "$pid"
    for i in $(seq 250); do
        if [ -z "$(worker_pid)" ]; then
            rm -f "$var/worker.pid"
            return 0
        fi
        sleep 0.1
    done
    warn "the worker (process $pid) did not stop within 25 s and is killed"
    kill -KILL "$pid"
}
