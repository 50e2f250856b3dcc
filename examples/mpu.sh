#!/bin/bash
# SPDX-License-Identifier: MIT
# Machine: cortex-m
# A memory protection unit (内存保护单元 MPU): a machine without MMU, where an address is a physical one, and what can still
# be protected there: regions (区域) with priorities (优先级), a background region (背景区域), kernel and user (特权级与用户级).
. "$(dirname "$0")/lesson.sh"
fresh
if [ -e "$sim/cpu0/registers" ] && [ ! -e "$sim/cpu0/mpu" ]; then
    say "This lesson needs a machine without MMU: simmfs cortex-m MOUNTPOINT. Nothing was done."
    exit 0
fi

hex() { printf '0x%x' "$1"; }
reg() { awk -v r="$1" '$1 == r { print $2 }' "$sim/cpu0/registers"; }
region() { grep "^region $1 " "$sim/cpu0/mpu"; }
# A register of the MPU, written as any program of the kernel does it: it is memory.
write() {
    printf '$ call store %s %s    # %s\n' "$1" "$2" "$3"
    call store "$1" "$2" >/dev/null || must "the register is written" false
}

title "1. An address is what it is (没有地址翻译)"
act page = get_zeroed_page GFP_KERNEL
page=$((${got%% *}))
must "the kernel's address of a page is its page frame number times 4096" [ $(($(sed -n 's/.*pfn=\(0x[0-9a-f]*\).*/\1/p' <<<"$got") << 12)) = $page ]
act store "$(hex $page)" 0x2a
must "dev/mem has the byte at the same address" \
    [ "$(dd if="$MNT/dev/mem" bs=4 count=1 skip=$((page / 4)) 2>/dev/null | od -An -t x4 | tr -d ' ')" = 0000002a ]
must "there are no page tables to walk" no test -e "$sim/walk"

title "2. The regions that the kernel set up at boot"
see cat "$sim/cpu0/mpu"
must "region 4 is RAM, and everybody may do everything in it" grep -q '^region 4 .* kernel rwx, user rwx' "$sim/cpu0/mpu"
act load "$(hex $page)" 4 user
must "so a program can read the kernel's page" [ "${got%% *}" = 0x2a ]
act store "$(hex $page)" 0x2b 4 user
say "and write it: Linux protects nothing from programs here. Regions are few, and powers of two. The hardware could do more:"

title "3. A region of our own: only the kernel (特权级)"
act mpu_setup_region 5 "$(hex $page)" 12 "AP_PL1RW_PL0NA|RGN_NORMAL"
see grep '^region 5' "$sim/cpu0/mpu"
act load "$(hex $page)"
must "the kernel reads" grep -q '^0x2b .*region=5' <<<"$got"
refused load "$(hex $page)" 4 user
must "user mode does not: a MemManage fault" grep -q 'EFAULT.*region 5, MemManage' <<<"$got"
see grep -E '^(cfsr|mmfar)' "$sim/cpu0/registers"
must "cfsr says why: a data access (DACCVIOL), and mmfar is valid" [ $(($(reg cfsr))) = $((0x82)) ]
must "mmfar says where" [ $(($(reg mmfar))) = $page ]
must "no handler of the kernel's waits for it: the end" grep -q 'Unhandled exception: IPSR = 00000004' "$sim/dmesg"

title "4. The higher number wins (优先级)"
say "256 bytes at the page's begin, for the user to read, in region 6; region 5 still has the whole page."
act mpu_setup_region 6 "$(hex $page)" 8 "AP_PL1RW_PL0R0|RGN_NORMAL"
act load "$(hex $((page + 0xfc)))" 4 user
must "region 6 has the address, and so has 5: 6 decides" grep -q 'region=6' <<<"$got"
refused store "$(hex $((page + 0xfc)))" 1 4 user
must "it does not let the user write" grep -q 'region 6.*may not be written' <<<"$got"
refused load "$(hex $((page + 0x100)))" 4 user
must "behind it region 5 decides again" grep -q 'region 5' <<<"$got"
act mpu_setup_region 7 "$(hex $page)" 12 "AP_PL1RW_PL0NA|RGN_NORMAL"
refused load "$(hex $((page + 0xfc)))" 4 user
must "a region 7 over all of it hides both: size does not matter, the number does" grep -q 'region 7' <<<"$got"
write e000ed98 7 "MPU_RNR: the region that is meant"
write e000eda0 0 "MPU_RASR: bit 0 (ENABLE) is 0"
must "region 7 is off" [ "$(region 7 | awk '{ print $3 }')" = off ]

