#!/bin/bash
# SPDX-License-Identifier: MIT
# mm_struct, vm_area_struct and /proc/PID/maps (内存映射, VMA, 拆分与合并): what a process's memory consists of, and how
# mappings are cut and joined as protections change.
. "$(dirname "$0")/lesson.sh"
fresh ram=512M
mkdir "$sim/tasks/demo" || must "a process can be made" false
maps=$sim/tasks/demo/maps
lines() { grep -c "^2[0-9a-f]*-2[0-9a-f]* " "$maps"; }
mine() { grep "^2[0-9a-f]*-2[0-9a-f]* " "$maps" | sed 's/^/    /'; }

title "1. A fresh process"
see cat "$maps"
must "its program: code that can be read and executed, not written" grep -q 'r-xp .*/bin/demo' "$maps"
must "its data: read and written, not shared" grep -q 'rw-p .*/bin/demo' "$maps"
must "a stack" grep -q '\[stack\]' "$maps"
say "Each line is one struct vm_area_struct: from, to, rights (p: private, s: shared), offset in the file, device, inode, name."

title "2. The heap grows and shrinks with brk"
act -p demo heap = brk
act -p demo brk heap+128K
must "there is a heap now" grep -q '\[heap\]' "$maps"
act -p demo brk heap
must "and now there is none" no grep -q '\[heap\]' "$maps"

title "3. Neighbours that are alike become one"
act -p demo mmap 0x20000000 64K rw-p MAP_PRIVATE+MAP_ANONYMOUS+MAP_FIXED
act -p demo mmap 0x20010000 64K rw-p MAP_PRIVATE+MAP_ANONYMOUS+MAP_FIXED
mine
must "two calls, one mapping" [ "$(lines)" = 1 ]
act -p demo mmap 0x20020000 64K r--p MAP_PRIVATE+MAP_ANONYMOUS+MAP_FIXED
must "other rights: a mapping of its own" [ "$(lines)" = 2 ]

title "4. mprotect cuts, and joins again"
act -p demo mprotect 0x20008000 32K r--
mine
must "read-only in the middle: one became three (and there is the other one)" [ "$(lines)" = 4 ]
act -p demo mprotect 0x20008000 32K rw-
must "the same rights again: joined" [ "$(lines)" = 2 ]

title "5. munmap makes a hole"
act -p demo munmap 0x20010000 4K
mine
must "a hole cuts one mapping into two" [ "$(lines)" = 3 ]
refused -p demo load 20010000
act -p demo mmap 0x20010000 4K rw-p MAP_PRIVATE+MAP_ANONYMOUS+MAP_FIXED
must "filled with the same kind: joined on both sides" [ "$(lines)" = 2 ]

title "6. A file"
act create /data 64K pattern
act -p demo fd = open '"/data"' O_RDONLY
act -p demo m = mmap NULL 64K r--p MAP_PRIVATE fd
see grep /data "$maps"
must "the mapping tells the file" grep -q '/data$' "$maps"
act -p demo load m+8 8
must "its bytes are the file's" [ "$((${got%% *} & 0xffff))" = 8 ]

title "7. The sum"
see grep -E '^(VmPeak|VmSize|VmRSS|VmData|VmStk|VmExe|VmPTE)' "$sim/tasks/demo/status"
sum=$(awk '{ split($1, r, "-"); print r[1], r[2] }' "$maps" | while read -r from to; do echo $((0x$to - 0x$from)); done | awk '{ n += $1 } END { print n / 1024 }')
must "VmSize is the sum of the mappings" [ "$(awk '/^VmSize/ { print $2 }' "$sim/tasks/demo/status")" = "$sum" ]
rmdir "$sim/tasks/demo"
must "everything adds up" [ "$(cat "$sim/check")" = ok ]
