#!/bin/bash
# SPDX-License-Identifier: MIT
# Files that take calls, rule by rule, through bash, cat, dd, tee, printf and python. The numbers are the rules' in
# docs; what only the order of requests shows (a head that is dropped at the last close) is tested in tests/unit.
. "$(dirname "$0")/lib.sh"
python=$(command -v /usr/bin/python3 || command -v python3) || skip_all "python3 is missing"
start -o ram=512M
ctl=$mnt/sim/ctl
errors=$mnt/sim/errors
vars=$mnt/sim/vars
free_pages() { awk '$1 == "nr_free_pages" { print $2 }' "$mnt/proc/vmstat"; }
digest() { cat "$mnt/sim/digest" 2>/dev/null || cat "$mnt/proc/zoneinfo"; }
has() { [ -e "$vars/$1" ]; }
# Python, with C the path of ctl; prints what the test looks at.
py() {
    CTL=$ctl $python -c "
import errno, os, sys
C = os.environ['CTL']
def write(fd, data):
    try: return os.write(fd, data)
    except OSError as e: return errno.errorcode[e.errno]
$1"
}

# ---- 1: no offsets, no size, no mapping ----
exec 3<>"$ctl"
printf '%s\n' 'a = alloc_pages GFP_KERNEL 4' 'b = alloc_pages GFP_KERNEL 4' 'c = alloc_pages GFP_KERNEL 4' >&3
read -r -u 3 a
read -r -u 3 b
read -r -u 3 c
exec 3<&-
like "1 bash's read gets one result after the other" "$a $b $c" "[0-9]* [0-9]* [0-9]*"
[ "$a" != "$b" ] && [ "$b" != "$c" ]
is "1 and none is lost or repeated" $? 0
is "1 no seeking" "$(py "
try: os.lseek(os.open(C, os.O_RDWR), 1, 0)
except OSError as e: print(errno.errorcode[e.errno])")" ESPIPE
ok "1 >> and > are the same" bash -c "echo 'd = alloc_pages GFP_KERNEL 4' >>'$ctl' && echo 'e = alloc_pages GFP_KERNEL 4' >'$ctl'"
ok "1 truncate means nothing" truncate -s 100 "$ctl"
ok "1 the names are there" has e
is "1 no shared mapping" "$(py "
import mmap
try: mmap.mmap(os.open(C, os.O_RDWR), 4096)
except (OSError, ValueError) as e: print('refused')")" refused

# ---- 2, 3: lines however they are cut ----
ok "3 one byte a write" dd if=<(printf 'f = alloc_pages GFP_KERNEL 4\n') of="$ctl" bs=1 status=none
ok "3 it was run" has f
is "3 pieces count as written; the line runs with its newline" "$(py "
fd = os.open(C, os.O_RDWR)
print(os.write(fd, b'g = alloc_pages GFP'), os.read(fd, 100), os.write(fd, b'_KERNEL 4\nh = alloc'), os.read(fd, 100) != b'', os.write(fd, b'_pages GFP_KERNEL 4\n'))")" \
    "19 b'' 19 True 20"
ok "3 both were run" has h
is "2 an incomplete line of more than 1 MiB" "$(py "
fd = os.open(C, os.O_WRONLY)
piece = b'#' * (1 << 19)
print([write(fd, piece) for _ in range(3)], write(fd, b'\n# fine\n'))")" "[524288, 524288, 'E2BIG'] 8"

