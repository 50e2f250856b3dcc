/* SPDX-License-Identifier: MIT
 *
 * Kernel addresses for mappings: from free to busy, from there to lazily freed, and back to free (see vmap_area.h).
 *
 *	   alloc_vmap_area()            free_vmap_area_noflush()
 *	free ──────────────────> busy ──────────────────────────> lazy
 *	  ^                                                        │
 *	  └──────── purge: one flush_tlb_kernel_range() for all ───┘
 *
 * To make every CPU forget a range is dear, so a range that is given back is only put aside, and one flush serves all
 * that have gathered: when there are more than lazy_max_pages() (32 MiB for each doubling of the CPUs, plus one), or when
 * an allocation finds no place. The entries in the tables are cleared at once; a CPU whose TLB still has one goes on
 * translating it until the purge, on Linux as here.
 *
 * Linux's worker that purges runs a moment later; here it has run when vfree() returns.
 *
 * Invariant: the three kinds cover the kernel's areas for such mappings without overlapping; neighbours among the free
 * ones and among the lazy ones are joined; lazy_pages are the lazy ones' pages (vmalloc_check()).
 * Left out: vm_map_ram()'s blocks, the notifier chain that drivers may give addresses back by, KASAN's shadow.
 * Follows mm/vmalloc.c of 6.1.
 */
#include "mm/vmalloc/vmap_area.h"

#include "mm/core/link.h"
#include "mm/kernel/layout.h"
#include "mm/process/tlb_flush.h"
#include "mm/slab/slab.h"
#include "mm/vmalloc/vmap_tree.h"

#include <assert.h>
#include <errno.h>

typedef unsigned long long ull;

/* ---- areas as objects ---- */

static struct vmap_area *area_create(struct machine *m, unsigned cpu)
{
	uint64_t at = heap_alloc(m, sizeof(struct vmap_area)), object = 0;

	if (!at)
		return NULL;
	/* Which objects boot's areas take is part of what boot took. */
	if (m->vmalloc.ready && kmem_cache_alloc(m, cpu, KMEM_vmap_area, &object)) {
		heap_free(m, at, sizeof(struct vmap_area));
		return NULL;
	}
	struct vmap_area *a = machine_at(m, at);

	a->object = object;
	return a;
}

static void area_destroy(struct machine *m, unsigned cpu, struct vmap_area *a)
{
	kmem_cache_free(m, cpu, KMEM_vmap_area, a->object);
	heap_free(m, machine_ref(m, a), sizeof(*a));
}

/* ---- joining neighbours ---- */

/* Put @a into the tree; when it touches one there, that one grows and @a ends (merge_or_add_vmap_area()). */
static void insert_joined(
	struct machine *m, unsigned cpu, uint64_t *root, uint64_t *nr, struct vmap_area *a)
{
	struct vmap_area *before = vmap_tree_before(m, *root, a->start);
	struct vmap_area *behind = vmap_tree_next(m, *root, a->end);

	if (behind && behind->start == a->end) {
		vmap_tree_remove(m, root, behind);
		--*nr;
		behind->start = a->start;
		area_destroy(m, cpu, a);
		a = behind;
	}
	if (before && before->end == a->start) {
		vmap_tree_remove(m, root, before);
		--*nr;
		before->end = a->end;
		area_destroy(m, cpu, a);
		a = before;
	}
	vmap_tree_insert(m, root, a);
	++*nr;
}

static void add_free_range(struct machine *m, struct vmap_area *a, struct kernel_range r)
{
	a->start = r.start;
	a->end = r.end;
	insert_joined(m, 0, &m->vmalloc.free_root, &m->vmalloc.nr_free, a);
}

/* ---- giving out ---- */

static void add_rest(struct machine *m, struct vmap_area *a, uint64_t start, uint64_t end)
{
	a->start = start;
	a->end = end;
	vmap_tree_insert(m, &m->vmalloc.free_root, a);
	m->vmalloc.nr_free++;
}

/* Cut [at, at + bytes) out of the free area @from for @area. What stays free on its sides needs none, one or two areas: @from
 * and @spare, which are destroyed when they are not needed. */
static void cut(struct machine *m, unsigned cpu, struct vmap_area *from, struct vmap_area *area,
	struct vmap_area *spare, uint64_t at, uint64_t bytes)
{
	struct vmap_area *left[2] = {from, spare};
	uint64_t start = from->start, end = from->end;
	unsigned used = 0;

	area->start = at;
	area->end = at + bytes;
	vmap_tree_remove(m, &m->vmalloc.free_root, from);
	m->vmalloc.nr_free--;
	if (start < at)
		add_rest(m, left[used++], start, at);
	if (at + bytes < end)
		add_rest(m, left[used++], at + bytes, end);
	while (used < 2)
		area_destroy(m, cpu, left[used++]);
}

static int no_place(struct machine *m, uint64_t bytes, gfp_t gfp)
{
	if (!(gfp & __GFP_NOWARN))
		log_printf(m,
			"vmap allocation for size %llu failed: use vmalloc=<size> to increase size",
			(ull)bytes);
	return refuse(&m->why, ENOMEM,
		"no %llu bytes of kernel addresses are free side by side (VmallocTotal in "
		"proc/meminfo, proc/vmallocinfo)",
		(ull)bytes);
}

