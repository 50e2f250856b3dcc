#!/bin/bash
# SPDX-License-Identifier: MIT
# How long `cat proc/buddyinfo` takes while a machine of 64 GiB compacts: it is answered between two slices of the work.
# Half of the memory is given out a page at a time and every second page of it is freed; compact_memory then moves the rest.
# Daemon and client are on CPUs of their own when there are two, before all others if that is permitted: how long programs
# of the host are put off is not the question.
#
#   bench/compact.sh SIMMFS CLIENT [RAM]     (meson benchmark compact runs it; wanted: 99 of 100 in at most 5 ms)
#
# Needs a build without sanitizers: meson setup build-release -Dbuildtype=release
set -eu
simmfs=$1 client=$2 ram=${3:-64G}
[ -c /dev/fuse ] || { echo "skipped: no /dev/fuse"; exit 77; }

mnt=$(mktemp -d /tmp/simmfs-bench-XXXXXX)
cleanup() {
    umount "$mnt" 2>/dev/null || fusermount3 -u "$mnt" 2>/dev/null || true
    rmdir "$mnt"
}
trap cleanup EXIT
first=()
chrt -f 1 true 2>/dev/null && first=(chrt -f 1)

"${first[@]}" taskset -c 0 "$simmfs" -o "ram=$ram" pc-x86_64 "$mnt"
pages=$(awk '/^MemTotal/ { print int($2 / 8) }' "$mnt/proc/meminfo")
echo "p.0-$((pages - 1)) = alloc_pages GFP_HIGHUSER_MOVABLE 0" >"$mnt/sim/ctl"
echo "__free_pages p.1-$((pages - 1)):1/2 0" >"$mnt/sim/ctl"
"${first[@]}" taskset -c $(($(nproc) > 1)) "$client" beside "$mnt/proc/buddyinfo" "$mnt/proc/sys/vm/compact_memory" 1
awk '$1 == "pgmigrate_success" { print $2 " pages were moved" }' "$mnt/proc/vmstat"
