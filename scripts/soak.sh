#!/usr/bin/env bash
# Mixed load for a while, with a save each second and hostile scripts among the good ones, and a report of
# what became of it on standard output.
#
#   scripts/soak.sh [SECONDS] [PROGRAM] > docs/soak.md
#
# Needs python3 (standard library only). The program is built in release mode unless one is named.
set -euo pipefail
cd "$(dirname "$0")/.."

seconds="${1:-1200}"
program="$(realpath -m "${2:-target/release/hotplate}")"
if [ "$#" -lt 2 ]; then
  cargo build --locked --release >&2
fi

project="$(mktemp -d)"
trap 'kill "$server" 2>/dev/null || true; rm -rf "$project"' EXIT
mkdir -p "$project/plugins/lib" "$project/config"
cp tests/hostile/lib/*.rhai "$project/plugins/lib/"
for group in cpu memory nest; do
  for script in tests/hostile/$group/*.rhai; do
    cp "$script" "$project/plugins/hostile_${group}_$(basename "$script")"
  done
done
# A good half of the threads that run slow scripts is enough to be hostile with.
printf '[limits]\nscript_ms = 1000\nconcurrency = 4\nqueue = 4\n[log]\naccess = "off"\nlevel = "error"\n' \
  > "$project/config/hotplate.toml"

(cd "$project" && exec env HOTPLATE_NETWORK__PORT=0 "$program" serve > said 2> log) &
server=$!
for _ in $(seq 200); do
  grep -q serves "$project/said" 2>/dev/null && break
  sleep 0.1
done
port="$(sed -n 's|.*//127.0.0.1:\([0-9]*\).*|\1|p' "$project/said")"
# The subshell became the program.
pid="$server"

python3 scripts/soak.py "$project" "$port" "$pid" "$seconds" "${*:-}"
kill "$server"
wait "$server" || true

printf '\n## Beside 64 hostile requests\n\n'
printf '`scripts/beside.py` keeps 64 requests to scripts of the same folders open and asks the routes of a good plugin in turn.\n\n```\n'
python3 scripts/beside.py "$program"
printf '```\n'
