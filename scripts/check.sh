#!/usr/bin/env bash
# Everything that must hold before a change is merged, with the tools that this machine has.
#
# What a check needs and does not find is said loudly and left out; .ci/run installs those first.
# The tests come last, so that their summary is the end of the output.
set -euo pipefail
cd "$(dirname "$0")/.."

skipped=()

step() { printf '\n== %s\n' "$*"; }
skip() {
  printf 'SKIPPED: %s\n' "$*"
  skipped+=("$*")
}

step "format: cargo fmt --check"
cargo fmt --check

step "lints: cargo clippy --all-targets"
cargo clippy --locked --all-targets -- -D warnings

step "documentation: cargo doc"
RUSTDOCFLAGS="-D warnings" cargo doc --locked --no-deps

step "audits: cargo deny"
if cargo deny --version >/dev/null 2>&1; then
  cargo deny --locked check licenses bans sources
  if cargo deny --locked fetch db >/dev/null 2>&1; then
    cargo deny --locked --offline check advisories
  else
    skip "advisories: their database cannot be fetched from here"
  fi
else
  skip "licences, bans, sources, advisories: cargo-deny is not installed"
fi

step "tools from outside: generators, validators, schemathesis, a browser"
if python3 -c 'import venv, ensurepip' >/dev/null 2>&1 && command -v npm >/dev/null && command -v chromium >/dev/null; then
  scripts/tools.sh
  cargo build --locked
  target/tools/venv/bin/pytest -q -c tests/pytest.ini tests/outside tests/browser
  TLS_PROOF=quick scripts/tls-proof.sh target/debug/hotplate
elif [ "${HOTPLATE_REQUIRE_SERVICES:-}" = 1 ]; then
  echo "python3 with venv, npm and chromium are needed" >&2
  exit 1
else
  skip "tools from outside: python3 with venv, npm or chromium is not installed"
fi

step "tests: sessions in Valkey"
valkey="$(command -v valkey-server || find target/valkey -type f -name valkey-server -perm -u+x 2>/dev/null | head -n 1 || true)"
if [ -n "$valkey" ]; then
  SUITE_REDIS="$(realpath "$valkey")" cargo test --locked --test suite sessions_redis
elif [ "${HOTPLATE_REQUIRE_SERVICES:-}" = 1 ]; then
  echo "valkey-server is needed" >&2
  exit 1
else
  skip "sessions in Valkey: valkey-server is not installed"
fi

step "tests: hostile scripts and pages in an optimised build"
cargo build --locked --profile gate
SUITE_PROGRAM="$PWD/target/gate/hotplate" cargo test --locked --test suite -- hostile pathological very_many

if [ "${#skipped[@]}" -gt 0 ]; then
  step "not checked"
  printf 'SKIPPED: %s\n' "${skipped[@]}"
fi

step "tests: cargo test"
cargo test
