#!/usr/bin/env bash
# Build the image without a registry, and have it heat a simulated room: nox -s image.
#
# The base of the Dockerfile is made of Debian's packages (trixie has CPython 3.13), in vfs and
# without namespaces, so that it also works inside of a container. As root; needs buildah and
# debootstrap. TRY_IMAGE_ROOT is a directory for Debian, which is used again where it is one.
set -euo pipefail
here=$(cd "$(dirname "$0")/../.." && pwd)
place=$(mktemp -d)
root=${TRY_IMAGE_ROOT:-$place/root}
export STORAGE_DRIVER=vfs BUILDAH_ISOLATION=chroot TMPDIR=$place
builder=(buildah --root "$place/storage" --runroot "$place/run")
trap '"${builder[@]}" rm --all >/dev/null 2>&1 || true; rm -rf "$place"' EXIT

if [ ! -x "$root/usr/bin/python3" ]; then
    debootstrap --variant=minbase --include=python3,python3-venv,python3-pip,ca-certificates \
        trixie "$root" >"$place/debootstrap.log" || { tail "$place/debootstrap.log"; exit 1; }
fi
ln -sf /usr/bin/python3 "$root/usr/local/bin/python"
# Whom this machine trusts: it may be behind a mirror.
bundle=/etc/ssl/certs/ca-certificates.crt
cp "$bundle" "$root$bundle"
base=$("${builder[@]}" from scratch)
"${builder[@]}" add -q "$base" "$root" /
"${builder[@]}" config --env PIP_CERT=$bundle --env SSL_CERT_FILE=$bundle \
    --env PATH=/usr/local/bin:/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin "$base"
"${builder[@]}" commit -q "$base" docker.io/library/python:3.13-slim >/dev/null

cd "$here"
# The format that knows health checks.
"${builder[@]}" bud -q --format docker --pull=never --network host \
    -f examples/deploy/Dockerfile -t switchbot-automation . >"$place/build.log" 2>&1 \
    || { tail -n 30 "$place/build.log"; exit 1; }
"${builder[@]}" inspect --type image localhost/switchbot-automation:latest | python3 -c '
import json, sys
config = json.load(sys.stdin)["Docker"]["config"]
assert config["User"] == "10001", config
assert "/healthz/live" in config["Healthcheck"]["Test"][-1], config
print("ok: not root, with a health check")
'
cat >"$place/inside.sh" <<'INSIDE'
set -eu
! touch /venv/x 2>/dev/null
switchbot-automation cloud --port 0 >/tmp/cloud 2>&1 &
until grep -q SECRET /tmp/cloud; do sleep 1; done
eval "$(grep ^export /tmp/cloud)"
switchbot-automation init --yes --season winter --band 20-22 --hours 00:00-00:00 >/dev/null
switchbot-automation run --web 127.0.0.1:18080 >/tmp/run 2>&1 &
engine=$!
until grep -q "winter accepted" /tmp/run; do kill -0 $engine; sleep 1; done
python -c 'import urllib.request as u; u.urlopen("http://127.0.0.1:18080/healthz/live", timeout=30)'
kill -TERM $engine
wait $engine
test "$(stat -c %u /data/settings.json)" = 10001
INSIDE
running=$("${builder[@]}" from --pull=never localhost/switchbot-automation:latest)
timeout 300 "${builder[@]}" run -v "$place/inside.sh:/tmp/inside.sh:ro" "$running" -- \
    sh /tmp/inside.sh
echo "ok: it heats a room, is live, and ends when it is asked"
