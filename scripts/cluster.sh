# shellcheck shell=bash disable=SC2034,SC2154
# The private cluster of `make up` or `make demo`: create, start, stop. Sourced after lib.sh and pg.sh; needs $var from
# state_init.
#
# Through the socket only the server's user is let in without a password, as the owner; everybody else, and TCP, needs one.

data=$var/data
server_log=$var/log/server.log
sockets=$(socket_dir)
# first port that is tried, and more lines for postgresql.conf
first_server_port=15432
server_settings=()

server_bin() { cat "$var/server.bin" 2>/dev/null || true; }
server_port() { cat "$var/server.port" 2>/dev/null || true; }

server_pid() {
    local pid bin
    bin=$(server_bin)
    pid=$(head -n 1 "$data/postmaster.pid" 2>/dev/null || true)
    if [ -n "$bin" ] && alive "$pid" "$bin/postgres"; then printf '%s' "$pid"; fi
}

# sql [psql arguments]: as the owner, through the socket; psql also sees the variables named in $sql_variables
sql_variables=()
sql() {
    (
        export PGHOST=$sockets PGPORT PGUSER=$owner
        PGPORT=$(server_port)
        become "$(run_as)" PGHOST PGPORT PGUSER PGCONNECT_TIMEOUT "${sql_variables[@]}" -- \
            "$(server_bin)/psql" -X -q -v ON_ERROR_STOP=1 "$@"
    )
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

# log_open FILE USER: mode 600, for that user (empty: the caller) to write to. One of more than 64 MiB is set aside first.
log_open() {
    [ ! -L "$1" ] || rm "$1"
    if [ "$(stat -c %s "$1" 2>/dev/null || echo 0)" -gt $((64 << 20)) ]; then mv -f "$1" "$1.1"; fi
    if [ ! -e "$1" ]; then install -m 600 /dev/null "$1"; fi
    chmod 600 "$1"
    chown "${2:-$(id -un)}:" "$1"
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
    log_open "$var/log/initdb.log" ''
    unprivileged "$bin/initdb" -D "$data.new" -U "$owner" -E UTF8 --locale=C.UTF-8 -A peer >"$var/log/initdb.log" 2>&1 ||
        die "initdb failed, see $var/log/initdb.log" "$(tail -n 3 "$var/log/initdb.log")"
    echo "include 'boxoffice.conf'" >>"$data.new/postgresql.conf"
    mv "$data.new" "$data"
}

# server_file NAME: a file of the data directory from stdin; says so when it has changed
server_file() {
    local text
    text=$(cat)
    if [ "$text" != "$(cat "$data/$1" 2>/dev/null)" ]; then
        # By the directory's owner: root would follow a link that stands there.
        # shellcheck disable=SC2016
        unprivileged sh -c 'umask 077 && cat >"$0.new" && mv -f "$0.new" "$0"' "$data/$1" <<<"$text"
        echo "$1"
    fi
}

# Who may connect. Says which files have changed.
server_access() {
    local user
    user=$(run_as)
    user=${user:-$(id -un)}
    server_file pg_hba.conf <<END
# Written by make up.
local all $owner peer map=boxoffice
local all all scram-sha-256
host all all 127.0.0.1/32 scram-sha-256
END
    server_file pg_ident.conf <<END
# Written by make up.
boxoffice "${user//\"/\"\"}" $owner
END
}

server_start() {
    local bin port pid try
    bin=$(server_bin)
    [ ! -L "$sockets" ] || die "$sockets is a link" "remove it"
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
    port=${BOXOFFICE_PG_PORT:-$(free_port "$(server_port)" $first_server_port)}
    echo "$port" >"$var/server.port"
    server_access >/dev/null
    server_file boxoffice.conf >/dev/null <<END
listen_addresses = '127.0.0.1'
port = $port
unix_socket_directories = '${sockets//\'/\'\'}'
cluster_name = 'boxoffice'
log_line_prefix = '%m [%p] %q%u@%d '
$(printf '%s\n' "${server_settings[@]}")
END
    log_open "$server_log" "$(run_as)"
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

# cluster_up: the server tree with the extension in it, the cluster, and a running server
cluster_up() {
    local major pg_config fresh changed
    major=$(chosen_major)
    pg_config=$(find_pg_config "$major")
    # The server's user must not be able to put a link where we write.
    install -d -m 755 "$var/bin" "$var/log"
    chown "$(id -u):$(id -g)" "$var/log"
    if [ -e "$data/PG_VERSION" ] && [ "$(cat "$data/PG_VERSION")" != "$major" ]; then
        die "the cluster in $data is of PostgreSQL $(cat "$data/PG_VERSION"), not $major" "make up PG=$(cat "$data/PG_VERSION"), or make clean to start anew"
    fi
    fresh=$(server_copy "$pg_config")
    changed=$("$root/scripts/install-extension" "$(server_bin)/pg_config" | tr '\n' ' ')
    [ -z "$fresh" ] || note "server: $("$(server_bin)/postgres" --version), a private copy"
    [ -z "$changed" ] || note "installed: $changed"
    if [ ! -e "$data/PG_VERSION" ]; then
        step "Creating a cluster in $data"
        cluster_create
    fi
    if [[ $changed == *library* ]] && [ -n "$(server_pid)" ]; then
        step "Restarting the server with the new library"
        server_stop
    fi
    if [ -z "$(server_pid)" ]; then
        step "Starting the server"
        server_start
    elif [ -n "$(server_access)" ]; then
        note "who may connect has changed: the server reads it again"
        unprivileged "$(server_bin)/pg_ctl" reload -s -D "$data"
    fi
    # An earlier version left them readable for everybody.
    chmod 600 "$var"/log/*
}
