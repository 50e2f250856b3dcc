/* SPDX-License-Identifier: MIT
 *
 * sys/kernel/mm/hugepages: the pools of huge pages, one directory a size.
 *
 * The pools come with hugetlbfs in a later part. Until then they are empty and stay empty: a write of
 * nr_hugepages succeeds and reads back what was made, as on a machine that is full.
 */
#include "view/hugepages.h"

#include "view/files.h"

#include "base/parse.h"

#include <errno.h>

uint64_t hugepages_kb(const struct machine *m, unsigned i)
{
	static const uint64_t sizes[NR_ARCHS][HUGEPAGE_SIZES] = {
		[ARCH_I386] = {4096},
		[ARCH_X86_64] = {2048},
		[ARCH_ARM64] = {2048, 64, 32768, 1048576},
		[ARCH_RISCV64] = {2048, 1048576},
	};

	if (i >= HUGEPAGE_SIZES)
		return 0;
	if (m->arch == ARCH_I386 && machine_has(m, CONFIG_X86_PAE))
		return i ? 0 : 2048;
	return sizes[m->arch][i];
}

int show_hugepages_zero(struct view *v, struct text *out)
{
	text_puts(out, "0\n");
	return 0;
}

int64_t store_hugepages(struct view *v, const char *data, size_t len)
{
	size_t digits = len && data[len - 1] == '\n' ? len - 1 : len;
	uint64_t wanted;

	if (!parse_u64(data, digits, 0, &wanted))
		return refuse(&v->m->why, EINVAL, "write the number of huge pages");
	return (int64_t)len;
}
