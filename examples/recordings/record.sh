#!/bin/bash
# SPDX-License-Identifier: MIT
# usage (as root): record.sh OUT SECONDS COMMAND...
#
# Write the page allocator's events of the first SECONDS of COMMAND and its children to OUT, as the kernel's own trace
# file prints them. sim/replay of a mounted machine takes that file. Needs tracefs (/sys/kernel/tracing); the
# recording goes into an instance of its own, so a running trace is left alone.
set -e
out=$1 seconds=$2
shift 2
mountpoint -q /sys/kernel/tracing || mount -t tracefs nodev /sys/kernel/tracing
t=/sys/kernel/tracing/instances/record.$$
mkdir "$t"
trap 'rmdir "$t"' EXIT
echo 16384 > "$t/buffer_size_kb"
echo 1 > "$t/options/event-fork"
for event in mm_page_alloc mm_page_free mm_page_free_batched mm_page_alloc_extfrag mm_page_alloc_zone_locked \
	mm_page_pcpu_drain; do
	echo 1 > "$t/events/kmem/$event/enable"
done
# The children of this shell are followed; the shell itself starts COMMAND and waits.
echo $BASHPID > "$t/set_event_pid"
"$@" &
sleep "$seconds"
echo 0 > "$t/tracing_on"
wait $! || true
cat "$t/trace" > "$out"
