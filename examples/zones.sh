#!/bin/bash
# SPDX-License-Identifier: MIT
# Zones (内存区域 DMA, Normal, HighMem): one kernel on three machines. Why DMA (DMA引擎的缺陷), why HighMem (高端内存、
# 低端内存, 896 MB): zones are about physical memory (物理内存), and about who can reach it.
. "$(dirname "$0")/lesson.sh"
if ! grep -q 'HighMem' "$proc/zoneinfo" || [ "$(zone DMA spanned)" != 4095 ]; then
    say "This lesson needs a 32-bit PC: simmfs pc-i386 MOUNTPOINT. Nothing was done."
    exit 0
fi

table() {
    printf '    %-8s %10s %10s %12s\n' zone 'from MiB' 'to MiB' 'pages present'
    local z start
    for z in DMA Normal HighMem; do
        start=$(awk -v z=$z '/^Node/ { on = ($4 == z) } on && $1 == "start_pfn:" { print $2 }' "$proc/zoneinfo")
        printf '    %-8s %10d %10d %12d\n' $z $((${start:-0} / 256)) $(((${start:-0} + $(zone $z spanned)) / 256)) "$(zone $z present)"
    done
}

title "1. A machine with 512 MiB: the kernel reaches everything"
fresh ram=512M
table
say "A 32-bit kernel has 1 GiB of addresses of its own (the upper quarter of 4 GiB; the rest is the process's)." \
    "Most of it maps physical memory one to one: address = physical address + 0xc0000000. What is mapped so is" \
    "low memory (低端内存). 512 MiB fit in, so HighMem is empty."
must "HighMem has no page" [ "$(zone HighMem present)" = 0 ]
must "DMA ends at 16 MiB" [ $(($(zone DMA spanned) / 256 + 1)) = 16 ]
say "Zone DMA is not about the CPU at all. The ISA bus's DMA controller (DMA引擎) has 24 address lines; it cannot" \
    "reach beyond 16 MiB. So these first 16 MiB are kept apart for those who must have them (GFP_DMA)."

title "2. A machine with 2 GiB: what does not fit is HighMem (高端内存)"
fresh ram=2G
table
say "The kernel's gigabyte also has to hold vmalloc's area, kmap's and fixmap's. What remains for the one-to-one map" \
    "is less than 896 MiB. Memory above that has no address in the kernel until it is mapped (kmap)."
low=$((($(zone DMA spanned) + $(zone Normal spanned) + 1) / 256))
must "low memory ends below 896 MiB: at $low" [ $low -le 896 ]
must "HighMem has more pages than Normal" [ "$(zone HighMem present)" -gt "$(zone Normal present)" ]
act page = alloc_pages GFP_HIGHUSER_MOVABLE 0
see cat "$sim/page/page"
must "a page for a process comes from HighMem" grep -q HighMem "$sim/page/page"
act __free_pages page 0
act page = alloc_pages GFP_KERNEL 0
must "a page for the kernel does not" no grep -q HighMem "$sim/page/page"
act __free_pages page 0

title "3. A machine with 4 GiB: not all of it is there"
fresh ram=4G
table
say "Below 4 GiB some addresses belong to devices, so part of the RAM is moved above 4 GiB by the chipset. This kernel's" \
    "page tables hold 32-bit physical addresses, so it cannot use that part: the firmware tells of it (the last usable" \
    "range below), but proc/iomem ends before it. A PAE kernel can use it (pc-i386-pae)."
see grep 'BIOS-e820.*usable' "$sim/dmesg"
see cat "$proc/iomem"
must "the kernel has less than 4 GiB" [ "$(kb MemTotal)" -lt $((4 * 1024 * 1024)) ]
must "low memory is as small as with 2 GiB" [ $((($(zone DMA spanned) + $(zone Normal spanned) + 1) / 256)) = $low ]
say "" "More RAM makes only HighMem larger. Kernel data must lie in low memory (struct page itself: one of 32 to 64 bytes" \
    "for every page of RAM), so on such machines Normal runs out while HighMem is free. This is why it ended with 64-bit."
