#!/bin/bash
# SPDX-License-Identifier: MIT
# GFP flags (分配标志): who gets a page from which zone (内存区域) and from which kind of block (迁移类型 migratetype).
. "$(dirname "$0")/lesson.sh"
fresh ram=1G

# Zone and migratetype of the page that a name holds.
where() { awk '$1 == "zone" { z = $2 } $1 == "pageblock" { t = $NF } END { print z, t }' "$sim/page/$1"; }
has_zone() { [ "$(zone "$1" managed)" -gt 0 ] 2>/dev/null; }

title "1. The flags name a zone, as the highest one that will do"
say "A driver whose device reaches only the first 16 MiB asks with GFP_DMA. The kernel itself needs memory that it has" \
    "an address for: GFP_KERNEL. A process's page may lie anywhere, since page tables map it: GFP_HIGHUSER_MOVABLE."
highest=Normal
has_zone Normal || highest=DMA32
has_zone "$highest" || highest=DMA
top=$highest
has_zone HighMem && top=HighMem
act d = alloc_pages GFP_DMA 0
act k = alloc_pages GFP_KERNEL 0
act u = alloc_pages GFP_HIGHUSER_MOVABLE 0
for name in d k u; do
    printf '    %s: %s\n' $name "$(where $name)"
done
if has_zone DMA; then
    must "GFP_DMA is given from DMA" [ "$(where d | cut -d' ' -f1)" = DMA ]
fi
must "GFP_KERNEL is given from $highest" [ "$(where k | cut -d' ' -f1)" = $highest ]
must "GFP_HIGHUSER_MOVABLE is given from $top" [ "$(where u | cut -d' ' -f1)" = $top ]

title "2. The flags also name a kind of block (迁移类型: 不可移动, 可移动, 可回收)"
say "Pages that cannot be moved would be spread over all of memory and break every large block. So memory is cut into" \
    "pageblocks, each of one kind: Unmovable for the kernel's own data, Movable for processes' pages, Reclaimable for" \
    "caches that can be dropped."
act r = alloc_pages GFP_KERNEL+__GFP_RECLAIMABLE 0
must "GFP_KERNEL is Unmovable" [ "$(where k)" = "$highest Unmovable" ]
must "GFP_HIGHUSER_MOVABLE is Movable" [ "$(where u)" = "$top Movable" ]
must "__GFP_RECLAIMABLE is Reclaimable" [ "$(where r)" = "$highest Reclaimable" ]
say "After boot every block was Movable. The first unmovable page took a whole block for its kind (stealing, 偷取," \
    "from the largest block of another kind), so that the next ones have a place beside it:"
see grep -A 8 'Number of blocks' "$proc/pagetypeinfo"
unmovable=$(awk -v z=$highest '/^Number/ { on = 1 } on && $4 == z { n += $5 } END { print n }' "$proc/pagetypeinfo")
must "$highest has a block of kind Unmovable now" [ "${unmovable:-0}" -ge 1 ]

title "3. When a zone is used up, the next lower one helps; never a higher one"
say "The zones are tried from the preferred one downwards (zonelist). So a process may get memory that the kernel could" \
    "use, but the kernel never gets HighMem, and nobody but GFP_DMA's callers begins with DMA."
fresh ram=1G
act q.0- = alloc_pages GFP_HIGHUSER_MOVABLE 3
last=q.$((${got%% *} - 1))
printf '    the first: %s\n    the last:  %s\n' "$(where q.0)" "$(where "$last")"
must "the first lies in $top" [ "$(where q.0 | cut -d' ' -f1)" = $top ]
if [ "$(awk '$1 == "managed" && $2 > 0' "$proc/zoneinfo" | wc -l)" -gt 1 ] && [ ! -d "$sys/devices/system/node/node1" ]; then
    must "the last lies in a lower zone" [ "$(where "$last" | cut -d' ' -f1)" != $top ]
    say "Not everything was given: each zone keeps something for those who cannot go elsewhere (lesson 4). So a request of" \
        "the kernel itself still succeeds:"
    act k = alloc_pages GFP_KERNEL 0
    act __free_pages k
fi
act __free_pages q.0-
if has_zone HighMem; then
    untouched=$(zone HighMem free)
    act r.0- = alloc_pages GFP_KERNEL 3
    must "GFP_KERNEL took nothing of HighMem, though it ended with ENOMEM" [ "$(zone HighMem free)" = "$untouched" ]
    act __free_pages r.0-
fi

if grep -q CMA "$proc/pagetypeinfo" && [ ! -d "$sys/devices/system/node/node1" ]; then
    title "4. CMA: the landlord and his tenants (CMA 房东与租客)"
    say "A device will need a large contiguous piece later. Until then its area is lent, but only to pages that can be" \
        "moved away again: the device is the landlord (房东), movable pages are the tenants (租客). They move in when more" \
        "than half of the zone's free memory is in the area."
    fresh ram=512M cma=256M
    see grep Cma "$proc/meminfo"
    act u = alloc_pages GFP_HIGHUSER_MOVABLE 4
    must "the movable pages are tenants of the area" [ "$(where u | cut -d' ' -f2)" = CMA ]
    act k = alloc_pages GFP_KERNEL 4
    must "the kernel's own are not" [ "$(where k | cut -d' ' -f2)" = Unmovable ]
    must "CmaFree fell by 64 kB" [ "$(kb CmaFree)" = $(($(kb CmaTotal) - 64)) ]
fi

title "5. What is refused"
refused alloc_pages GFP_KERNEL 20
must "it says which orders there are" grep -q 'from 0 to' <<<"$got"
refused alloc_pages GFP_KERNAL 0
must "it names the nearest flag" grep -q 'GFP_KERNEL' <<<"$got"
