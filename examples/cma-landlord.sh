#!/bin/bash
# SPDX-License-Identifier: MIT
# Machine: arm64-virt
# The landlord comes home (连续内存 CMA, 房东 landlord, 租客 tenant, 迁移 migration, 固定 pin): memory kept for a device is lent to
# movable pages; when the device wants it, they move out; who cannot leave, and how to see it.
. "$(dirname "$0")/lesson.sh"
fresh ram=192M cma=64M
area=$sim/cma/reserved debug=$sys/kernel/debug/cma/reserved
vm() { awk -v k="$1" '$1 == k { print $2 }' "$proc/vmstat"; }
tenants() { sed -n 's/.* \([0-9]*\) tenants.*/\1/p' "$area/tenants"; }

title "1. An area of 64 MiB, kept together since boot"
see grep 'cma: Reserved' "$sim/dmesg"
see grep Cma "$proc/meminfo"
must "all of it is free" [ "$(kb CmaFree)" = 65536 ]
must "and counts as free memory: it is lent out" [ "$(kb MemFree)" -gt 65536 ]

title "2. What may live there: only what can move"
act k.0-199 = alloc_page GFP_KERNEL
must "the kernel's own pages never go there" [ "$(kb CmaFree)" = 65536 ]
mkdir "$sim/tasks/hog" || must "a process can be made" false
act -p hog buf = mmap NULL 150M rw-p
act spare.0-1499 = alloc_pages GFP_KERNEL 1
say "A program uses memory, 4 MiB at a time. The area is spared until the other free pages are as few as its own:"
used=0
while [ "$(kb CmaFree)" -gt 4096 ]; do
    call -p hog touch buf+$((used))M 4M w >/dev/null || break
    used=$((used + 4))
    [ $((used % 16)) = 0 ] && printf '    %3d MiB used  MemFree %6d kB  CmaFree %6d kB\n' $used "$(kb MemFree)" "$(kb CmaFree)"
done
must "the area is all but full of tenants" [ "$(kb CmaFree)" -le 4096 ]
act __free_pages 'spare.0-1499'
say "Who they are, Linux does not tell; here it can be read:"
see head -n 4 "$area/tenants"
must "all of them could leave" grep -q 'of whom 0 cannot leave' "$area/tenants"

title "3. The landlord comes home: cma_alloc"
act -p hog store buf 0x2a
migrated=$(vm pgmigrate_success) before=$(tenants)
act dma = cma_alloc reserved 1024
must "1024 pages side by side" [ "$(cat "$debug/used")" = 1024 ]
must "for which hundreds of tenants moved" [ $(($(vm pgmigrate_success) - migrated)) -gt 500 ]
must "so there are fewer now" [ "$(tenants)" -lt "$before" ]
act -p hog load buf
must "none of them noticed" [ "${got%% *}" = 0x2a ]
see grep cma_alloc "$proc/vmstat"
see cat "$sys/kernel/mm/cma/reserved/alloc_pages_success"
act cma_release reserved dma
act drain_all_pages
must "released, it is lent again" [ "$(cat "$debug/used")" = 0 ]

title "4. Who would not leave: a page that is pinned"
say "A device knows a page by its physical address (pin_user_pages, as for O_DIRECT): it must stay where it is."
tenant=$(sed -n 's/.* (hog) at \(0x[0-9a-f]*\).*/\1/p' "$area/tenants" | head -n 1)
act -p hog pinned = pin_user_pages "$tenant" 4K FOLL_WRITE
blocker=${got%% *}
see cat "$area/blockers"
must "the blocker has a name and a reason" grep -q '(hog).*pinned' "$area/blockers"
refused cma_alloc reserved 16384
must "the whole area cannot be had (EBUSY)" grep -q EBUSY <<<"$got"
see sed -n '/alloc failed/p; /number of available/p' "$sim/dmesg"
act some = cma_alloc reserved 1536 9
must "a run without that page can: the next ranges were tried, up to one behind it" [ $((${got%% *})) -gt $((blocker)) ]
act cma_release reserved some
act -p hog unpin_user_page pinned
must "without the pin nobody is in the way" grep -q 'of whom 0 cannot leave' "$area/blockers"

title "5. A pin for long is another matter: first the page moves out"
pfn() { sed -n 's/^physical *//p' "$sim/tasks/hog/walk/$tenant"; }
tenant=$(sed -n 's/.* (hog) at \(0x[0-9a-f]*\).*/\1/p' "$area/tenants" | head -n 1)
was=$(pfn)
act -p hog ring = pin_user_pages "$tenant" 4K FOLL_WRITE+FOLL_LONGTERM
must "it has another physical address" [ "$(pfn)" != "$was" ]
must "which is not the area's" no grep -q pinned "$area/blockers"
act -p hog unpin_user_page ring

title "6. When the tenants have nowhere to go"
rest=$(kb MemFree)
refused cma_alloc reserved 16384
must "so many tenants find no place: ENOMEM (MemFree was $rest kB)" grep -q ENOMEM <<<"$got"
refused cma_alloc reserved 17000
must "and more than the area has is ENOMEM at once" grep -q 'the whole area' <<<"$got"
rmdir "$sim/tasks/hog"
act all = cma_alloc reserved 16384
must "with the tenants gone, all 64 MiB are one run" [ "$(kb CmaFree)" = 0 ]
act cma_release reserved all
must "everything adds up" [ "$(cat "$sim/check")" = ok ]
