#!/bin/bash
# SPDX-License-Identifier: MIT
# Before the MMU is on (MMU使能之前): the CPU sees physical addresses. Boot writes tables into memory: the fixmap for what
# it must see at once, the direct map of low memory, the identity map for the moment of the switch. Then it switches.
. "$(dirname "$0")/lesson.sh"
fresh ram=1G
if [ -e "$sim/cpu0/registers" ] && ! grep -q '^paging *x86 two-level' "$sim/cpu0/registers"; then
    say "This lesson needs a 32-bit PC without PAE: simmfs pc-i386 MOUNTPOINT. Nothing was done."
    exit 0
fi

# The 4 bytes at physical address $1, by hand.
peek() { printf '0x%x' "0x$(dd if="$MNT/dev/mem" bs=4 count=1 skip=$(($1 / 4)) 2>/dev/null | od -An -t x4 | tr -d ' ')"; }
walk() { sed -n "s/^$2 *//p" "$sim/walk/$1"; }
# On which line of the log is it?
line() { grep -n -m1 "$1" "$sim/dmesg" | cut -d: -f1; }
# The number behind words of the log.
told() { printf '%d' "$(sed -n "s/.*$1 \(0x[0-9a-f]*\).*/\1/p" "$sim/dmesg" | head -1)"; }
hex() { printf '0x%x' "$1"; }

title "1. What the log tells"
see grep -E 'MMU|Fixmap|page tables|map( at|:)' "$sim/dmesg"
must "first the MMU is off, last it is on" [ "$(line 'MMU off')" -lt "$(line 'Fixmap:')" ]
must "the fixmap is there before the direct map" [ "$(line 'Fixmap:')" -lt "$(line 'Direct map:')" ]
must "and both before the switch" [ "$(line 'Direct map:')" -lt "$(line 'MMU on')" ]
pgd=$(told 'swapper_pg_dir at') idmap=$(told 'Identity map at')

title "2. A CPU without its MMU"
echo 0 >"$sim/cpu0/mmu"
see grep -E '^(paging|cr0)' "$sim/cpu0/registers"
must "bit 31 of cr0 (PG) is clear" [ $(($(awk '$1 == "cr0" { print $2 }' "$sim/cpu0/registers") >> 31)) = 0 ]
say "An address is now what goes out on the bus. The entry for 0xc0000000 in the kernel's top table (页表也在内存里) lies at" \
    "the table's physical address and 0x300 * 4:"
act load "$(hex $((pgd + 0x300 * 4)))"
must "the CPU reads what lies there in RAM" [ $((${got%% *})) = $(($(peek $((pgd + 0x300 * 4))))) ]
must "without asking a TLB" grep -q 'tlb=off' <<<"$got"
act load c1000000
must "the kernel's own address means nothing: no RAM answers, a PC reads all ones" [ "${got%% *}" = 0xffffffff ]

title "3. With the MMU on it is the other way round"
echo 1 >"$sim/cpu0/mmu"
see grep -E '^(paging|cr0|cr3)' "$sim/cpu0/registers"
act load c1000000
must "0xc1000000 is the first byte of the kernel's code, at 0x1000000" [ "$(walk 0xc1000000 physical)" = 0x1000000 ]
refused load "$(hex $((pgd + 0x300 * 4)))"
must "a physical address is no address any more" grep -q EFAULT <<<"$got"
act load "$(hex $((pgd + 0x300 * 4 + 0xc0000000)))"
must "but 0xc0000000 above it the same entry is read" [ $((${got%% *})) = $(($(peek $((pgd + 0x300 * 4))))) ]

title "4. The moment between: the identity map (恒等映射)"
say "The instruction that sets PG lies at a physical address near 0x1000000; the next one is fetched by a virtual address," \
    "and the program counter has not changed. So for this moment there are tables in which 0x1000000 is 0x1000000."
printf '    identity map: entry 4 is %s\n    swapper_pg_dir: entry 4 is %s, entry 0x304 is %s\n' "$(peek $((idmap + 4 * 4)))" \
    "$(peek $((pgd + 4 * 4)))" "$(peek $((pgd + 0x304 * 4)))"
must "the identity map leads 0x1000000 to itself" [ $(($(peek $((idmap + 4 * 4))) & 0xffc00000)) = $((0x1000000)) ]
must "the kernel's tables have nothing for user addresses" [ "$(peek $((pgd + 4 * 4)))" = 0x0 ]
must "they have the same page 0xc0000000 higher" [ $(($(peek $((pgd + 0x304 * 4))) & 0xffc00000)) = $((0x1000000)) ]

title "5. The direct map (线性映射): low memory, plus a constant"
see cat "$sim/walk/0xd0012345"
must "physical is virtual minus 0xc0000000" [ "$(walk 0xd0012345 physical)" = 0x10012345 ]
must "the entry that the MMU read is the one in RAM" [ "$(peek $((pgd + 0x340 * 4)))" = "$(printf '0x%x' $((0x10000000 | 0x1e3)))" ]
must "user mode may not use it" grep -q '^access.*user ---' "$sim/walk/0xd0012345"
end=$(sed -n 's/.*Direct map: \[mem 0x[0-9a-f]*-\(0x[0-9a-f]*\)\].*/\1/p' "$sim/dmesg")
must "it ends where zone Normal ends" grep -q "Normal  *\[mem .*-0x0*${end#0x}\]" "$sim/dmesg"
act load "$(hex $((end - 3 + 0xc0000000)))"
refused load "$(hex $((end + 1 + 0xc0000000)))"
say "What lies above has no kernel address: high memory (高端内存)."

title "6. The fixmap: addresses that were known when the kernel was compiled"
early=0x$(sed -n 's/.*Fixmap:.* at 0x\([0-9a-f]*\),.*/\1/p' "$sim/dmesg")
say "When the BIOS's tables at 0xf0000 had to be read there was no direct map yet: their pages were put into the fixmap's" \
    "table, which is part of the kernel's image, and taken out again."
see cat "$sim/walk/$early"
must "the table is still there, its entry is empty" grep -q '^fault.*(PTE)' "$sim/walk/$early"
table=$(sed -n 's/^PGD.*-> table \(0x[0-9a-f]*\),.*/\1/p' "$sim/walk/$early")
must "and lies in the image" [ $((table >= 0x1000000 && table < pgd)) = 1 ]
must "today one looks at 0xf0000 through the direct map" [ "$(walk 0xc00f0000 physical)" = 0xf0000 ]
must "kmap's windows (pkmap) have a table that waits for them, too" grep -q '^fault.*(PTE)' "$sim/walk/0xfec00000"

must "all is as it was" [ "$(cat "$sim/check")" = ok ]
