# shellcheck shell=bash disable=SC2034,SC2154
# The form of .boxoffice/env. Sourced by lib.sh.
#
# NAME='value' lines: a shell that sources the file runs nothing that stands in a value. Lines as earlier versions wrote
# them, NAME=value without quotes, are read as they stand; `make up` quotes them. Nothing is ever expanded.

# quoted VALUE: as a shell reads it back, whatever is in it
quoted() { printf "'%s'" "${1//\'/\'\\\'\'}"; }

# In variables, because quotes inside [[ =~ ]] would be taken literally. A comment may follow a quoted value.
single_quoted="^'([^']*(('\\\\''|'\"'\"')[^']*)*)'[[:space:]]*(#.*)?\$"
double_quoted='^"(([^"\\]|\\.)*)"[[:space:]]*(#.*)?$'
assignment='^[[:space:]]*(export[[:space:]]+)?([A-Za-z_][A-Za-z0-9_]*)=(.*)$'

# literal TEXT: sets $value to what TEXT stands for behind the = of a line
literal() {
    local text=${1%$'\r'} rest
    value=$text
    if [[ $text =~ $single_quoted ]]; then
        value=${BASH_REMATCH[1]//"'\"'\"'"/"'\\''"}
        value=${value//"'\\''"/"'"}
    elif [[ $text =~ $double_quoted ]]; then
        rest=${BASH_REMATCH[1]} value=
        while [[ $rest == *\\* ]]; do
            value+=${rest%%\\*} rest=${rest#*\\}
            case $rest in [\\\"\$\`]*) ;; *) value+=\\ ;; esac
            value+=${rest:0:1} rest=${rest:1}
        done
        value+=$rest
    fi
}

# env_line LINE: sets $exported, $name and $value; fails when the line sets nothing
env_line() {
    [[ $1 =~ $assignment ]] || return 1
    exported=${BASH_REMATCH[1]} name=${BASH_REMATCH[2]}
    literal "${BASH_REMATCH[3]}"
}

# setting NAME: its value in .boxoffice/env; the last line with the name holds, as in a shell
setting() {
    local line exported name value found=
    [ -f "$env_file" ] || return 0
    while IFS= read -r line || [ -n "$line" ]; do
        if env_line "$line" && [ "$name" = "$1" ]; then found=$value; fi
    done <"$env_file"
    printf '%s' "$found"
}

# env_write NAME...: the file anew: these variables first, where they are set, then the lines that people have added
env_write() {
    local head="# Values are taken as they stand between the quotes. make up keeps lines that you add, and quotes them."
    local line exported name value kept
    (
        umask 077
        {
            printf '%s\n' "$head"
            for name; do
                case $name in PG*) exported='export ' ;; *) exported= ;; esac
                if [ -n "${!name:-}" ]; then printf '%s%s=%s\n' "$exported" "$name" "$(quoted "${!name}")"; fi
            done
            if [ -f "$env_file" ]; then
                kept=" $* "
                while IFS= read -r line || [ -n "$line" ]; do
                    if ! env_line "$line"; then
                        [ "$line" = "$head" ] || printf '%s\n' "$line"
                    elif [[ $kept != *" $name "* ]]; then
                        printf '%s%s=%s\n' "${exported:+export }" "$name" "$(quoted "$value")"
                    fi
                done <"$env_file"
            fi
        } >"$env_file.new"
    )
    mv -f "$env_file.new" "$env_file"
}
