# shellcheck shell=bash disable=SC2034,SC2154
# What .boxoffice/env holds, how it is made, who gets what of it. Sourced after cluster.sh and worker.sh.
#
# A value comes from the environment, else from the file, else it is generated. Lines that people add are kept.

# taken over from the environment and the file when they are set there; handed to the worker
optional_settings=(EVENTBRITE_WEBHOOK_SECRET HUMANITIX_API_KEY EVENTBRITE_OAUTH_TOKEN BOXOFFICE_CREDENTIALS_FILE
    HUMANITIX_API_URL EVENTBRITE_API_URL DEBUG_WEBHOOKS)
made_settings=(DATABASE_URL INGRESS_DATABASE_URL PGSERVICEFILE BOXOFFICE_URL HUMANITIX_WEBHOOK_SECRET EVENTBRITE_PATH_TOKEN)

service_file=$dot/pg_service.conf
password_file=$dot/pgpass

# choose NAME DEFAULT: sets and exports the variable
choose() {
    local value=${!1:-}
    [ -n "$value" ] || value=$(setting "$1")
    [ -n "$value" ] || value=$2
    case $value in *$'\n'*) die "$1 has a line break in it" ;; esac
    export "$1=$value"
}

# password_of NAME: that of the URL in the file, as it stands there
password_of() { setting "$1" | sed -nE 's#^postgres(ql)?://[^:]+:([^@]+)@.*#\2#p'; }

# decoded TEXT: without the percent escapes of a URL
decoded() {
    local text=${1//\\/\\\\}
    printf '%b' "${text//%/\\x}"
}

# settings_make: the settings of the database as variables, and the secrets of the platforms
settings_make() {
    local name host
    choose HUMANITIX_WEBHOOK_SECRET "$(random_hex 24)"
    choose EVENTBRITE_PATH_TOKEN "$(random_hex 24)"
    for name in "${optional_settings[@]}"; do choose "$name" ''; done

    owner_password=$(password_of DATABASE_URL)
    owner_password=${owner_password:-$(random_hex 16)}
    ingress_password=$(password_of INGRESS_DATABASE_URL)
    ingress_password=${ingress_password:-$(random_hex 16)}
    host=127.0.0.1:$(server_port)
    DATABASE_URL=postgresql://$owner:$owner_password@$host/$db
    INGRESS_DATABASE_URL=postgresql://boxoffice_ingress:$ingress_password@$host/$db
    PGSERVICEFILE=$service_file
}

# settings_write: the files for people and programs
settings_write() {
    local password
    env_write "${made_settings[@]}" "${optional_settings[@]}"
    password=$(decoded "$owner_password")
    password=${password//\\/\\\\}
    (
        umask 077
        printf '127.0.0.1:%s:*:%s:%s\n' "$(server_port)" "$owner" "${password//:/\\:}" >"$password_file.new"
        # hostaddr and sslmode, so that no PG… variable of the caller changes where it leads
        printf '%s\n' '[boxoffice]' host=127.0.0.1 hostaddr=127.0.0.1 "port=$(server_port)" "dbname=$db" "user=$owner" \
            "passfile=$password_file" sslmode=disable >"$service_file.new"
    )
    mv -f "$password_file.new" "$password_file"
    mv -f "$service_file.new" "$service_file"
}

# worker_address: sets BOXOFFICE_URL
worker_address() {
    local port kept
    kept=$(worker_port)
    if [ -n "${BOXOFFICE_PORT:-}" ]; then
        port=$BOXOFFICE_PORT
    elif [ -n "$(worker_pid)" ]; then
        port=$kept
    else
        port=$(free_port "$kept" 8080)
        if [ "$port" != "${kept:-8080}" ]; then note "port ${kept:-8080} is taken: the worker uses $port"; fi
    fi
    BOXOFFICE_URL=http://127.0.0.1:$port
    echo "$port" >"$var/worker.port"
}

# settings_apply: roles, search_path and secrets in the database; values travel in the environment, not in arguments
settings_apply() {
    local sql_variables=(OWNER_PASSWORD INGRESS_PASSWORD HUMANITIX_WEBHOOK_SECRET EVENTBRITE_WEBHOOK_SECRET EVENTBRITE_PATH_TOKEN)
    local OWNER_PASSWORD INGRESS_PASSWORD
    : "${EVENTBRITE_WEBHOOK_SECRET:=}"
    OWNER_PASSWORD=$(decoded "$owner_password") INGRESS_PASSWORD=$(decoded "$ingress_password")
    sql -At -o /dev/null -d "$db" -f - <"$root/scripts/setup.sql"
}

# The file of further credentials, absolute, since the worker works in another directory.
credentials_file() {
    case ${BOXOFFICE_CREDENTIALS_FILE:-} in
    '' | /*) printf '%s' "${BOXOFFICE_CREDENTIALS_FILE:-}" ;;
    *) printf '%s' "$root/$BOXOFFICE_CREDENTIALS_FILE" ;;
    esac
}

# What the worker can read of it: it wants the file to be its user's own. Root's worker runs as somebody else and gets a copy.
credentials_for_worker() {
    local file mode user
    user=$(worker_user)
    file=$(credentials_file)
    rm -f "$var/credentials"
    [ -n "$file" ] || return 0
    [ -f "$file" ] || die "BOXOFFICE_CREDENTIALS_FILE: there is no file $file" "see README.md for what is in it"
    mode=$(stat -c %a "$file")
    case $mode in
    ?00) ;;
    *) die "BOXOFFICE_CREDENTIALS_FILE: others than its owner have access to it (mode $mode)" "chmod 600 $file" ;;
    esac
    if [ -n "$user" ]; then
        install -m 600 -o "$user" -g "$(id -g "$user")" "$file" "$var/credentials"
        file=$var/credentials
    fi
    BOXOFFICE_CREDENTIALS_FILE=$file
}

# What the worker gets: its own settings, of the file and of the caller; not the secrets that the database keeps.
settings_for_worker() {
    local name
    settings_sum >"$var/worker.settings"
    credentials_for_worker
    export INGRESS_DATABASE_URL BOXOFFICE_LISTEN=${BOXOFFICE_URL#http://}
    for name in "${optional_settings[@]}"; do
        if [ -z "${!name:-}" ]; then unset "$name"; fi
    done
}

settings_sum() {
    local name file
    file=$(credentials_file)
    {
        for name in BOXOFFICE_URL $(worker_variables); do printf '%s=%s\n' "$name" "${!name:-}"; done
        if [ -f "$file" ]; then cat "$file"; fi
    } | sha256sum
}

settings_are_the_workers() { [ "$(settings_sum)" = "$(cat "$var/worker.settings" 2>/dev/null)" ]; }

# sample_make: a body to send, and the curl line that sends it, signed by the database with the present secret
sample_make() {
    local path headers body
    IFS='|' read -r path headers body < <(sql -At -d "$db" -c "
        SELECT path, (SELECT string_agg(format('-H ''%s: %s''', key, value), ' ') FROM jsonb_each_text(headers)),
               translate(encode(convert_to(body, 'UTF8'), 'base64'), E'\n', '')
        FROM boxoffice.sample_webhook('humanitix', 'order.created')") || true
    [ -n "$body" ] || die "the database made no sample delivery" "see $server_log"
    printf '%s' "$body" | base64 -d >"$dot/sample.json"
    printf 'curl -sS %s%s %s --data-binary @%q\n' "$BOXOFFICE_URL" "$path" "$headers" "$dot/sample.json" >"$var/sample.curl"
}
