#!/bin/bash
# SPDX-License-Identifier: MIT
# How files behave for real clients: entries, types, sizes, reads of all kinds, refusals, many at once.
. "$(dirname "$0")/lib.sh"
start
python=$(command -v /usr/bin/python3 || command -v python3) || skip_all "python3 is missing"

# ---- directories ----
is "every name is listed with its type, that of stat, and . and .. come first" "$($python - "$mnt" <<'PY'
import ctypes, os, stat, sys
libc = ctypes.CDLL(None, use_errno=True)
class Dirent(ctypes.Structure):
    _fields_ = [("ino", ctypes.c_ulong), ("off", ctypes.c_long), ("reclen", ctypes.c_ushort),
                ("type", ctypes.c_ubyte), ("name", ctypes.c_char * 256)]
libc.opendir.restype = libc.readdir.restype = ctypes.c_void_p
libc.readdir.argtypes = libc.closedir.argtypes = [ctypes.c_void_p]
bad = seen = 0
todo = [sys.argv[1].encode()]
while todo:
    path = todo.pop()
    handle = libc.opendir(path)
    names = []
    while True:
        entry = libc.readdir(handle)
        if not entry:
            break
        entry = ctypes.cast(entry, ctypes.POINTER(Dirent)).contents
        names.append(entry.name)
        mode = os.lstat(path + b"/" + entry.name).st_mode
        seen += 1
        if stat.S_IFMT(mode) >> 12 != entry.type:
            bad += 1
            print("type of", path, entry.name, entry.type)
        if entry.type == 4 and entry.name not in (b".", b".."):
            todo.append(path + b"/" + entry.name)
    libc.closedir(handle)
    if names[:2] != [b".", b".."]:
        bad += 1
        print("first names of", path, names[:3])
    if len(names) != len(set(names)):
        bad += 1
        print("names twice in", path)
print("good" if seen > 50 and not bad else f"bad {seen}")
PY
)" good
is "os.scandir agrees" "$($python -c 'import os, sys; print(sorted(e.name for e in os.scandir(sys.argv[1]) if e.is_dir()))' "$mnt")" \
    "$(cd "$mnt" && $python -c 'import glob; print(sorted(d[:-1] for d in glob.glob("*/")))')"

# ---- attributes ----
is "/proc files show size 0" "$(stat -c %s "$mnt/proc/meminfo")" 0
is "/sys files show size 4096" "$(stat -c %s "$mnt/sys/devices/system/cpu/online")" 4096
is "everything belongs to who mounted" "$(stat -c %u "$mnt/proc/meminfo")" "$(id -u)"
is "the same place has the same inode number" "$(stat -c %i "$mnt/sim/ctl")" "$(stat -c %i "$mnt/sim/ctl")"
is "df sees no blocks, as of procfs" "$(stat -f -c %b "$mnt")" 0
ok "touch" touch "$mnt/proc/sys/vm/swappiness"
not_ok "chmod" chmod 777 "$mnt/proc/meminfo"
not_ok "chown" chown 1 "$mnt/proc/meminfo"

# ---- refusals in Linux's words ----
refused bash -c "echo x > $mnt/proc/nosuch"
like "making a file in proc" "$said" "*No such file or directory*"
refused bash -c "echo x > $mnt/sys/nosuch"
like "making a file in sys" "$said" "*Permission denied*"
refused mkdir "$mnt/proc/nosuch"
is "mkdir in proc" "$status" 1
refused rm -f "$mnt/proc/meminfo"
like "removing a file of proc" "$said" "*Operation not permitted*"
refused mv "$mnt/proc/meminfo" "$mnt/proc/x"
is "renaming" "$status" 1
refused cat "$mnt/proc"
like "reading a directory" "$said" "*Is a directory*"
is "ioctl is ENOTTY" "$($python -c '
import fcntl, errno, sys
try: fcntl.ioctl(open(sys.argv[1]), 0x5401, b" " * 64)
except OSError as e: print(errno.errorcode[e.errno])' "$mnt/proc/meminfo")" ENOTTY
is "a shared mapping is refused" "$($python -c '
import ctypes, errno, os, sys
libc = ctypes.CDLL(None, use_errno=True)
libc.mmap.restype = ctypes.c_long
libc.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int, ctypes.c_int, ctypes.c_int, ctypes.c_long]
print(libc.mmap(None, 4096, 1, 1, os.open(sys.argv[1], os.O_RDONLY), 0), errno.errorcode[ctypes.get_errno()])' "$mnt/proc/kpageflags")" "-1 ENODEV"

# ---- reads ----
f=$mnt/proc/zoneinfo
is "one byte a read" "$(dd if="$f" bs=1 2>/dev/null | cksum)" "$(cksum <"$f")"
is "seven bytes a read" "$(dd if="$f" bs=7 2>/dev/null | cksum)" "$(cksum <"$f")"
is "with O_NONBLOCK" "$(dd if="$f" iflag=nonblock bs=512 2>/dev/null | cksum)" "$(cksum <"$f")"
is "with O_DIRECT" "$(dd if="$f" iflag=direct bs=4096 2>/dev/null | cksum)" "$(cksum <"$f")"
is "bash's read, line by line" "$(while IFS= read -r line; do printf '%s\n' "$line"; done <"$f" | cksum)" "$(cksum <"$f")"
is "python, mapfile, cp" "$($python -c 'import sys; sys.stdout.write(open(sys.argv[1]).read())' "$f" | cksum; mapfile -t l <"$f"; printf '%s\n' "${l[@]}" | cksum; cp "$f" "$work/copy"; cksum <"$work/copy")" \
    "$(cksum <"$f"; cksum <"$f"; cksum <"$f")"
is "one read(2) of 64 KiB gets all" "$($python -c '
import os, sys
fd = os.open(sys.argv[1], os.O_RDONLY)
a = os.read(fd, 65536)
print(len(a) > 1000 and os.read(fd, 65536) == b"")' "$f")" True
is "a read at 0 after a seek is fresh" "$($python -c '
import os, sys
m = sys.argv[1]
fd = os.open(m + "/proc/sys/vm/swappiness", os.O_RDWR)
a = os.read(fd, 100)
os.lseek(fd, 0, 0)
open(m + "/proc/sys/vm/swappiness", "w").write("17\n")
print(a != b"17\n", os.read(fd, 100))' "$mnt")" "True b'17\n'"
is "kpageflags by offset" "$(dd if="$mnt/proc/kpageflags" bs=8 skip=16 count=1 2>/dev/null | wc -c)" 8

# ---- many at once, and some killed in the middle ----
before=$(cksum <"$mnt/proc/zoneinfo")
for i in 1 2 3 4 5 6 7 8; do
    (for _ in $(seq 60); do cat "$mnt/proc/zoneinfo" "$mnt/proc/meminfo" "$mnt/proc/vmstat"; done | cksum >"$work/many.$i") &
done
for i in 1 2 3 4 5 6; do
    timeout -s KILL 0.2 sh -c "while :; do cat $mnt/proc/zoneinfo; echo '#' > $mnt/sim/ctl; done" >/dev/null 2>&1 &
done
wait 2>/dev/null
is "eight readers at once see the same" "$(sort -u "$work"/many.* | wc -l)" 1
is "the machine is as it was" "$(cksum <"$mnt/proc/zoneinfo")" "$before"
stop
finish
