#!/bin/bash
# SPDX-License-Identifier: MIT
# malloc of 10 MB is not memory yet (malloc 10MB, 边写边拿, 缺页, 零页): addresses are given at once, pages only when they
# are touched; what is only read costs no page at all; and a process may have more addresses than the machine has RAM.
. "$(dirname "$0")/lesson.sh"
fresh ram=512M
mkdir "$sim/tasks/hog" || must "a process can be made" false
status=$sim/tasks/hog/status
vm() { awk -v k="$1:" '$1 == k { print $2 }' "$status"; }
faults() { awk '{ print $10 }' "$sim/tasks/hog/stat"; }
page_of() { sed -n 's/^physical *//p' "$sim/tasks/hog/walk/$1"; }

title "1. Ten megabytes of addresses"
say "(Pages on a CPU's own list count as free nowhere: they are given back before each look at MemFree.)"
act drain_all_pages
size=$(vm VmSize) rss=$(vm VmRSS) free=$(kb MemFree)
act -p hog buf = mmap NULL 10M rw-p
buf=${got%% *}
see grep -E '^(VmSize|VmRSS|RssAnon)' "$status"
must "VmSize grew by 10240 kB" [ $(($(vm VmSize) - size)) = 10240 ]
must "VmRSS did not grow" [ "$(vm VmRSS)" = "$rss" ]
must "the machine has given nothing for it but what the kernel notes of it" [ $((free - $(kb MemFree))) -lt 64 ]
must "maps shows the range" grep -q "^${buf#0x}-" "$sim/tasks/hog/maps"
say "This is what malloc(10 MB) does: it calls mmap and gives the address back. Nothing lies there yet:"
see cat "$sim/tasks/hog/walk/buf"
must "the page tables have nothing at this address" grep -q '^fault' "$sim/tasks/hog/walk/buf"

title "2. One byte is written: one page comes"
before=$(faults)
act -p hog store buf 0x2a 1
must "the store took one minor fault" grep -q 'fault=minor' <<<"$got"
must "minflt counts it" [ $(($(faults) - before)) = 1 ]
must "VmRSS is one page (4 kB) larger" [ $(($(vm VmRSS) - rss)) = 4 ]
see cat "$sim/tasks/hog/walk/buf"
act -p hog load buf 1
must "the second access finds the page: no fault" no grep -q 'fault=' <<<"$got"

title "3. All of it is written"
act -p hog touch buf 10M w
must "2559 further pages took 2559 faults" [ $(($(faults) - before)) = 2560 ]
must "now the ten megabytes are memory" [ $(($(vm VmRSS) - rss)) = 10240 ]
act drain_all_pages
must "and the machine has that much less" [ $((free - $(kb MemFree))) -ge 10240 ]

title "4. What is only read shares one page of zeroes (零页)"
rss=$(vm VmRSS)
act -p hog zeroes = mmap NULL 1M rw-p
act -p hog touch zeroes 1M r
must "256 reads took 256 faults" grep -q 'minor=256' <<<"$got"
must "but no memory" [ "$(vm VmRSS)" = "$rss" ]
first=$(page_of zeroes) second=$(page_of zeroes+4K)
must "two addresses, one physical page" [ "$first" = "$second" ]
act -p hog store zeroes 1 1
must "the first write gets a page of its own" [ "$(page_of zeroes)" != "$second" ]

title "5. More addresses than RAM"
say "The machine has 512 MB. The process asks for 2 GB, and says that it will not use them all (MAP_NORESERVE)."
act -p hog big = mmap NULL 2G rw-p MAP_PRIVATE+MAP_ANONYMOUS+MAP_NORESERVE
must "it has them" [ "$(vm VmSize)" -gt 2000000 ]
act -p hog touch big+1G 4K w
must "and pays for the page that it touches" [ $(($(vm VmRSS) - rss)) = 8 ]

title "6. Giving back"
act -p hog munmap buf 10M
must "RSS is small again" [ "$(vm VmRSS)" -lt $((rss - 10000)) ]
rmdir "$sim/tasks/hog"
act drain_all_pages
must "when the process has ended, all is as it was" [ $((free - $(kb MemFree))) -lt 1024 ]
must "everything adds up" [ "$(cat "$sim/check")" = ok ]