title "5. An eighth can be switched off (子区域)"
act mpu_setup_region 5 "$(hex $page)" 12 "AP_PL1RW_PL0NA|RGN_NORMAL" 0xf0
see grep '^region 5' "$sim/cpu0/mpu"
act load "$(hex $((page + 0x800)))" 4 user
must "in the page's second half region 4 shows through" grep -q 'region=4' <<<"$got"

title "6. Not to be executed (XN)"
act mpu_setup_region 5 "$(hex $page)" 12 "ACR_XN|AP_PL1RW_PL0RW|RGN_NORMAL"
act load "$(hex $((page + 0x400)))" 4 user
refused fetch "$(hex $((page + 0x400)))"
must "data, but no code: not even for the kernel" grep -q 'nothing in the region may be executed' <<<"$got"
must "cfsr has IACCVIOL now, and still what was there before" [ $(($(reg cfsr) & 1)) = 1 ]

title "7. The background (背景区域)"
say "Region 0 is one: all addresses, with the lowest priority. We switch it off, and RAM's too; the page's own stay."
write e000ed98 0 MPU_RNR
write e000eda0 0 MPU_RASR
write e000ed98 4 MPU_RNR
write e000eda0 0 MPU_RASR
refused load "$(hex $((page + 4096)))"
must "what no region has is a fault for the kernel, too" grep -q 'no region of the MPU has the address' <<<"$got"
write e000ed94 5 "MPU_CTRL: ENABLE, and PRIVDEFENA"
see tail -1 "$sim/cpu0/mpu"
act load "$(hex $((page + 4096)))"
must "with PRIVDEFENA the default memory map lies behind the regions" grep -q 'region=default' <<<"$got"
refused load "$(hex $((page + 4096)))" 4 user
must "for the kernel alone" grep -q "the default memory map is the kernel's alone" <<<"$got"
refused fetch "$(hex $((page + 4096)))"
must "and as 0xa0000000-0xdfffffff is for devices there, nothing is executed" grep -q EFAULT <<<"$got"

title "8. What an MPU cannot do"
refused mpu_setup_region 5 "$(hex $page)" 4 RGN_NORMAL
must "regions have 32 bytes at least" grep -q ENOMEM <<<"$got"
refused mpu_setup_region 8 "$(hex $page)" 12 RGN_NORMAL
must "and there are eight of them" grep -q ENOENT <<<"$got"
act mpu_setup_region 5 "$(hex $((page + 0x400)))" 12 "AP_PL1RW_PL0RW|RGN_NORMAL"
must "a region begins at a multiple of its size, whatever one asks for" [ "$(region 5 | grep -o '0x[0-9a-f]*' | head -1)" = "$(hex $page)" ]
act store "$(hex $((page + 0x410)))" 0x77 4 user
act load "$(hex $((page + 0x410)))"
must "it never changes where an address leads: one address is one byte, for all" [ "${got%% *}" = 0x77 ]
say "So two programs cannot both live at 0x10000, a program cannot be larger than the free block it is given, and no page can" \
    "be moved to make one: compaction, swapping and fork() need an MMU. 1 MiB for a program is one block of 256 pages:"
act block = alloc_pages GFP_KERNEL 8
must "there is nothing to compact with" no test -e "$proc/sys/vm/compact_memory"
act __free_pages block

act free_page page
must "all is as it was" [ "$(cat "$sim/check")" = ok ]
