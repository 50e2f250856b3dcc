#!/bin/bash
# SPDX-License-Identifier: MIT
# sys/kernel/tracing through a real mount, as tracefs is used by hand: echo 1 > enable, cat trace, trace_pipe waiting.
. "$(dirname "$0")/lib.sh"
start -o ram=256M
t=$mnt/sys/kernel/tracing
ctl=$mnt/sim/ctl
lines() { grep -vc '^#' "$t/trace"; }

is "nothing is enabled" "$(cat "$t/events/enable")" 0
is "the events" "$(find "$t/events/kmem" -mindepth 1 -maxdepth 1 -type d -printf '%f\n' | sort)" \
    "$(sed -n 's/kmem://p' "$t/available_events" | sort)"
echo 'p = alloc_pages GFP_KERNEL 2' >"$ctl"
is "an event that is off leaves no line" "$(lines)" 0
echo 1 >"$t/events/kmem/mm_page_alloc/enable"
echo 1 >"$t/events/kmem/mm_page_free/enable"
is "some are on" "$(cat "$t/events/enable")" X
echo 'q = alloc_pages GFP_KERNEL 2' >"$ctl"
echo '__free_pages q 2' >"$ctl"
is "two lines" "$(lines)" 2
like "as ftrace prints them" "$(grep mm_page_alloc "$t/trace")" \
    "* \[000\] ..... * [0-9]*.[0-9][0-9][0-9][0-9][0-9][0-9]: mm_page_alloc: page=* pfn=0x* order=2 migratetype=0 gfp_flags=GFP_KERNEL"
like "with the header" "$(head -3 "$t/trace")" "# tracer: nop*entries-in-buffer/entries-written: 2/2 *#P:*"

# What it prints it takes.
cat "$t/trace" >"$work/trace"
ok "replayed" bash -c "cat '$work/trace' > '$mnt/sim/replay'"
is "both events" "$(awk '$1 == "applied" { print $2 }' "$mnt/sim/replay")" 2

ok "echo > trace clears it" bash -c "echo > '$t/trace'"
is "it is empty" "$(lines)" 0
echo 'q = alloc_pages GFP_KERNEL 2' >"$ctl"
ok "echo >> trace does not" bash -c "echo >> '$t/trace'"
is "one line" "$(lines)" 1

# trace_pipe consumes, and waits.
timeout 20 head -n 2 "$t/trace_pipe" >"$work/pipe" &
pipe=$!
wait_for 10 test -s "$work/pipe" # head may hold the first line back
echo '__free_pages q 2' >"$ctl"
wait $pipe
is "trace_pipe gives the line that was there and the one that came" $? 0
is "these two" "$(grep -o 'mm_page_[a-z]*' "$work/pipe" | tr '\n' ' ')" "mm_page_alloc mm_page_free "
is "they are consumed" "$(lines)" 0
timeout --foreground -s INT 1 cat "$t/trace_pipe" >"$work/pipe"
is "a waiting reader can be interrupted" "$?" 124
is "O_NONBLOCK: nothing yet" "$(python3 -c "
import errno, os, sys
try: os.read(os.open('$t/trace_pipe', os.O_RDONLY | os.O_NONBLOCK), 100)
except OSError as e: print(errno.errorcode[e.errno])")" EAGAIN

echo 0 >"$t/tracing_on"
echo 'q = alloc_pages GFP_KERNEL 2' >"$ctl"
is "tracing_on 0: nothing is recorded" "$(lines)" 0
echo 1 >"$t/tracing_on"
echo 'kmem:*' >"$t/set_event"
is "set_event enables" "$(cat "$t/events/kmem/enable")" 1
echo '!kmem:mm_page_free' >>"$t/set_event"
is "and disables" "$(cat "$t/events/kmem/mm_page_free/enable")" 0
echo kmem:mm_page_free >"$t/set_event"
is "opened with > it forgets the others" "$(cat "$t/set_event")" kmem:mm_page_free
for bad in 2 -1 x ''; do
    not_ok "no switch position: '$bad'" bash -c "echo '$bad' > '$t/events/enable'"
done
not_ok "no such event" bash -c "echo sched:sched_switch >> '$t/set_event'"
echo 64 >"$t/buffer_size_kb"
is "the size of the ring" "$(cat "$t/buffer_size_kb")" 64
like "a format" "$(cat "$t/events/kmem/mm_page_alloc/format")" "name: mm_page_alloc*ID: $(cat "$t/events/kmem/mm_page_alloc/id")*field:unsigned long pfn;*print fmt: *"
is "the machine is whole" "$(cat "$mnt/sim/check")" ok
finish
