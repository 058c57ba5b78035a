# shellcheck shell=bash disable=SC2034,SC2154
# The server of the analytics benchmark: it keeps its data in .boxoffice-bench, because making them takes long.
# Sourced after lib.sh and pg.sh.

bench_dir=$root/.boxoffice-bench
bench_db=analytics

bench_sql() { "$bench_bin/psql" -X -q -v ON_ERROR_STOP=1 -h "$bench_dir/s" -p 5432 -U "$owner" "$@"; }

# Starts the server, made when there is none; it stops with the script.
bench_up() {
    local major pg_config
    major=$(chosen_major)
    pg_config=$(find_pg_config "$major")
    mkdir -p "$bench_dir"
    chmod 755 "$bench_dir"
    if [ ! -d "$bench_dir/server" ]; then
        server_tree "$pg_config" "$bench_dir/server" >"$bench_dir/bin"
    fi
    bench_bin=$(cat "$bench_dir/bin")
    "$root/scripts/install-extension" "$bench_bin/pg_config" >/dev/null
    if [ ! -d "$bench_dir/data" ]; then
        install -d -m 700 "$bench_dir/data.new" "$bench_dir/s"
        own "$bench_dir/data.new" "$bench_dir/s"
        unprivileged "$bench_bin/initdb" -D "$bench_dir/data.new" -U "$owner" -E UTF8 --locale=C.UTF-8 -N -A trust >/dev/null
        cat >>"$bench_dir/data.new/postgresql.conf" <<END
listen_addresses = ''
unix_socket_directories = '$bench_dir/s'
max_wal_size = 8GB
shared_buffers = 128MB
END
        mv "$bench_dir/data.new" "$bench_dir/data"
    fi
    touch "$bench_dir/log"
    own "$bench_dir/log"
    unprivileged "$bench_bin/pg_ctl" start -s -w -D "$bench_dir/data" -l "$bench_dir/log" </dev/null
    trap bench_down EXIT
    trap 'exit 130' INT TERM
}

bench_down() {
    local code=$?
    unprivileged "$bench_bin/pg_ctl" stop -s -m fast -D "$bench_dir/data" || true
    exit $code
}
