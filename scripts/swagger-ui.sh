#!/usr/bin/env bash
# Brings another version of the Swagger UI into static/swagger-ui/: scripts/swagger-ui.sh VERSION
#
# Takes the files that /docs needs from the npm package swagger-ui-dist as they are, compresses the large
# ones, and writes down the version and the digests, which a test holds against the files.
set -euo pipefail
cd "$(dirname "$0")/.."

version="${1:?which version of swagger-ui-dist? \`npm view swagger-ui-dist version\` tells the newest}"
there=static/swagger-ui
from="$(mktemp -d)"
trap 'rm -r "$from"' EXIT

npm pack --silent --pack-destination "$from" "swagger-ui-dist@$version" >/dev/null
tar -xzf "$from"/*.tgz -C "$from"
mkdir -p "$there"
cp "$from"/package/{LICENSE,NOTICE,swagger-ui-bundle.js.LICENSE.txt} "$there"
for file in swagger-ui-bundle.js swagger-ui.css; do
  gzip -9 -n -c "$from/package/$file" >"$there/$file.gz"
done
{
  printf '%s\n' "$version"
  (cd "$from/package" && sha256sum swagger-ui-bundle.js swagger-ui.css)
} >"$there/VERSION"
cat "$there/VERSION"
