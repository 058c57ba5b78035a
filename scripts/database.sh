# shellcheck shell=bash disable=SC2034,SC2154
# The database in the private cluster, with the extension. Sourced after cluster.sh.

# database_up: creates what is missing; sets $new_database to true when the extension was not there
database_up() {
    local version script has
    new_database=false
    if [ "$(sql -At -d postgres -c "SELECT count(*) FROM pg_database WHERE datname = '$db'")" = 0 ]; then
        step "Creating the database $db"
        sql -d postgres -c "CREATE DATABASE $db"
    fi
    version=$(extension_version)
    script=$("$(server_bin)/pg_config" --sharedir)/extension/boxoffice--$version.sql
    has=$(sql -At -d "$db" -c "SELECT extversion FROM pg_extension WHERE extname = 'boxoffice'")
    if [ -z "$has" ]; then
        new_database=true
        sql -d "$db" -c 'CREATE EXTENSION boxoffice'
        cp "$script" "$var/database.sql"
    elif [ "$has" != "$version" ]; then
        step "Updating the extension from $has to $version"
        sql -d "$db" -c "ALTER EXTENSION boxoffice UPDATE TO '$version'"
        cp "$script" "$var/database.sql"
    elif ! same "$script" "$var/database.sql"; then
        warn "the install SQL has changed since this database was made; the database keeps its old objects."
        note "To have the new ones and lose this cluster's data: make clean up"
    fi
}
