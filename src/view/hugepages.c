/* SPDX-License-Identifier: MIT
 *
 * hugepages-*kB, of the machine and of each node: the pools of huge pages, one directory a size.
 *
 * The pool of the default size is real (mm/page/hugetlb.c): a write of nr_hugepages succeeds and reads back
 * what fitted. The other sizes' pools come with hugetlbfs; they are empty and stay so, as on a machine that is full.
 */
#include "view/hugepages.h"

#include "view/files.h"

#include "base/parse.h"
#include "mm/page/hugetlb.h"
#include "mm/page/page_alloc.h"
#include "mm/page/zone.h"

#include <errno.h>

uint64_t hugepages_kb(const struct machine *m, unsigned i)
{
	static const uint64_t sizes[NR_ARCHS][HUGEPAGE_SIZES] = {
		[ARCH_I386] = {4096},
		[ARCH_X86_64] = {2048, 1048576},
		[ARCH_ARM64] = {2048, 64, 32768, 1048576},
		[ARCH_RISCV64] = {2048, 1048576},
	};

	if (i >= HUGEPAGE_SIZES)
		return 0;
	if (m->arch == ARCH_I386 && machine_has(m, CONFIG_X86_PAE))
		return i ? 0 : 2048;
	if (m->arch == ARCH_X86_64 && i && !(m->cpus.desc.abilities & HW_HAS_1G))
		return 0;
	return sizes[m->arch][i];
}

static int put_pages(struct text *out, uint64_t pages)
{
	text_dec(out, pages, 0);
	text_putc(out, '\n');
	return 0;
}

/* nr_hugepages and free_hugepages: nobody takes one out of the pool yet. */
int show_hugepages(struct view *v, struct text *out)
{
	return put_pages(out, v->arg[0] ? 0 : hugetlb_pages(v->m));
}

int show_node_hugepages(struct view *v, struct text *out)
{
	return put_pages(out, v->arg[1] ? 0 : hugetlb_node_pages(v->m, (unsigned)v->arg[0]));
}

static int parse_pages(struct view *v, const char *data, size_t len, uint64_t *pages)
{
	return parse_u64(data, parse_line_len(data, len), 0, pages)
		       ? 0
		       : refuse(&v->m->why, EINVAL, "write the number of huge pages");
}

static int64_t resize(struct view *v, const char *data, size_t len, bool is_default, int nid)
{
	uint64_t wanted;
	int err = parse_pages(v, data, len, &wanted);

	if (err)
		return err;
	if (is_default)
		hugetlb_resize_begin(v->m, wanted, nid);
	v->again = is_default;
	return (int64_t)len;
}

int slice_hugepages(struct view *v, bool interrupted)
{
	if (interrupted) {
		hugetlb_resize_stop(v->m);
		return 0;
	}
	return hugetlb_resize_step(v->m, session_slice(v->s, ALLOC_CLUSTERS_PER_SLICE));
}

int64_t store_hugepages(struct view *v, const char *data, size_t len)
{
	return resize(v, data, len, !v->arg[0], -1);
}

int64_t store_node_hugepages(struct view *v, const char *data, size_t len)
{
	return resize(v, data, len, !v->arg[1], (int)v->arg[0]);
}

/* nr_overcommit_hugepages of the default size is the sysctl; of the others, none. */
int show_hugepages_overcommit(struct view *v, struct text *out)
{
	return put_pages(
		out, v->arg[0] ? 0 : (uint64_t)v->m->sysctls.value[SYSCTL_nr_overcommit_hugepages]);
}

int64_t store_hugepages_overcommit(struct view *v, const char *data, size_t len)
{
	uint64_t wanted;
	int err = parse_pages(v, data, len, &wanted);

	if (err)
		return err;
	if (!v->arg[0])
		(void)sysctl_set(v->m, SYSCTL_nr_overcommit_hugepages, (int64_t)wanted);
	return (int64_t)len;
}
