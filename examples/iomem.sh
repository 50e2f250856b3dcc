#!/bin/bash
# SPDX-License-Identifier: MIT
# /proc/iomem (物理地址空间): what lies at which physical address: RAM, the kernel's image, reserved ranges, devices.
. "$(dirname "$0")/lesson.sh"
fresh ram=512M

title "1. The map that the firmware gave (e820, 固件内存图)"
if [ -d "$sys/firmware/memmap" ]; then
    for d in $(ls "$sys/firmware/memmap" | sort -n); do
        printf '    %-12s %12s %12s  %s\n' "$d" "$(cat "$sys/firmware/memmap/$d/start")" "$(cat "$sys/firmware/memmap/$d/end")" \
            "$(cat "$sys/firmware/memmap/$d/type")"
    done
else
    say "This machine has none: its RAM is in the devicetree."
fi

title "2. What the kernel made of it"
see cat "$proc/iomem"
say "RAM is not the only thing with physical addresses: devices answer at theirs. Lines that are indented lie inside" \
    "the line above them."
must "the kernel's code lies inside RAM" \
    awk '/^[0-9a-f]/ { ram = /System RAM/ } /Kernel code/ { found = ram } END { exit !found }' "$proc/iomem"

title "3. RAM in iomem, pages in the zones"
ram=0
while IFS=' -' read -r start end _; do
    # Whole pages only.
    ram=$((ram + ((0x$end + 1) / 4096) - ((0x$start + 4095) / 4096)))
done < <(grep 'System RAM' "$proc/iomem" | grep -v '^ ')
present=$(awk '$1 == "present" { n += $2 } END { print n }' "$proc/zoneinfo")
managed=$(awk '$1 == "managed" { n += $2 } END { print n }' "$proc/zoneinfo")
spanned=$(awk '$1 == "spanned" { n += $2 } END { print n }' "$proc/zoneinfo")
printf '    System RAM in iomem: %8d pages\n    spanned by zones:    %8d\n    present:             %8d\n    managed:             %8d\n' \
    $ram "$spanned" "$present" "$managed"
if [ -d "$sys/firmware/memmap" ]; then
    must "present pages are the RAM of iomem" [ "$present" = $ram ]
else
    say "(On this machine iomem may take firmware's own pieces out of System RAM, which the zones still count.)"
    must "present pages are at least the RAM of iomem" [ "$present" -ge $ram ]
fi
must "zones span holes too" [ "$spanned" -ge "$present" ]
must "managed pages are fewer: the kernel's image, mem_map and what was reserved never reach the allocator" [ "$managed" -lt "$present" ]
must "MemTotal is the managed pages" [ "$(kb MemTotal)" = $((managed * 4)) ]

[ -d "$sys/firmware/memmap" ] || exit 0 # memmap= is a parameter of PCs
title "4. Taking a piece away (memmap=)"
say "A piece of RAM can be kept from the kernel by its command line, to be used by hand later:"
fresh ram=512M 'cmdline=memmap=16M$256M'
see grep -B 2 -A 2 '10000000-' "$proc/iomem"
must "iomem shows it as Reserved" grep -q '10000000-10ffffff : Reserved' "$proc/iomem"
less=$(awk '$1 == "present" { n += $2 } END { print n }' "$proc/zoneinfo")
must "4096 pages fewer are present" [ $((present - less)) = 4096 ]
