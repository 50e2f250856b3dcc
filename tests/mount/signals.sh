#!/bin/bash
# SPDX-License-Identifier: MIT
# Long acts: readers are served, others queue behind, signals end them, and whoever is killed leaves nothing behind.
. "$(dirname "$0")/lib.sh"
python=$(command -v /usr/bin/python3 || command -v python3) || skip_all "python3 is missing"
start -o ram=1G
free_pages() { awk '$1 == "nr_free_pages" { print $2 }' "$mnt/proc/vmstat"; }
ctl=$mnt/sim/ctl

# Pairs that leave nothing behind, however many of them were run.
for _ in $(seq 20000); do echo 'alloc_pages GFP_KERNEL 0'; done >"$work/one.txt"
while read -r _; do echo 'p = alloc_pages GFP_KERNEL 0'; echo '__free_pages p 0'; done <"$work/one.txt" >"$work/pairs.txt"

# ---- a writer without end ----
bash -c "while :; do cat '$work/pairs.txt'; done >'$ctl'" &
writer=$!
sleep 0.5
start_ns=$(date +%s%N)
ok "readers are served while an act runs" timeout 20 cat "$mnt/proc/zoneinfo"
note "that took $((($(date +%s%N) - start_ns) / 1000000)) ms"
ok "another writer gets his turn" timeout 60 bash -c "echo '# nothing' >'$ctl'"
pkill -INT -P $writer cat
kill -TERM $writer
ok "the writer can be ended" wait_for 60 gone $writer
wait $writer 2>/dev/null

# ---- a signal in the middle of one write ----
said=$($python - "$ctl" "$work/pairs.txt" <<'PY'
import errno, os, signal, sys, threading, time
class Alarm(Exception): pass
def on_alarm(*_): raise Alarm
signal.signal(signal.SIGALRM, on_alarm)
data = open(sys.argv[2], "rb").read()
data = data * (1 + (1 << 20) // len(data))
data = data[:data.rindex(b"\n", 0, 1 << 20) + 1]
fd = os.open(sys.argv[1], os.O_WRONLY)
whole = interrupted = 0
for attempt in range(30):
    signal.setitimer(signal.ITIMER_REAL, 0.005 * (attempt % 6 + 1))
    try:
        n = os.write(fd, data)
        signal.setitimer(signal.ITIMER_REAL, 0)
        if n < len(data):
            interrupted += 1
            if data[n - 1:n] != b"\n":
                print("ended within a line", n)
        else:
            whole += 1
    except Alarm:
        interrupted += 1
os.close(fd)
print("interrupted" if interrupted else "never")
PY
)
is "a signal ends a long write" "$said" interrupted

# ---- killed in the middle ----
before=$(free_pages)
for _ in 1 2 3; do
    bash -c "while :; do cat '$work/pairs.txt'; done >'$ctl'" 2>/dev/null &
    writer=$!
    sleep 0.3
    pkill -KILL -P $writer cat
    kill -KILL $writer
    ok "a killed writer goes" wait_for 60 gone $writer
    wait $writer 2>/dev/null
done
ok "the machine goes on" timeout 20 bash -c "echo '# nothing' >'$ctl'"
after=$(free_pages)
# The last line of a killed client may have been an allocation; pages on CPU 0's lists come and go.
ok "and nothing has leaked" test $((before - after)) -lt 200

# ---- a recording: progress can be read, and ^C stops it ----
awk 'BEGIN { for (i = 1; i <= 100000; i++) {
    printf "gcc-1 [000] ..... 1.%06d: mm_page_alloc: page=0000000000000000 pfn=0x%x order=0 migratetype=0 gfp_flags=GFP_KERNEL\n", i, i
    printf "gcc-1 [000] ..... 1.%06d: mm_page_free: page=0000000000000000 pfn=0x%x order=0\n", i, i } }' >"$work/trace"
replay=$mnt/sim/replay
lines() { awk '$1 == "lines" { print $2 }' "$replay"; }
cat "$work/trace" >"$replay" &
writer=$!
seen=
while ! gone $writer; do seen="$seen $(lines)"; done
wait $writer
is "a recording is taken" $? 0
ok "its progress can be read meanwhile:$seen" test "$(tr ' ' '\n' <<<"$seen" | sort -u | wc -l)" -ge 3
is "every line was counted" "$(lines)" 200000
is "every event was applied" "$(awk '$1 == "applied" { print $2 }' "$replay")" 200000
(
    trap - INT
    exec cat "$work/trace" "$work/trace" "$work/trace" "$work/trace" >"$replay"
) &
writer=$!
sleep 0.2
kill -TERM $writer
ok "a signal ends it" wait_for 20 gone $writer
ok "and the machine goes on" timeout 20 cat "$mnt/proc/buddyinfo"

# ---- many waiting behind a long act, one of them interrupted, then the daemon's end ----
for i in 1 2 3 4 5; do
    bash -c "while :; do cat '$work/pairs.txt'; done >'$ctl'" 2>/dev/null &
done
sleep 0.5
pid=$(daemon_pid)
kill "$pid"
ok "SIGTERM ends the daemon under load" wait_for 60 gone "$pid"
not_ok "unmounted" is_mounted "$mnt"
clients=$(jobs -p)
for j in $clients; do
    pkill -KILL -P "$j"
    kill -KILL "$j"
done
left=0
for j in $clients; do wait_for 20 gone "$j" || left=$((left + 1)); done
is "its clients can be ended" "$left" 0
wait 2>/dev/null
finish
