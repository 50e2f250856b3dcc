#!/bin/bash
# SPDX-License-Identifier: MIT
# Processes through a real mount, as a user makes and uses them: mkdir, spawn and fork; ctl with its results read back
# through one open file; refused accesses; the files of their memory with dd and python; two writers, and one that is killed.
. "$(dirname "$0")/lib.sh"
python=$(command -v /usr/bin/python3 || command -v python3) || skip_all "python3 is missing"
start pc-x86_64 -o ram=512M
tasks=$mnt/sim/tasks errors=$mnt/sim/errors
status() { awk -v k="$2:" '$1 == k { print $2 }' "$mnt/proc/$1/status"; }
whole() { [ "$(cat "$mnt/sim/check")" = ok ]; }
# One 32-bit word of a file at a multiple of four.
word() { dd if="$1" bs=4 skip=$(($2 / 4)) count=1 status=none | od -An -tx4 | tr -d ' '; }

# ---- made ----
ok "mkdir makes a process" mkdir "$tasks/hog"
pid=$(cat "$tasks/hog/pid")
is "its number is a directory of proc" "$(cat "$mnt/proc/$pid/comm")" hog
is "both are the same files" "$(cat "$mnt/proc/$pid/maps")" "$(cat "$tasks/hog/maps")"
refused mkdir "$tasks/hog"
like "not twice" "$said" "*File exists*"
refused mkdir "$tasks/hog/inside"
is "and nothing is made in one" "$status" 1
exec 3<>"$mnt/sim/ctl"
echo 'spawn cat' >&3
read -r -u 3 spawned
exec 3>&-
is "spawn gives the number" "$(cat "$mnt/proc/$spawned/comm")" cat
like "proc lists them" " $(cd "$mnt/proc" && echo [0-9]*) " "* $pid $spawned *"
whole
is "the machine is whole" $? 0

# ---- ctl and its results ----
exec 3<>"$tasks/hog/ctl"
printf '%s\n' 'buf = mmap 0x10000000 64K rw-p MAP_PRIVATE+MAP_ANONYMOUS+MAP_FIXED' 'store buf 0x2a' 'load buf' >&3
read -r -u 3 at
read -r -u 3 stored
read -r -u 3 loaded
is "mmap's result" "$at" 0x10000000
like "store's result: a fault" "$stored" "0x2a *fault=minor*"
like "load's result: a hit" "$loaded" "0x2a *tlb=hit"
is "a name is a file" "$(cat "$tasks/hog/vars/buf")" "$(cat "$mnt/proc/$pid/vars/buf")"
ok "a refused line leaves the open file usable" bash -c "! echo 'load 0' >&3 && echo 'load buf' >&3" 2>/dev/null
read -r -u 3 loaded
like "and the result that comes is the next line's" "$loaded" "0x2a *"
exec 3>&-

# ---- refused ----
refused "$python" -c "
import errno, os, sys
fd = os.open(sys.argv[1], os.O_WRONLY)
try: os.write(fd, b'load 0x20000000\n')
except OSError as e: sys.exit(errno.errorcode[e.errno])" "$tasks/hog/ctl"
is "an access without a mapping is EFAULT for write(2)" "$said" EFAULT
like "with a sentence" "$(tail -3 "$errors")" "*EFAULT*SEGV_MAPERR*"
is "SIGSEGV is pending" "$((16#$(status "$pid" SigPnd) | 16#$(status "$pid" ShdPnd)))" $((1 << 10))
before=$(cat "$tasks/hog/maps")
not_ok "a mapping at a place that is no address" bash -c "echo 'mmap 0x7fffffff0000 1M rw-p MAP_PRIVATE+MAP_ANONYMOUS+MAP_FIXED' >'$tasks/hog/ctl'"
is "changes nothing" "$(cat "$tasks/hog/maps")" "$before"