# ---- 4, 5: refused lines ----
is "4 the bytes before a refused line; then its errno; then something else" "$(py "
fd = os.open(C, os.O_WRONLY)
good, bad, more = b'i = alloc_pages GFP_KERNEL 4\n', b'alloc_pages GFP_NONSENSE 4\n', b'j = alloc_pages GFP_KERNEL 4\n'
print(os.write(fd, good + bad + more) == len(good), write(fd, bad + more), write(fd, more) == len(more))")" "True EINVAL True"
is "5 a first line" "$(py "
fd = os.open(C, os.O_WRONLY)
print(write(fd, b'nonsense\n'))")" EINVAL
like "5 the sentence is there before the write is answered" "$(tail -4 "$errors")" "*nonsense*"
is "5 with a head before it" "$(py "
fd = os.open(C, os.O_WRONLY)
print(write(fd, b'non'), write(fd, b'sense\n# x\n'), write(fd, b'# x\n'))")" "3 EINVAL 4"
like "5 an unknown call: the nearest" "$(echo 'aloc_pages GFP_KERNEL 0' 2>/dev/null >"$ctl"; tail -4 "$errors")" "*alloc_pages*"
refused bash -c "for line in nonsense '# fine'; do echo \"\$line\"; done >'$ctl'"
is "bash's echo writes line by line: the loop's status is the last one's" "$status" 0
printf '%s\n' 'k = alloc_pages GFP_KERNEL 4' nonsense 'l = alloc_pages GFP_KERNEL 4' >"$work/calls"
refused bash -c "cat '$work/calls' >'$ctl'"
is "cat stops at a bad line: status" "$status" 1
like "cat says why" "$said" "*Invalid argument*"
ok "what stood before it was run" has k
not_ok "what stood behind it was not" has l
refused bash -c "tee '$ctl' <'$work/calls'"
is "tee reports it" "$status" 1
refused dd if="$work/calls" of="$ctl"
is "dd reports it" "$status" 1
refused cp "$work/calls" "$ctl"
is "cp reports it" "$status" 1

# ---- 6, 7: a retry is not run again, and a refusal changes nothing ----
state=$(digest)
refused bash -c "echo 'alloc_pages GFP_NONSENSE 0' >'$ctl'"
refused bash -c "echo '__free_pages nosuchname 0' >'$ctl'"
refused bash -c "printf nonsense >'$ctl'"
is "7 refusals change nothing" "$(digest)" "$state"
before=$(free_pages)
is "6 python's buffered file tries again and again; the good line is run once" "$(py "
f = open(C, 'wb')
try:
    f.write(b'm = alloc_pages GFP_KERNEL 4\nnonsense\nn = alloc_pages GFP_KERNEL 4\n')
    f.flush()
except OSError as e: print(errno.errorcode[e.errno])
try: f.close()
except OSError as e: print(errno.errorcode[e.errno])" | sort -u)" EINVAL
is "6 once" $((before - $(free_pages))) 16
is "6 retries of a first line leave one line in sim/errors" "$(py "
fd = os.open(C, os.O_WRONLY)
print([write(fd, b'nonsense_xyz\n') for _ in range(4)])") $(grep -c '^ *nonsense_xyz$' "$errors")" "['EINVAL', 'EINVAL', 'EINVAL', 'EINVAL'] 1"

# ---- 8: close ----
ok "8 a last line without newline is run by close (printf)" bash -c "/usr/bin/printf 'o = alloc_pages GFP_KERNEL 4' >'$ctl'"
ok "8 it was run" has o
refused bash -c "/usr/bin/printf nonsense >'$ctl'"
is "8 /usr/bin/printf reports what close says" "$status" 1
refused bash -c "printf nonsense >'$ctl'"
is "8 bash does not" "$status" 0
like "8 but the sentence is there" "$(tail -3 "$errors")" "*nonsense*"
is "8 an errno of rule 4 that nobody was told is told by close, once" "$(py "
fd = os.open(C, os.O_WRONLY)
other = os.dup(fd)
print(write(fd, b'# good\nnonsense\n'))
for f in (fd, other):
    try: os.close(f); print('closed')
    except OSError as e: print(errno.errorcode[e.errno])" | xargs)" "7 EINVAL closed"
