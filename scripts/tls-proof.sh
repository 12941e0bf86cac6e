#!/usr/bin/env bash
# What testssl and sslyze say of the port with TLS, as docs/proof.md quotes it: fails on any finding.
#
#   scripts/tls-proof.sh [PROGRAM]
#
# The program is built unless one is named. Needs openssl, testssl (the package testssl.sh of Debian) and python3 with venv;
# sslyze is installed into target/sslyze. A test authority is made for it, and both tools are told to trust it. TLS_PROOF=quick
# leaves testssl out, which takes minutes.
set -euo pipefail
cd "$(dirname "$0")/.."

SSLYZE=6.3.1
program="$(realpath -m "${1:-target/debug/hotplate}")"
if [ "$#" -lt 1 ]; then
  cargo build --locked >&2
fi
if ! target/sslyze/bin/pip show sslyze 2>/dev/null | grep -q "^Version: $SSLYZE$"; then
  python3 -m venv target/sslyze >&2
  target/sslyze/bin/pip install --quiet --disable-pip-version-check "sslyze==$SSLYZE" >&2
fi

work="$(mktemp -d)"
server=
finish() {
  if [ -n "$server" ]; then
    kill "$server" 2>/dev/null || true
    wait "$server" 2>/dev/null || true
  fi
  rm -rf "$work"
}
trap finish EXIT

# An authority, and a certificate of it as public ones are: P-256, 90 days, with a list of what is revoked.
cat >"$work/leaf.ext" <<'EXT'
basicConstraints = critical, CA:FALSE
keyUsage = critical, digitalSignature
extendedKeyUsage = serverAuth
subjectAltName = DNS:localhost
crlDistributionPoints = URI:http://localhost/test.crl
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
EXT
{
  openssl ecparam -name prime256v1 -genkey -noout -out "$work/ca.key"
  openssl req -x509 -new -key "$work/ca.key" -sha256 -days 90 -subj "/O=hotplate/CN=Test authority" \
    -addext "basicConstraints=critical,CA:TRUE" -addext "keyUsage=critical,keyCertSign,cRLSign" -out "$work/ca.pem"
  openssl ecparam -name prime256v1 -genkey -noout -out "$work/key.pem"
  openssl req -new -key "$work/key.pem" -subj "/CN=localhost" -out "$work/leaf.csr"
  openssl x509 -req -in "$work/leaf.csr" -CA "$work/ca.pem" -CAkey "$work/ca.key" -set_serial "0x$(openssl rand -hex 16)" \
    -sha256 -days 90 -extfile "$work/leaf.ext" -out "$work/leaf.pem"
} 2>/dev/null
cat "$work/leaf.pem" "$work/ca.pem" >"$work/cert.pem"

mkdir -p "$work/config" "$work/plugins"
cat >"$work/config/hotplate.toml" <<'TOML'
[network]
port = 0
[tls]
enabled = true
cert = "cert.pem"
key = "key.pem"
[plugins.start]
route_path = "/"
TOML
cat >"$work/plugins/start.rhai" <<'RHAI'
get(|req| "hello");
after(|req, res| res
    .header("Strict-Transport-Security", "max-age=63072000")
    .header("X-Content-Type-Options", "nosniff")
    .header("Content-Security-Policy", "default-src 'none'"));
RHAI
mkfifo "$work/said"
(cd "$work" && exec "$program" serve >"$work/said" 2>"$work/log") &
server=$!
read -r line <"$work/said"
port="$(sed -E 's#.*https://[^ :]*:([0-9]+).*#\1#' <<<"$line")"

status=0
echo "== sslyze $SSLYZE --mozilla_config intermediate"
if ! target/sslyze/bin/python -m sslyze --mozilla_config intermediate --certinfo_ca_file "$work/ca.pem" \
  --json_out "$work/sslyze.json" "localhost:$port" >"$work/sslyze" 2>&1; then
  status=1
fi
sed -n '/COMPLIANCE AGAINST/,$p' "$work/sslyze" | sed -E "s/localhost:$port/localhost:PORT/" | grep -v '^ *$' || cat "$work/sslyze"

if [ "${TLS_PROOF:-}" != quick ]; then
  echo "== testssl $(testssl --version 2>/dev/null | grep -oE '[0-9]+\.[0-9]+\.[0-9]+' | head -n 1)"
  testssl --quiet --color 0 --warnings batch --nodns min --add-ca "$work/ca.pem" --jsonfile "$work/testssl.json" \
    "localhost:$port" >"$work/testssl" 2>&1 </dev/null || true
  target/sslyze/bin/python - "$work/testssl.json" <<'PY' || status=1
import collections, json, sys
told = json.load(open(sys.argv[1]))
count = collections.Counter(entry["severity"] for entry in told)
print(", ".join(f"{number} {name}" for name, number in sorted(count.items())))
# That this machine's openssl lacks an engine says nothing of the server.
wrong = [e for e in told if e["severity"] not in ("OK", "INFO", "DEBUG") and e["id"] != "engine_problem"]
for entry in wrong:
    print(entry["severity"], entry["id"], entry["finding"])
shown = ("SSLv2", "SSLv3", "TLS1", "TLS1_1", "TLS1_2", "TLS1_3", "ALPN_HTTP2", "ALPN", "cert_chain_of_trust", "overall_grade")
for entry in told:
    if entry["id"] in shown or entry["id"].startswith("supportedciphers"):
        print(f'{entry["id"]}: {entry["finding"]}')
sys.exit(bool(wrong) or len(told) < 50)
PY
fi
exit "$status"
