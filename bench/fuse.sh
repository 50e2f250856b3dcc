#!/bin/bash
# SPDX-License-Identifier: MIT
# What files of the machine cost next to null files of the same size on the same loop, and calls a second.
# Daemons and client sit on one CPU: waking a task on another one costs more than the request itself and varies.
#
#   bench/fuse.sh SIMMFS NULLFS CLIENT [FILE...]      (FILE: below the mountpoint; meson benchmark fuse runs it)
#
# Needs a build without sanitizers: meson setup build-release -Dbuildtype=release
set -eu
simmfs=$1 nullfs=$2 client=$3
shift 3
[ $# -gt 0 ] || set -- proc/buddyinfo proc/meminfo proc/slabinfo
[ -c /dev/fuse ] || { echo "skipped: no /dev/fuse"; exit 77; }

dir=$(mktemp -d /tmp/simmfs-bench-XXXXXX)
mkdir "$dir/machine" "$dir/null" "$dir/copies"
pin=(taskset -c 0)
cleanup() {
    for m in "$dir/machine" "$dir/null"; do umount "$m" 2>/dev/null || fusermount3 -u "$m" 2>/dev/null || true; done
    rm -rf "$dir"
}
trap cleanup EXIT

"${pin[@]}" "$simmfs" "$dir/machine"
copies=() files=()
head -c 100 /dev/zero | tr '\0' x >"$dir/copies/null-100"
copies+=("$dir/copies/null-100") files+=("$dir/null/null-100")
for file; do
    name=$(basename "$file")
    cat "$dir/machine/$file" >"$dir/copies/$name"
    copies+=("$dir/copies/$name")
    files+=("$dir/null/$name" "$dir/machine/$file")
done
# A session of its own, as the daemon has: the scheduler groups tasks by session, which costs both the same then.
setsid "${pin[@]}" "$nullfs" "$dir/null" "${copies[@]}" &
until mountpoint -q "$dir/null" && [ -s "$dir/copies/null-100" ]; do sleep 0.05; done

"${pin[@]}" "$client" read "${files[@]}" >"$dir/out"
awk -v dir="$dir/" '{ sub(dir, "", $2); n = $2; sub(/.*\//, "", n); printf "%-28s %8.2f us", $2, $1
    if ($2 ~ /^null/) { null[n] = $1; if (n == "null-100") base = $1; print "" }
    else printf "   %.2fx a null file of its size, %.2fx one of 100 bytes\n", $1 / null[n], $1 / base }' "$dir/out"

ctl=$dir/machine/sim/ctl
printf 'alloc and free by name: '
"${pin[@]}" "$client" calls "$ctl" 'p = alloc_pages GFP_KERNEL 0' '__free_pages p 0'
printf 'comments only:          '
"${pin[@]}" "$client" calls "$ctl" '#'

# A recording of page events through the mount, without the cost of unpacking it.
recording=${SIMM_SHARED:-/nowhere}/traces/gcc-compile/trace.txt.gz
[ -r "$recording" ] || recording=$(ls "$(dirname "$0")"/../examples/recordings/*.gz 2>/dev/null | head -1)
if [ -r "$recording" ]; then
    zcat "$recording" >"$dir/trace"
    best=0
    for _ in 1 2 3 4 5; do
        echo reboot >"$ctl"
        start=$(date +%s%N)
        "${pin[@]}" dd if="$dir/trace" of="$dir/machine/sim/replay" bs=1M status=none
        end=$(date +%s%N)
        rate=$(awk -v ns=$((end - start)) '$1 == "events" { printf "%d", $2 * 1e9 / ns }' "$dir/machine/sim/replay")
        [ "$rate" -gt "$best" ] && best=$rate
    done
    echo "replay of $(basename "$(dirname "$recording")"): $best events a second"
fi
