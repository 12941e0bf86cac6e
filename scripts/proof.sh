#!/usr/bin/env bash
# The long proofs with tools from outside the project, and a report of them on standard output.
#
#   scripts/proof.sh [EXAMPLES] [PROGRAM] > docs/proof.md
#
# EXAMPLES is how many requests schemathesis makes for each operation and phase (100); the program is built in release mode
# unless one is named. Needs python3 with venv, npm, chromium, openssl and testssl (the package testssl.sh).
set -euo pipefail
cd "$(dirname "$0")/.."

examples="${1:-100}"
program="$(realpath -m "${2:-target/release/hotplate}")"
if [ "$#" -lt 2 ]; then
  cargo build --locked --release >&2
fi
scripts/tools.sh >&2
said="$(mktemp)"
trap 'rm -f "$said"' EXIT

began=$SECONDS
status=0
HOTPLATE_PROGRAM="$program" PROOF_EXAMPLES="$examples" PROOF_SEED="${PROOF_SEED:-$RANDOM}" \
  target/tools/venv/bin/pytest -c tests/pytest.ini -rP --color=no -v tests/outside tests/browser >"$said" 2>&1 || status=$?

tls="$(scripts/tls-proof.sh "$program" 2>&1)" || status=1
hostile="$(SUITE_PROGRAM="$program" cargo test --locked --test suite -- hostile mutants 2>&1)" || status=1
beside="$(python3 scripts/beside.py "$program" 2>&1)" || status=1

cat <<TXT
# Proof with tools from outside

What tools of other projects say of the bundled plugins and of the fixture in \`tests/contract\`, in their last run. Made by

    scripts/proof.sh $examples > docs/proof.md

on $(date -u +%Y-%m-%d), with $("$program" --version), in $((SECONDS - began)) seconds. The versions of the tools stand in
\`tests/tools\`; \`.ci/run\` makes the same proofs with fewer requests.

## Each proof

\`\`\`
$(grep -E '^tests/.*(PASSED|FAILED|ERROR|SKIPPED)' "$said" | sed -E 's/ +\[ *[0-9]+%\]$//')
$(tail -n 1 "$said" | tr -d '=' | xargs)
\`\`\`

## What schemathesis tested

$(grep -E 'API Operations:|Selected:|Tested:|Test Phases:|✅|❌|generated|^ *Seed:' "$said" | sed 's/^/    /' || true)

## What testssl and sslyze say of the port with TLS

\`\`\`
$tls
\`\`\`

## What hostile scripts do to this build

\`SUITE_PROGRAM=$(basename "$program") cargo test --test suite -- hostile mutants\`, and \`scripts/beside.py\`, which keeps 64 requests
to hostile scripts open and asks the routes of a good plugin in turn:

\`\`\`
$(grep -E '^test |^test result' <<<"$hostile")
$beside
\`\`\`
TXT
if [ "$status" != 0 ]; then
  cat "$said" >&2
fi
exit "$status"
