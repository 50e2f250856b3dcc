#!/bin/bash
# SPDX-License-Identifier: MIT
# A leak (内存泄漏) is planted and hunted: memory that nobody can free any more, because no pointer to it is left.
# kmemleak (内存泄漏检测) finds objects by looking for pointers to them; page_owner (页的归属) tells who took pages.
. "$(dirname "$0")/lesson.sh"
fresh ram=256M 'cmdline="kmemleak=on page_owner=on"'
leaks=$sys/kernel/debug/kmemleak
owners=$sys/kernel/debug/page_owner
found() { grep -c '^unreferenced object' "$leaks"; }
scan() { echo scan >"$leaks"; }
wait_5s() { echo +6s >"$sim/clock"; }
title "1. Three objects, and who points to whom (指针)"
say "A name of sim/vars is a variable of the kernel: what it holds is a pointer. Here a points to b, and b to c, by words" \
    "that are written into the objects; then the names b and c are forgotten. The chain hangs by a alone."
act a = kmalloc 64
act b = kmalloc 64
act c = kmalloc 64
word=4 # bytes of a pointer
case $got in 0x????????????????\ *) word=8 ;; esac
act store a+16 b $word
act store b+16 c $word
see rm "$sim/vars/b" "$sim/vars/c"

title "2. The scanner finds nothing, since all can be reached (可达)"
say "kmemleak looks at the kernel's data, the stacks and the registers word by word. A word that is the address of an object" \
    "makes it grey, and what is grey is looked through as well. What stays white after that is leaked. Objects younger" \
    "than 5 seconds get time: their pointer may be in a register just now."
wait_5s
scan
scan
must "no leak is reported: a is held by its name, b by a, c by b" [ "$(found)" = 0 ]

title "3. The last pointer goes (种下一个泄漏)"
say "rm of a name forgets what it held, and frees nothing. This is the whole mistake, as it is in a driver that overwrites" \
    "its only pointer. Free memory does not tell: three objects of 64 bytes are less than a page."
see rm "$sim/vars/a"
say "The first scan that finds an object white remembers a checksum of its contents; only when the next scan finds them" \
    "unchanged is it reported, for somebody might be working on it."
scan
must "not yet" [ "$(found)" = 0 ]
scan
must "all three are leaked: what only a leaked object points to is leaked, too" [ "$(found)" = 3 ]
see cat "$leaks"
must "each came from kmalloc, which the backtrace says" [ "$(grep -c ' kmalloc+0x' "$leaks")" = 3 ]
must "the log says it as well" grep -q '3 new suspected memory leaks' "$sim/dmesg"

title "4. Nothing else is reported (不误报)"
say "The kernel's own objects are no leaks: a process is made and ends, and with it come task_struct, mm_struct and others."
mkdir "$sim/tasks/hog" || must "a process is made" false
act d = kmalloc 64
wait_5s
scan
scan
must "three leaks as before: d has a name, the process's objects are the kernel's" [ "$(found)" = 3 ]
rmdir "$sim/tasks/hog" || must "the process ends" false

title "5. Clear: known leaks are not told again (clear)"
echo clear >"$leaks"
scan
must "the list is empty; new leaks will stand out" [ "$(found)" = 0 ]

title "6. Pages: kmemleak does not see them, page_owner does (页的泄漏)"
say "Whole pages from alloc_pages are not tracked by kmemleak. page_owner keeps for every page who took it, when and from" \
    "where. 64 pages are lost here, four at a time, from one place."
act drain_all_pages
before=$(kb MemFree)
act p.0-15 = alloc_pages GFP_KERNEL 2
rm "$sim"/vars/p.*
must "MemFree has fallen by 256 kB at least, and no name is left to free them by" [ $((before - $(kb MemFree))) -ge 256 ]
scan
must "kmemleak reports nothing" [ "$(found)" = 0 ]
say "A sum over the innermost functions names the place (the kernel has tools/mm/page_owner_sort.c for it). Blocks of order 2:"
blame() {
    awk '/^Page allocated via order 2,/ { ours = 1 } /^ / && ours { n[$1]++; ours = 0 } END { for (who in n) print n[who], who }' \
        "$owners" | sort -rn | head -1
}
see blame
must "the most are those that alloc_pages took: 16" [ "$(blame)" = "16 alloc_pages+0x0/0x0" ]
