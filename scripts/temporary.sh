# shellcheck shell=bash disable=SC2034,SC2154
# A server that lives as long as the script that sources this: private tree, extension, cluster, all in one short-lived
# directory under /tmp. Sourced after lib.sh and pg.sh.
#
# temporary_server fast|durable exports what the tests and the benchmark need:
#   BOXOFFICE_TEST_DIR        where they may make more clusters; everything that runs from there is stopped at the end
#   BOXOFFICE_TEST_PG_BIN     programs of the private server tree
#   BOXOFFICE_TEST_ADMIN_URL  superuser of the running cluster
#   BOXOFFICE_TEST_SERVER_LOG what that cluster's server logs
#   BOXOFFICE_TEST_INGRESS    the worker
#   BOXOFFICE_TEST_RUN_AS     user that servers must run as; empty when it is the caller

# Stops every process whose program lies in the directory, then deletes it.
temporary_end() {
    local code=$? exe pid signal
    trap - EXIT
    set +e
    if [ $code -ne 0 ] && [ -s "$run/server.log" ] && [ -n "${BOXOFFICE_TEST_KEEP_LOG:-}" ]; then
        cp "$run/server.log" "$BOXOFFICE_TEST_KEEP_LOG"
    fi
    for signal in INT KILL; do
        for exe in /proc/[0-9]*/exe; do
            case $(readlink "$exe" 2>/dev/null) in
            "$run"/*)
                pid=${exe#/proc/}
                kill -s "$signal" "${pid%/exe}" 2>/dev/null
                ;;
            esac
        done
        temporary_gone && break
    done
    rm -rf "$run"
    exit "$code"
}

# waits up to 5 s until nothing runs from the directory
temporary_gone() {
    local i
    for i in $(seq 50); do
        readlink /proc/[0-9]*/exe 2>/dev/null | grep -q "^$run/" || return 0
        sleep 0.1
    done
    return 1
}

temporary_server() {
    local major pg_config port password try fsync=off
    [ "$1" = fast ] || fsync=on
    run=$(mktemp -d /tmp/boxoffice-XXXXXX)
    trap temporary_end EXIT
    trap 'exit 130' INT TERM
    chmod 755 "$run"

    major=$(chosen_major)
    pg_config=$(find_pg_config "$major")
    BOXOFFICE_TEST_PG_BIN=$(server_tree "$pg_config" "$run/server")
    "$root/scripts/install-extension" "$BOXOFFICE_TEST_PG_BIN/pg_config" >/dev/null
    install -D -m 755 "$target/release/boxoffice-ingress" "$run/bin/boxoffice-ingress"

    step "Starting a temporary $("$BOXOFFICE_TEST_PG_BIN/postgres" --version)"
    install -d -m 700 "$run/data" "$run/s"
    install -d -m 755 "$run/clusters"
    own "$run/data" "$run/s" "$run/clusters"
    password=$(random_hex 12)
    unprivileged "$BOXOFFICE_TEST_PG_BIN/initdb" -D "$run/data" -U "$owner" -E UTF8 --locale=C.UTF-8 -N -A trust >"$run/initdb.log" 2>&1 ||
        { cat "$run/initdb.log" >&2; die "initdb failed"; }
    printf '%s\n' 'local all all trust' 'host all all 127.0.0.1/32 scram-sha-256' >"$run/data/pg_hba.conf"
    cat >>"$run/data/postgresql.conf" <<END
listen_addresses = '127.0.0.1'
unix_socket_directories = '$run/s'
max_connections = 200
fsync = $fsync
log_line_prefix = '%m [%p] %e %q%u@%d '
END
    touch "$run/server.log"
    own "$run/server.log"
    for try in 1 2 3 4 5; do
        port=$((20000 + ($(od -An -N2 -tu2 /dev/urandom)) % 12000))
        if ! busy "$port" && unprivileged "$BOXOFFICE_TEST_PG_BIN/pg_ctl" start -s -w -D "$run/data" -o "-p $port" -l "$run/server.log" </dev/null; then
            break
        fi
        if [ "$try" = 5 ]; then
            tail -n 15 "$run/server.log" >&2
            die "the temporary server did not start"
        fi
    done
    unprivileged "$BOXOFFICE_TEST_PG_BIN/psql" -X -q -h "$run/s" -p "$port" -U "$owner" -d postgres \
        -c "ALTER ROLE $owner PASSWORD '$password'"

    BOXOFFICE_TEST_DIR=$run/clusters
    BOXOFFICE_TEST_ADMIN_URL=postgresql://$owner:$password@127.0.0.1:$port/postgres
    BOXOFFICE_TEST_SERVER_LOG=$run/server.log
    BOXOFFICE_TEST_INGRESS=$run/bin/boxoffice-ingress
    BOXOFFICE_TEST_RUN_AS=$(run_as)
    export BOXOFFICE_TEST_DIR BOXOFFICE_TEST_PG_BIN BOXOFFICE_TEST_ADMIN_URL BOXOFFICE_TEST_SERVER_LOG
    export BOXOFFICE_TEST_INGRESS BOXOFFICE_TEST_RUN_AS
}