is "8 the close of another process touches nothing" "$(py "
import subprocess
fd = os.open(C, os.O_RDWR)
os.set_inheritable(fd, True)
os.write(fd, b'q = alloc_pages GFP')
subprocess.run(['true'], close_fds=False)
a = os.read(fd, 100)
print(a, os.write(fd, b'_KERNEL 4\n'), len(os.read(fd, 100)) > 1)")" "b'' 10 True"
exec 3<>"$ctl"
(exec cat <&3) && echo 'r = alloc_pages GFP_KERNEL 4' >&3 && (: >&3) && /bin/true
read -r -u 3 r
exec 3<&-
like "8 a shell's opening, children and >&3" "$r" "[0-9]*"

# ---- 9 to 12: reading ----
is "11 what was asked for, in order, then the end of file" "$(py "
fd = os.open(C, os.O_RDWR)
os.write(fd, b's = alloc_pages GFP_KERNEL 4\nt = alloc_pages GFP_KERNEL 4\n')
one = b''
while True:
    b = os.read(fd, 1)
    if not b: break
    one += b
print(one.count(b'\n'), one.endswith(b'\n'), os.read(fd, 100))")" "2 True b''"
is "11 O_RDONLY reads nothing" "$(cat "$ctl")" ""
is "11 results belong to the open file" "$(py "
a, b = os.open(C, os.O_RDWR), os.open(C, os.O_RDWR)
os.write(a, b'u = alloc_pages GFP_KERNEL 4\n')
print(os.read(b, 100), os.read(a, 100) != b'')")" "b'' True"
is "12 beyond 1 MiB the oldest results go" "$(py "
fd = os.open(C, os.O_RDWR)
pair = b'v = alloc_pages GFP_KERNEL 0\n__free_pages v 0\n'
for _ in range(12): os.write(fd, pair * 20000)
all = b''
while True:
    b = os.read(fd, 1 << 20)
    if not b: break
    all += b
import re
print(len(all) <= (1 << 20) + 100, bool(re.match(rb'# \d+ results dropped\n', all)) or len(all) < (1 << 20))")" "True True"
like "sim/last" "$(cat "$mnt/sim/last")" "?*"

# ---- 13: whole lines of many writers ----
: >"$work/writers"
for w in 0 1 2 3 4 5 6 7; do
    (for i in $(seq 40); do echo "w$w.$i = alloc_pages GFP_KERNEL 0"; done | dd bs=100 of="$ctl" status=none || echo bad >>"$work/writers") &
done
wait
is "13 nobody was refused" "$(cat "$work/writers")" ""
is "13 every line was run, once" "$(for w in 0 1 2 3 4 5 6 7; do for i in $(seq 40); do has "w$w.$i" && echo; done; done | wc -l)" 320

# ---- 14: forms of lines ----
ok "14 CR LF" bash -c "printf 'x = alloc_pages GFP_KERNEL 4\r\n' >'$ctl'"
ok "14 it was run" has x
is "14 NUL" "$(py "print(write(os.open(C, os.O_WRONLY), b'alloc_pages\0 GFP_KERNEL\n'))")" EINVAL
is "14 blank lines and comments give no result" "$(py "
fd = os.open(C, os.O_RDWR)
os.write(fd, b'\n   \n# a comment\n\t\n')
print(os.read(fd, 100))")" "b''"
is "14 strict refuses what follows a refused line" "$(py "
fd = os.open(C, os.O_WRONLY)
os.write(fd, b'strict\n')
print(write(fd, b'nonsense\n'), write(fd, b'y = alloc_pages GFP_KERNEL 4\n') != 29)")" "EINVAL True"
not_ok "14 it was not run" has y

# ---- all kinds of rubbish ----
head -c 1048576 /dev/urandom >"$work/rubbish"
refused bash -c "cat '$work/rubbish' >'$ctl'"
head -c 1048576 /dev/zero | tr '\0' a >"$work/long"
refused bash -c "cat '$work/long' >'$ctl'"
ok "the daemon lives" grep -q Node "$mnt/proc/buddyinfo"
stop
finish
