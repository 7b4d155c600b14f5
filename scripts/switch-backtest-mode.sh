#!/usr/bin/env bash
# Say in the working directory's .env where backtests run: in this process, or on the worker at URL.
# Only the two variables change; comments and everything else stay. Runs on bash 3.2 and any awk.
set -euo pipefail

MODE_VARIABLE=USE_REMOTE_BACKTEST_SERVICE
URL_VARIABLE=REMOTE_BACKTEST_SERVICE_URL
DEFAULT_URL=http://localhost:5003
FILE=.env

refuse() {
    echo "switch-backtest-mode: $1" >&2
    echo "usage: switch-backtest-mode.sh local|remote [URL]" >&2
    exit 2
}

# The value that is in force in the file: names in any case, `export` allowed, the last line wins.
value_of() {
    [ -f "$FILE" ] || return 0
    awk -v name="$1" '
        { line = $0; sub(/\r$/, "", line); sub(/^[ \t]*(export[ \t]+)?/, "", line) }
        match(line, /^[A-Za-z_]+[ \t]*=/) {
            key = toupper(substr(line, 1, RLENGTH - 1)); sub(/[ \t]+$/, "", key)
            if (key == name) { value = substr(line, RLENGTH + 1) }
        }
        END { gsub(/^[ \t"\047]+|[ \t"\047]+$/, "", value); print value }
    ' "$FILE"
}

# The file with the first line of each variable replaced, further ones dropped, missing ones appended.
rewritten() {
    awk -v mode_name="$MODE_VARIABLE" -v mode="$1" -v url_name="$URL_VARIABLE" -v url="$2" '
        function put(name) { if (!(name in done)) { print name "=" values[name] } done[name] = 1 }
        BEGIN { values[mode_name] = mode; values[url_name] = url }
        {
            line = $0; sub(/^[ \t]*(export[ \t]+)?/, "", line); key = ""
            if (match(line, /^[A-Za-z_]+[ \t]*=/)) {
                key = toupper(substr(line, 1, RLENGTH - 1)); sub(/[ \t]+$/, "", key)
            }
            if (key in values) { put(key) } else { print }
        }
        END { put(mode_name); put(url_name) }
    ' "$3"
}

warn_if_overridden() {
    if [ -n "${!1:-}" ] && [ "${!1}" != "$2" ]; then
        echo "But the environment has $1=${!1}, which wins over $FILE: unset it."
    fi
}

[ $# -ge 1 ] || refuse "say which mode"
case "$1" in
    local) use_remote=false; [ $# -eq 1 ] || refuse "local takes no URL" ;;
    remote) use_remote=true; [ $# -le 2 ] || refuse "too many arguments" ;;
    *) refuse "'$1' is no mode" ;;
esac

url=${2-$(value_of "$URL_VARIABLE")}
if [ $# -lt 2 ] && [ -z "$url" ]; then url=$DEFAULT_URL; fi
if ! LC_ALL=C awk -v url="$url" 'BEGIN { exit url !~ /^https?:\/\/[A-Za-z0-9._~:\/%\[\]-]+$/ }'; then
    refuse "'$url' is no URL of a worker: use http://host:port"
fi

# Written beside the file and moved over it, so that a reader never meets half of it; tokens stay private.
new=$(mktemp "$FILE.XXXXXX")
trap 'rm -f "$new"' EXIT
if [ -f "$FILE" ]; then cp -p "$FILE" "$new"; fi
rewritten "$use_remote" "$url" "$([ -f "$FILE" ] && echo "$FILE" || echo /dev/null)" > "$new"
mv "$new" "$FILE"

echo "$PWD/$FILE now says:"
echo "$MODE_VARIABLE=$(value_of "$MODE_VARIABLE")"
echo "$URL_VARIABLE=$(value_of "$URL_VARIABLE")"
warn_if_overridden "$MODE_VARIABLE" "$use_remote"
warn_if_overridden "$URL_VARIABLE" "$url"
echo "Servers that are running keep what they began with: restart them."
