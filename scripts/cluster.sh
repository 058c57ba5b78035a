# shellcheck shell=bash disable=SC2034,SC2154
# The private cluster of `make up`: create, start, stop. Sourced after lib.sh; needs $var from state_init.
#
# Local connections are trusted because only the server's user can enter the socket directory; TCP wants a password.

data=$var/data
server_log=$var/log/server.log
sockets=$(socket_dir)

server_bin() { cat "$var/server.bin" 2>/dev/null || true; }
server_port() { cat "$var/server.port" 2>/dev/null || true; }

server_pid() {
    local pid bin
    bin=$(server_bin)
    pid=$(head -n 1 "$data/postmaster.pid" 2>/dev/null || true)
    if [ -n "$bin" ] && alive "$pid" "$bin/postgres"; then printf '%s' "$pid"; fi
}

# sql [psql arguments]: as the owner, through the socket
sql() {
    PGHOST=$sockets PGPORT=$(server_port) PGUSER=$owner unprivileged "$(server_bin)/psql" -X -q -v ON_ERROR_STOP=1 "$@"
}

# free_port KEPT FIRST: the kept one when nothing answers there, else the first free one from FIRST on
free_port() {
    local port
    for port in $1 $(seq "$2" $(($2 + 200))); do
        if ! busy "$port"; then
            printf '%s' "$port"
            return
        fi
    done
    die "no free port between $2 and $(($2 + 200))"
}

# server_copy PG_CONFIG: the private server tree, made anew when the original changed; prints "new" when it did
server_copy() {
    local bin
    bin=$(server_bin)
    if [ -n "$bin" ] && same "$("$1" --bindir)/postgres" "$bin/postgres"; then return; fi
    server_stop
    rm -rf "$var/server" "$var/server.bin"
    bin=$(server_tree "$1" "$var/server")
    printf '%s\n' "$bin" >"$var/server.bin"
    echo new
}

cluster_create() {
    local bin
    bin=$(server_bin)
    rm -rf "$data.new"
    install -d -m 700 "$data.new"
    own "$data.new"
    unprivileged "$bin/initdb" -D "$data.new" -U "$owner" -E UTF8 --locale=C.UTF-8 -A trust >"$var/log/initdb.log" 2>&1 ||
        die "initdb failed, see $var/log/initdb.log" "$(tail -n 3 "$var/log/initdb.log")"
    printf '%s\n' 'local all all trust' 'host all all 127.0.0.1/32 scram-sha-256' >"$data.new/pg_hba.conf"
    echo "include 'boxoffice.conf'" >>"$data.new/postgresql.conf"
    mv "$data.new" "$data"
}

server_start() {
    local bin port pid try
    bin=$(server_bin)
    install -d -m 700 "$sockets"
    [ -O "$sockets" ] || is_root || die "$sockets belongs to another user"
    own "$sockets"
    # What a machine that went down has left: nothing of ours runs, so these lie, whatever has their process id now.
    pid=$(head -n 1 "$data/postmaster.pid" 2>/dev/null || true)
    case $(readlink "/proc/$pid/exe" 2>/dev/null) in
    */postgres) ;;
    *) rm -f "$data/postmaster.pid" "$sockets"/.s.PGSQL.* ;;
    esac
    # Below the ports that the system gives to outgoing connections: one of those cannot be listened on.
    port=${BOXOFFICE_PG_PORT:-$(free_port "$(server_port)" 15432)}
    echo "$port" >"$var/server.port"
    cat >"$data/boxoffice.conf" <<END
listen_addresses = '127.0.0.1'
port = $port
unix_socket_directories = '${sockets//\'/\'\'}'
cluster_name = 'boxoffice'
log_line_prefix = '%m [%p] %q%u@%d '
END
    own "$data/boxoffice.conf"
    touch "$server_log"
    own "$server_log"
    for try in 1 2 3; do
        if unprivileged "$bin/pg_ctl" start -s -w -t 60 -D "$data" -l "$server_log" </dev/null 2>/dev/null; then return; fi
        sleep "$try" # processes of a killed server need a moment to go
    done
    tail -n 15 "$server_log" >&2
    die "the server did not start" "the lines above are the end of $server_log"
}

server_stop() {
    local pid
    pid=$(server_pid)
    [ -n "$pid" ] || return 0
    unprivileged "$(server_bin)/pg_ctl" stop -s -m fast -w -t 60 -D "$data" ||
        die "the server (process $pid) did not stop" "see $server_log"
}