int alloc_vmap_area(struct machine *m, unsigned cpu, uint64_t bytes, uint64_t align, uint64_t start,
	uint64_t end, gfp_t gfp, struct vmap_area **out)
{
	struct vmap_area *area = area_create(m, cpu), *spare = area ? area_create(m, cpu) : NULL;
	struct vmap_area *from;
	uint64_t at;

	*out = NULL;
	if (!spare) {
		struct refusal why = m->why;

		if (area)
			area_destroy(m, cpu, area);
		m->why = why;
		return -why.err;
	}
	clock_charge(m, VMAP_AREA);
	from = vmap_tree_lowest(m, m->vmalloc.free_root, bytes, align, start, end, &at);
	if (!from && m->vmalloc.nr_lazy) {
		purge_vmap_area_lazy(m, cpu);
		from = vmap_tree_lowest(m, m->vmalloc.free_root, bytes, align, start, end, &at);
	}
	if (!from) {
		area_destroy(m, cpu, area);
		area_destroy(m, cpu, spare);
		return no_place(m, bytes, gfp);
	}
	cut(m, cpu, from, area, spare, at, bytes);
	vmap_tree_insert(m, &m->vmalloc.busy_root, area);
	m->vmalloc.nr_busy++;
	*out = area;
	return 0;
}

/* ---- boot ---- */

/* map_kernel_segment(): AArch64's image is in vmalloc's area, so its parts are areas, side by side without guards, with one
 * behind the last. */
static int add_image(struct machine *m)
{
	const struct kernel_map *k = &m->kernel_map;
	const uint64_t part[] = {k->image_pa, k->image_text_end, k->image_rodata_end,
		k->image_pa + page_align(k->image_bytes)};
	int err = 0;

	if (m->arch != ARCH_ARM64 || !k->image_bytes)
		return 0;
	callstack_push(&m->callstack, CALLER_paging_init);
	for (unsigned i = 0; i < 3 && !err; i++) {
		uint64_t bytes = part[i + 1] - part[i];
		uint64_t va = k->image_va + (part[i] - part[0]);
		uint64_t guard = i == 2 ? PAGE_BYTES : 0;
		struct vmap_area *a;

		if (!bytes)
			continue;
		err = alloc_vmap_area(
			m, 0, bytes + guard, PAGE_BYTES, va, va + bytes + guard, GFP_KERNEL, &a);
		if (!err)
			a->vm = (struct vm_struct){.addr = a->start,
				.size = bytes + guard,
				.flags = VM_MAP | (guard ? 0 : VM_NO_GUARD),
				.phys_addr = part[i],
				.caller = stack_depot_save(m)};
	}
	callstack_pop(&m->callstack);
	return err;
}

int vmap_areas_init(struct machine *m)
{
	static const enum kernel_area areas[] = {AREA_VMALLOC, AREA_MODULES};

	for (unsigned i = 0; i < 2 && m->kernel_map.root; i++) {
		struct kernel_range r = kernel_area(m, areas[i]);
		uint64_t at = r.start < r.end ? heap_alloc(m, sizeof(struct vmap_area)) : 0;

		if (r.start >= r.end)
			continue;
		if (!at)
			return -m->why.err;
		add_free_range(m, machine_at(m, at), r);
	}
	int err = add_image(m);

	m->vmalloc.ready = true;
	return err;
}

/* ---- taking back ---- */

/* fls(): the number of the highest bit set, from 1. */
static unsigned fls(unsigned n)
{
	return n ? 32 - (unsigned)__builtin_clz(n) : 0;
}

uint64_t lazy_max_pages(const struct machine *m)
{
	return fls(m->nr_cpus) * ((32ULL << 20) >> PAGE_SHIFT);
}

void free_vmap_area_noflush(struct machine *m, unsigned cpu, struct vmap_area *a)
{
	struct vmalloc *v = &m->vmalloc;

	vmap_tree_remove(m, &v->busy_root, a);
	v->nr_busy--;
	a->vm = (struct vm_struct){0};
	v->lazy_pages += (a->end - a->start) >> PAGE_SHIFT;
	insert_joined(m, cpu, &v->lazy_root, &v->nr_lazy, a);
	if (v->lazy_pages > lazy_max_pages(m))
		purge_vmap_area_lazy(m, cpu);
}

void purge_vmap_area_lazy(struct machine *m, unsigned cpu)
{
	struct vmalloc *v = &m->vmalloc;
	struct vmap_area *first = vmap_tree_next(m, v->lazy_root, 0), *a;

	if (!first)
		return;
	flush_tlb_kernel_range(
		m, cpu, first->start, vmap_tree_before(m, v->lazy_root, UINT64_MAX)->end);
	v->purges++;
	while ((a = vmap_tree_next(m, v->lazy_root, 0))) {
		vmap_tree_remove(m, &v->lazy_root, a);
		v->nr_lazy--;
		v->lazy_pages -= (a->end - a->start) >> PAGE_SHIFT;
		insert_joined(m, cpu, &v->free_root, &v->nr_free, a);
	}
	assert(!v->nr_lazy && !v->lazy_pages);
}

struct vmap_area *find_vmap_area(const struct machine *m, uint64_t addr)
{
	return vmap_tree_find(m, m->vmalloc.busy_root, addr);
}

bool vmap_area_is_lazy(const struct machine *m, uint64_t addr)
{
	return vmap_tree_find(m, m->vmalloc.lazy_root, addr) != NULL;
}
