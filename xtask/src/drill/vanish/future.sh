# In namespaces of its own: no network, nothing of what was built today, the clock of every program ten years ahead.
# Lines that begin with "# " are facts for who reads; the rest is what the release itself says.
set -eu
folder=$1; program=$2; faketime=$3; url=$4; name=$5; shows=$6
here=$(date +%s)

mkdir -p "$folder/over" "$folder/$name-room"
mount -t tmpfs tmpfs "$folder/over"
mkdir "$folder/over/upper" "$folder/over/work"
# Every program is linked with it from here on, also those that are started with an empty environment.
mount -t overlay -o "lowerdir=/etc,upperdir=$folder/over/upper,workdir=$folder/over/work" overlay /etc
mount -t tmpfs tmpfs "$folder/today"
echo +10y > /etc/faketimerc
echo "$faketime" > /etc/ld.so.preload
# Rust waits with the kernel's own futex, which knows nothing of a faked monotonic clock.
export FAKETIME_DONT_FAKE_MONOTONIC=1

there=$(date +%s)
# Its years have 365 days.
years=$(( (there - here + 432000) / 31557600 ))
test "$years" = 10 || { echo "the clock is $years years ahead"; exit 3; }
test -z "$(ls -A "$folder/today")" || { echo "the root of today is not hidden"; exit 3; }
test "$(grep -c : /proc/net/dev)" = 1 || { echo "there is a network"; exit 3; }
echo "# the clock says $(date +%Y-%m-%d)"

cache=$folder/$name-room/cache
"$program" cache import "$folder/export.tar" --store "$cache" > /dev/null
"$program" cache verify --store "$cache" | sed 's/^/# imported contents: /'
"$program" build "$url" --offline --root "$folder/$name-room/root" --cache "$cache" --json > "$folder/$name-room/news" \
  || { tail -c 4000 "$folder/$name-room/news"; exit 4; }
location=$(tail -1 "$folder/$name-room/news" | python3 -c '
import json, sys
end = json.load(sys.stdin)
print("# built offline in %.1f s" % end["seconds"], file=sys.stderr)
print(end["parts"][sys.argv[1]]["location"])' "$name" 2> "$folder/$name-room/fact")
cat "$folder/$name-room/fact"
test -z "${location%%"$folder/$name-room/"*}" || { echo "$location is elsewhere"; exit 3; }
export ROOM="$folder/$name-room"
sh -c "$(printf %s "$shows" | sed "s|LOCATION|$location|g")"
