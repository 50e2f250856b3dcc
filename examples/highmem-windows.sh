#!/bin/bash
# SPDX-License-Identifier: MIT
# High memory (高端内存, 永久映射, 临时映射, 窗口, PKMAP, fixmap): RAM that a 32-bit kernel has no address for, and the windows
# through which it looks at such pages: kmap's, which all share and may run out, and the slots that each CPU has.
. "$(dirname "$0")/lesson.sh"
fresh ram=2G cpus=2
if [ -e "$sim/cpu0/registers" ] && ! grep -q '^paging *x86 two-level' "$sim/cpu0/registers"; then
    say "This lesson needs a 32-bit PC without PAE: simmfs pc-i386 MOUNTPOINT. Nothing was done."
    exit 0
fi
value() { grep -o '0x[0-9a-f]*' "$sim/vars/$1" | head -1; }
pages_in() { echo $((($2 - $1) / 4096)); }
windows() { sed -n "s/^windows.* \([0-9]*\) $1.*/\1/p" "$sim/pkmap"; } # with users | to be | free

title "1. Why there is high memory: one GiB of addresses, two GiB of RAM"
say "User programs have the addresses below 0xc0000000. The kernel's gigabyte must hold a map of all RAM, and from its top" \
    "down (each part begins where a page table does, 4 MiB apart):"
start_of() { sed -n "s/^$1 *[0-9]* *[0-9]*  0x\([0-9a-f]*\)-.*/\1/p" "$sim/fixmap"; }
pkmap=$(sed -n 's/^windows.* at \(0x[0-9a-f]*\)-.*/\1/p' "$sim/pkmap")
vmalloc_end=$((pkmap - 2 * 4096))
printf '    %-44s from 0x%s\n' 'fixed addresses (fixmap)' "$(start_of FIX_WP_TEST)"
printf '    %-44s from 0x%x\n' 'CPU entry areas of 32 CPUs, the LDT' $((pkmap + 4 * 1024 * 1024))
printf '    %-44s from 0x%x\n' "kmap's windows (PKMAP)" "$pkmap"
printf '    %-44s to   0x%x\n' 'vmalloc, ioremap: 128 MiB' "$vmalloc_end"
lowmem=$(((vmalloc_end - 0xc0000000) / 1024 / 1024 - 128))
say "The 896 MB of the books is 1024 - 128: only vmalloc's reserve is taken away. This kernel keeps more at the top:"
must "what remains for the map of RAM is $lowmem MB" grep -q "^.*] ${lowmem}MB LOWMEM available" "$sim/dmesg"
must "that is 875, and not 896" [ "$lowmem" = 875 ]
see grep -E 'LOWMEM|HIGHMEM' "$sim/dmesg"

title "2. A page of high memory has no address"
act p = alloc_page GFP_HIGHUSER
must "it comes from zone HighMem" grep -q zone=HighMem <<<"$got"
must "page_address() is NULL" grep -q '^kernel_address none' "$sim/page/p"
act low = alloc_page GFP_KERNEL
must "a page of low memory has one: 0xc0000000 + its physical address" \
    grep -q "^kernel_address $(printf '0x%x' $((0xc0000000 + ${got%% *} * 4096)))" "$sim/page/low"

title "3. kmap: a window"
act a = kmap p
a=${got%% *}
must "it lies in the PKMAP area, which has 1024 windows of one page each" [ "$(pages_in "$pkmap" "$a")" -lt 1024 ]
act store a 0x2a
act load a
must "the MMU finds the page through the window's entry" grep -q '^PTE.*PRESENT' "$sim/walk/a"
must "now page_address() is the window" grep -q "^kernel_address $a" "$sim/page/p"
act kmap p
must "who maps it again gets the same window, and it has two users" grep -q "^$a .*users=2" <<<"$got"
act kmap low
must "a page of low memory needs no window" grep -q direct_map <<<"$got"
act kunmap p
act kunmap p
must "its count is now 1: nobody uses it, but TLBs may still know it" grep -Eq '^ +1 0x[0-9a-f]+ 0x[0-9a-f]+ +1 +0 ' "$sim/pkmap"
act load a
say "So the window is not given to another page before all TLBs have forgotten it. That is done for all such windows at once," \
    "when the search for a free one has come round: one flush for 1024 windows, instead of one for each."
refused kunmap p
must "one kunmap too many is a bug (the kernel would die)" grep -q 'kernel BUG at mm/highmem.c' "$sim/dmesg"
act kmap_flush_unused
refused load a

title "4. The 1025th kmap waits"
call 'h.0-1024 = alloc_page GFP_HIGHUSER' >"/dev/null"
act 'w.0-1023 = kmap h.0-1023'
must "all 1024 windows have users" [ "$(windows 'with users')" = 1024 ]
say "One more. The write that asks for it does not come back:"
( cat <<<'last = kmap h.1024' >"$sim/ctl" ) &
waiter=$!
for _ in {1..100}; do
    grep -q kunmap "$sim/waiting" && break
    sleep 0.05
done
see grep -o 'a kunmap.*' "$sim/waiting"
must "it waits, and sim/waiting says for what" grep -q 'all 1024 windows of kmap are in use' "$sim/waiting"
act kunmap h.500
must "a kunmap, by anybody, lets it go on" wait $waiter
must "with the window that was given back" [ "$(value last)" = "$(value w.500)" ]
must "for that, everything was flushed once" [ "$(sed -n 's/^flushes *//p' "$sim/pkmap")" -ge 2 ]
call kunmap h.1024 >"/dev/null"

title "5. kmap_atomic, kmap_local_page: a CPU's own slots, and no waiting"
act b = kmap_atomic p KM_USER0
must "the word KM_USER0 chose the slot in old kernels; today it means nothing" grep -q type=ignored <<<"$got"
act c = kmap_local_page h.0
must "the next one is a page below" [ $((${got%% *})) = $(($(value b) - 4096)) ]
act -c 1 d = kmap_local_page h.0
must "CPU 1 has slots of its own" grep -q slot=0 <<<"$got"
see sed -n '/^cpu0/,$p' "$sim/fixmap"
refused kunmap_atomic b
must "slots are a stack: the latest goes first" grep -q 'reverse order' "$sim/errors"
act kunmap_local c
act kunmap_atomic b
refused load b
must "its entry is gone" grep -q '^fault' "$sim/walk/b"
act -c 1 kunmap_local d

title "6. What older kernels left behind"
say "Kernels before 5.11 (i386: early in 2.6) saved that write to the table: kunmap_atomic did nothing."
echo 1 >"$sim/kmap_stale"
act b = kmap_atomic p
act store b 0x11
act kunmap_atomic b
act load b
must "the address still works" [ "${got%% *}" = 0x11 ]
act c = kmap_atomic h.0
act load b
must "until the next mapping: then it shows another page, and nobody notices" [ "${got%% *}" != 0x11 ]
act kunmap_atomic c
echo 0 >"$sim/kmap_stale"
refused load b
say "6.1 clears the entry, so that the mistake is a fault."

call 'kunmap h.0-499' >"/dev/null"
call 'kunmap h.501-1023' >"/dev/null"
must "no window has a user" [ "$(windows 'with users')" = 0 ]
must "everything adds up" [ "$(cat "$sim/check")" = ok ]
