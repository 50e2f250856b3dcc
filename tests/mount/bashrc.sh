#!/bin/bash
# SPDX-License-Identifier: MIT
# sim/bashrc: `call` prints the result, or the sentence on stderr and fails, also in $(...); completion comes from
# sim/help and sim/vars.
. "$(dirname "$0")/lib.sh"
start -o ram=256M,cpus=2

# Run in a fresh bash that has sourced it.
with_call() { bash -c ". '$mnt/sim/bashrc'; $1" 2>&1; }

like "the result of a call" "$(with_call 'call buf = alloc_pages GFP_KERNEL 3')" "0x* order=3 *"
like "in a substitution" "$(with_call 'page=$(call alloc_page GFP_KERNEL) && echo "got $page"')" "got 0x*"
is "exactly one line" "$(with_call 'call alloc_page GFP_KERNEL' | wc -l)" 1
is "nothing for a call without a result" "$(with_call 'call drain_all_pages')" ""
like "the sentence of a refused line" "$(with_call 'call alloc_pages GFP_KERNAL 3')" "sim/ctl:1:*GFP_KERNEL*^^^^*"
is "it is on stderr" "$(with_call 'call nonsense 2>/dev/null')" ""
is "and the status" "$(with_call 'call nonsense 2>/dev/null; echo $?')" 1
is "also in a substitution" "$(with_call 'x=$(call nonsense 2>/dev/null) || echo failed')" "failed"
like "quoted as C" "$(with_call "call 'p = alloc_pages(GFP_KERNEL|__GFP_ZERO, 1);'")" "0x* order=1 *"
like "on another CPU" "$(with_call 'call -c 1 alloc_page GFP_KERNEL')" "0x*"
like "on none there is" "$(with_call 'call -c 7 alloc_page GFP_KERNEL; echo status=$?')" "*status=1"
like "without words" "$(with_call 'call; echo status=$?')" "usage:*status=2"
is "SIMM is the mount" "$(with_call 'echo $SIMM')" "$mnt"
is "nothing stays open" "$(with_call 'call alloc_page GFP_KERNEL >/dev/null; set -- /proc/$$/fd/*; echo $#')" \
    "$(with_call 'set -- /proc/$$/fd/*; echo $#')"
complete_words() { with_call "COMP_WORDS=(call $1); COMP_CWORD=$2; _simm_complete; echo \${COMPREPLY[*]}"; }
is "completion of calls" "$(complete_words drain_a 1)" "drain_all_pages"
is "completion of names" "$(complete_words '__free_pages bu' 2)" "buf"
like "a name is a file" "$(cat "$mnt/sim/vars/buf")" "struct page at pfn 0x* order 3: 8 pages*"
rm "$mnt/sim/vars/buf"
not_ok "and rm forgets it" test -e "$mnt/sim/vars/buf"
like "reboot changes what it names" "$(with_call 'call reboot ram=128M && grep -c ^processor $SIMM/proc/cpuinfo')" "2"
like "help knows it by its Chinese term" "$(grep -rl 伙伴系统 "$mnt/sim/help" | head -1)" "*/alloc_pages"
stop
finish