# ---- the files of its memory ----
is "mem: dd reads by address" "$(word "$tasks/hog/mem" 0x10000000)" 0000002a
printf '\x78\x56\x34\x12' | dd of="$tasks/hog/mem" bs=4 seek=$((0x10004000 / 4)) conv=notrunc status=none
is "mem: dd writes, faulting the page in" "$(word "$mnt/proc/$pid/mem" 0x10004000)" 12345678
refused dd if="$tasks/hog/mem" bs=4 skip=$((0x20000000 / 4)) count=1 status=none
like "mem: nothing is there" "$said" "*Input/output error*"
pages=$("$python" - "$tasks/hog/pagemap" <<'PY'
import struct, sys
with open(sys.argv[1], "rb", buffering=0) as f:
    f.seek(0x10000 * 8)
    print(*[f"{e >> 63}" for e in struct.unpack("<16Q", f.read(128))])
PY
)
is "pagemap: two of sixteen pages are present" "$pages" "1 0 0 0 1 0 0 0 0 0 0 0 0 0 0 0"
frame() { "$python" -c "
import struct, sys
f = open(sys.argv[1], 'rb', buffering=0)
f.seek(int(sys.argv[2], 0) >> 12 << 3)
print(hex(struct.unpack('<Q', f.read(8))[0] & (1 << 55) - 1))" "$1" "$2"; }
pfn=$(frame "$tasks/hog/pagemap" 0x10000000)
physical=$(sed -n 's/^physical *//p' "$tasks/hog/walk/buf")
is "walk/NAME and pagemap tell the same frame" "$((physical >> 12))" "$((pfn))"
is "so does walk/ADDR" "$(cat "$tasks/hog/walk/0x10000000")" "$(cat "$mnt/proc/$pid/walk/buf")"
is "and dev/mem has the value there" "$(word "$mnt/dev/mem" "$physical")" 0000002a
refused cat "$tasks/hog/walk/no-such-name"
is "walk of no name" "$status" 1

# ---- fork, and the end ----
child=$(. "$mnt/sim/bashrc" && call -p hog fork)
child=${child%% *}
is "fork: a child" "$(status "$child" PPid)" "$pid"
. "$mnt/sim/bashrc"
call -p "$child" store buf 0x63 >/dev/null
is "which writes to a page of its own" "$(word "$mnt/proc/$child/mem" 0x10000000) $(word "$tasks/hog/mem" 0x10000000)" "00000063 0000002a"
ok "its end" call -p "$child" exit 3
is "leaves a zombie" "$(status "$child" State)" Z
call -p hog wait4 -1 >/dev/null
not_ok "until it is waited for" ls "$mnt/proc/$child"

# ---- two writers, and one that is killed ----
for n in 1 2; do
    (for ((i = 0; i < 200; i++)); do echo "store buf+$((n * 4096)) $i"; done | dd of="$tasks/hog/ctl" bs=7 status=none) &
    writers[n]=$!
done
wait "${writers[1]}"
first=$?
wait "${writers[2]}"
is "two writers, each in pieces of seven bytes: no line is mixed with the other's" "$first $?" "0 0"
is "both were run to their ends" "$(word "$tasks/hog/mem" 0x10001000) $(word "$tasks/hog/mem" 0x10002000)" "000000c7 000000c7"
# It has half a line in the file when it is killed. Its close runs that, as any last line, and it is wrong.
"$python" -c "
import os, sys, time
fd = os.open(sys.argv[1], os.O_WRONLY)
os.write(fd, b'store buf 0x11\nstore bu')
open(sys.argv[2], 'w').close()
time.sleep(60)" "$tasks/hog/ctl" "$work/written" &
victim=$!
ok "a writer has written a line and a half" wait_for 20 test -e "$work/written"
kill -9 $victim
wait $victim 2>/dev/null
ok "after its death others write" call -p hog load buf
ok "the machine is whole" whole
is "the whole line was run, and the half one refused" "$(call -p hog load buf | cut -d' ' -f1)" 0x11
like "with a sentence, since nobody was there to be told" "$(tail -3 "$errors")" "*store bu*"

# ---- away ----
exec 3<>"$tasks/hog/ctl"
ok "rmdir ends it, though its ctl is open" rmdir "$tasks/hog"
not_ok "its files are gone" cat "$mnt/proc/$pid/maps"
refused bash -c "echo 'load buf' >&3"
like "a call to it is refused" "$said" "*No such*"
exec 3>&-
refused rmdir "$tasks/hog"
like "and it is no directory any more" "$said" "*No such file*"
ok "everything adds up" whole
finish
