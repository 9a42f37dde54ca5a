#!/bin/sh
# An upload that the disk has no room for is refused with the reason, and takes none for itself. A limit on the size of files stands in
# for the disk.
set -eu
. "$(dirname "$0")/../support/install.sh"
house_new
cat >"$dir/limited" <<EOT
#!/bin/sh
trap '' XFSZ
ulimit -f 4096 # blocks of 512 bytes
exec "$MUSTER" "\$@"
EOT
chmod +x "$dir/limited"
server_start "$dir/log" "$dir/limited" --data "$data" --port 0 --plugins "$dir/bundled" || exit 1
source_of big 1.0.0 '{}'
head -c 3000000 /dev/urandom >"$dir/src/big/noise"
pack big 1.0.0
source_of small 1.0.0 '{}'
pack small 1.0.0
for i in 1 2; do
  if plugin install "$dir/pool/big-1.0.0.muster" --yes >"$dir/out" 2>&1; then fail "a file larger than there may be"; fi
  grep -qi 'too large\|full' "$dir/out" || fail "without the reason: $(cat "$dir/out")"
  [ -z "$(find "$data/plugins/tmp" -type f)" ] || fail "it stays: $(ls -l "$data/plugins/tmp")"
done
plugin install "$dir/pool/small-1.0.0.muster" --yes --no-wait >"$dir/out" 2>&1 || fail "$(cat "$dir/out")"

# What an earlier one has left goes with the next upload.
echo left >"$data/plugins/tmp/file-1-1"
source_of small 1.1.0 '{}'
pack small 1.1.0
plugin upgrade "$dir/pool/small-1.1.0.muster" --yes --no-wait >"$dir/out" 2>&1 || fail "$(cat "$dir/out")"
[ ! -e "$data/plugins/tmp/file-1-1" ] || fail "what was left stays"
house_stop
