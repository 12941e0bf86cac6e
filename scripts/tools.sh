#!/usr/bin/env bash
# Installs into target/tools what tests and proofs with tools from outside the project need, in the
# versions that tests/tools/ names: a Python environment, and npm packages. Does nothing where both are there.
set -euo pipefail
cd "$(dirname "$0")/.."

tools=target/tools
wanted="$(cat tests/tools/requirements.txt tests/tools/package.json)"
if [ -f "$tools/installed" ] && [ "$(cat "$tools/installed")" = "$wanted" ]; then
  exit 0
fi

rm -rf "$tools"
mkdir -p "$tools/node"
echo "installing Python packages into $tools/venv"
python3 -m venv "$tools/venv"
"$tools/venv/bin/pip" install --quiet --disable-pip-version-check -r tests/tools/requirements.txt
echo "installing npm packages into $tools/node"
cp tests/tools/package.json "$tools/node/"
npm install --prefix "$tools/node" --silent --no-audit --no-fund --no-package-lock
printf '%s\n' "$wanted" >"$tools/installed"
