/* SPDX-License-Identifier: MIT
 *
 * sys/kernel/debug/memblock: the ranges of boot's allocator.
 *
 * Kernels of ARM keep memblock's two lists after boot, to tell RAM from devices by address, and show them: one range a
 * line with its number, first and last byte, as wide as a physical address is (mm/memblock.c of Linux 6.1). Others
 * drop the lists with their init memory, and have no such files.
 */
#include "view/files.h"

bool keeps_memblock(const struct machine *m)
{
	return m->arch == ARCH_ARM || m->arch == ARCH_ARM64;
}

/* aux: 0 memory, 1 reserved */
int show_memblock(struct view *v, struct text *out)
{
	const struct machine *m = v->m;
	const struct memblock_type *type = v->aux ? &m->memblock.reserved : &m->memblock.memory;
	int digits = machine_phys_digits(m);

	for (unsigned i = 0; i < type->nr; i++)
		text_printf(out, "%4u: 0x%0*llx..0x%0*llx\n", i, digits,
			(unsigned long long)type->region[i].start, digits,
			(unsigned long long)type->region[i].end - 1);
	return 0;
}
