#!/bin/bash
# SPDX-License-Identifier: MIT
# A kmap that finds no free window waits: the write does not come back, readers and others' calls go on, and a kunmap, a signal,
# O_NONBLOCK, kill -9 or the daemon's end ends it. 512 windows, with PAE.
. "$(dirname "$0")/lib.sh"
python=$(command -v /usr/bin/python3 || command -v python3) || skip_all "python3 is missing"
start pc-i386-pae -o ram=2G
ctl=$mnt/sim/ctl
call() { (cat <<<"$1" >"$ctl") 2>/dev/null; }
waiting() { grep -q 'all 512 windows of kmap are in use' "$mnt/sim/waiting"; }
nobody_waits() { ! waiting; }
users() { sed -n 's/^windows.*: \([0-9]*\) with users.*/\1/p' "$mnt/sim/pkmap"; }

call 'p.0-599 = alloc_page GFP_HIGHUSER'
ok "512 windows are given" call 'w.0-511 = kmap p.0-511'
is "all have users" "$(users)" 512

# ---- a kunmap from another shell ----
(cat <<<'x = kmap p.512' >"$ctl") &
writer=$!
ok "the 513th waits, and sim/waiting says why" wait_for 10 waiting
ok "readers are served meanwhile" timeout 10 cat "$mnt/proc/buddyinfo"
ok "and calls of others" timeout 10 bash -c "echo 'drain_all_pages' >'$ctl'"
ok "which does not end the wait" waiting
ok "a page that has a window needs no other" call 'kmap p.3'
ok "" call 'kunmap p.3'
ok "a kunmap ends it" call 'kunmap p.7'
wait $writer
is "the write succeeded" $? 0
ok "nobody waits any more" nobody_waits
ok "it has the window that was given back" test "$(cat "$mnt/sim/vars/x")" = "$(cat "$mnt/sim/vars/w.7")"
ok "and the page is there" bash -c "grep -q '^kernel_address.*window of kmap' '$mnt/sim/page/p.512'"

# ---- a range waits in its middle, and goes on ----
(cat <<<'y.0-2 = kmap p.513-515' >"$ctl") &
writer=$!
ok "a range waits" wait_for 10 waiting
for i in 8 9; do call "kunmap p.$i"; done
ok "two windows are not enough for three pages" wait_for 10 waiting
call 'kunmap p.10'
ok "the third lets it end" wait_for 10 gone $writer
wait $writer
is "all were mapped" $? 0
ok "and are named" test -e "$mnt/sim/vars/y.2"

# ---- two that wait ----
(cat <<<'kmap p.520' >"$ctl") &
first=$!
(cat <<<'kmap p.521' >"$mnt/sim/cpu1/ctl") &
second=$!
two() { [ "$(grep -c 'all 512 windows' "$mnt/sim/waiting")" = 2 ]; }
ok "both are named" wait_for 10 two
call 'kunmap p.11'
one_left() { [ "$(grep -c 'all 512 windows' "$mnt/sim/waiting")" = 1 ]; }
ok "one window lets one of them go" wait_for 10 one_left
call 'kunmap p.12'
wait $first
is "the first" $? 0
wait $second
is "and the second" $? 0

# ---- signals ----
said=$($python - "$ctl" <<'PY'
import errno, os, signal, sys
class Alarm(Exception): pass
def on_alarm(*_): raise Alarm
signal.signal(signal.SIGALRM, on_alarm)
def write(fd, line):
    try: return os.write(fd, line)
    except Alarm: return "interrupted"
    except OSError as e: return errno.errorcode[e.errno]
fd = os.open(sys.argv[1], os.O_RDWR)
signal.setitimer(signal.ITIMER_REAL, 0.3)
print(write(fd, b"z = kmap p.530\n"))
fd2 = os.open(sys.argv[1], os.O_RDWR)
signal.signal(signal.SIGALRM, lambda *_: None)
signal.setitimer(signal.ITIMER_REAL, 0.3)
n = write(fd2, b"drain_local_pages\nz = kmap p.530\n")
print(n)
fd3 = os.open(sys.argv[1], os.O_RDWR | os.O_NONBLOCK)
print(write(fd3, b"z = kmap p.530\n"))
PY
)
is "a signal ends the wait; after a finished line the write counts that; O_NONBLOCK does not wait" "$(echo $said)" \
    "interrupted 18 EAGAIN"
ok "nothing was named" test ! -e "$mnt/sim/vars/z"
ok "nobody is left waiting" wait_for 10 nobody_waits
bash -c "echo 'kmap p.531' >'$ctl'" 2>/dev/null &
writer=$!
ok "a shell's echo waits, too" wait_for 10 waiting
kill -INT $writer
kill -TERM $writer
ok "and can be ended" wait_for 10 gone $writer
wait $writer 2>/dev/null
ok "with nobody left" wait_for 10 nobody_waits
(exec cat <<<'kmap p.532' >"$ctl") &
writer=$!
ok "one more" wait_for 10 waiting
kill -KILL $writer
ok "kill -9 ends it" wait_for 10 gone $writer
wait $writer 2>/dev/null
ok "and leaves nobody waiting" wait_for 10 nobody_waits
is "nor a window taken" "$(users)" 512
is "everything adds up" "$(cat "$mnt/sim/check")" ok

# ---- the machine goes away under a waiter; the daemon ends under one ----
(cat <<<'kmap p.533' >"$ctl") 2>/dev/null &
writer=$!
ok "a waiter" wait_for 10 waiting
ok "the machine boots again" call 'reboot ram=1G'
ok "who waited for the old one is told" wait_for 10 gone $writer
wait $writer
not_ok "by an error" test $? = 0
call 'p.0-599 = alloc_page GFP_HIGHUSER'
call 'kmap p.0-511'
(cat <<<'kmap p.512' >"$ctl") 2>/dev/null &
writer=$!
ok "a waiter again" wait_for 10 waiting
kill "$(daemon_pid)"
ok "the daemon's end lets it go" wait_for 10 gone $writer
wait $writer 2>/dev/null
wait_for 10 bash -c "! grep -q ' $mnt fuse.simmfs ' /proc/self/mounts"
finish
