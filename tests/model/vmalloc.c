/* SPDX-License-Identifier: MIT
 *
 * Seeded random vmalloc(), vmap(), ioremap(), vfree() and purges against a dumb model: a list of areas in use and of lazily
 * freed ones, where the lowest aligned gap is found by looking at every place from the bottom up.
 *
 *	0        area         gap        lazy        area                         pages of vmalloc's range
 *
 * After each act the address is compared, and now and then what each page of each area holds: it is stored through the
 * MMU of one CPU, read through that of another, and read at the page's own place in DRAM; while processes come and go, so
 * that top tables made before and after are used. And machine_check(). One act breaks the model on purpose; a program with it must
 * be noticed.
 */
#include "support/process.h"

#include "base/rng.h"
#include "mm/kernel/cpus.h"
#include "mm/kernel/layout.h"
#include "mm/page/contents.h"
#include "mm/page/zone.h"
#include "mm/process/tlb_flush.h"
#include "mm/vmalloc/vmalloc.h"
#include "support/booted.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

enum { AREAS = 160, VMAP_PAGES = 24 };
enum kind { NOTHING, ALLOC, MAPPED, IO, OTHERS, LAZY };

struct area {
	enum kind kind;
	uint64_t start, end; /* guard included */
	uint64_t stamp;
};

struct model {
	struct machine *m;
	struct rng rng;
	struct kernel_range range;
	struct area area[4 * AREAS];
	unsigned nr;
	uint32_t pool[VMAP_PAGES]; /* for vmap() */
	uint64_t lazy_pages;
	struct proc p, child;
	bool has_child;
	unsigned wrong, first_line;
};

#define expect(x, ok)                                                                              \
	do {                                                                                       \
		if (!(ok) && !(x)->wrong++)                                                        \
			(x)->first_line = __LINE__;                                                \
	} while (0)

static unsigned dice(struct model *x, unsigned sides)
{
	return (unsigned)rng_below(&x->rng, sides);
}

/* ---- the model ---- */

static const struct area *overlap(const struct model *x, uint64_t start, uint64_t end)
{
	for (unsigned i = 0; i < x->nr; i++)
		if (x->area[i].kind && start < x->area[i].end && x->area[i].start < end)
			return &x->area[i];
	return NULL;
}

static uint64_t lowest(const struct model *x, uint64_t bytes, uint64_t align)
{
	uint64_t at = (x->range.start + align - 1) & ~(align - 1);

	for (const struct area *a; at + bytes <= x->range.end && (a = overlap(x, at, at + bytes));)
		at = (a->end + align - 1) & ~(align - 1);
	return at + bytes <= x->range.end ? at : 0;
}

static void purge(struct model *x)
{
	for (unsigned i = 0; i < x->nr; i++)
		if (x->area[i].kind == LAZY)
			x->area[i].kind = NOTHING;
	x->lazy_pages = 0;
}

static struct area *add(struct model *x, enum kind kind, uint64_t start, uint64_t bytes)
{
	unsigned i = 0;

	while (i < x->nr && x->area[i].kind)
		i++;
	cr_assert_lt(i, 4 * AREAS);
	x->nr = i == x->nr ? i + 1 : x->nr;
	x->area[i] = (struct area){.kind = kind, .start = start, .end = start + bytes};
	return &x->area[i];
}

static void forget(struct model *x, struct area *a)
{
	a->kind = LAZY;
	x->lazy_pages += (a->end - a->start) >> PAGE_SHIFT;
	if (x->lazy_pages > lazy_max_pages(x->m))
		purge(x);
}

static unsigned in_use(const struct model *x)
{
	unsigned n = 0;

	for (unsigned i = 0; i < x->nr; i++)
		n += x->area[i].kind && x->area[i].kind < OTHERS;
	return n;
}

/* Areas that are not the model's, the image's and kernel stacks', are taken as they are. With two stacks cached none ends. */
static void note_others(struct model *x)
{
	const struct vm_struct *vm;

	for (uint64_t at = 0; (vm = next_vm_area(x->m, at)); at = vm->addr + 1)
		if (!overlap(x, vm->addr, vm->addr + vm->size))
			add(x, OTHERS, vm->addr, vm->size);
}

/* ---- acts ---- */

/* The lowest place, after a purge if there is no other. */
static uint64_t place(struct model *x, uint64_t bytes, uint64_t align)
{
	uint64_t at = lowest(x, bytes, align);

	if (at || !x->lazy_pages)
		return at;
	purge(x);
	return lowest(x, bytes, align);
}

static uint64_t byte_at(const struct area *a, uint64_t page)
{
	return a->stamp + page * 3;
}

static void write_pages(struct model *x, const struct area *a)
{
	for (uint64_t i = 0; i < (a->end - a->start) / P - 1; i++) {
		struct hw_access w = {.va = a->start + i * P + 8,
			.value = byte_at(a, i),
			.kind = HW_STORE,
			.bytes = 4};

		expect(x, !machine_access(x->m, dice(x, x->m->nr_cpus), &w));
	}
}

static void made(
	struct model *x, enum kind kind, int err, uint64_t addr, uint64_t want, uint64_t bytes)
{
	if (!want) {
		expect(x, err == -ENOMEM);
		return;
	}
	expect(x, !err && addr == want);
	if (err)
		return;
	struct area *a = add(x, kind, addr, bytes);

	a->stamp = dice(x, 1u << 30);
	if (kind != IO)
		write_pages(x, a);
}

static void act_vmalloc(struct model *x)
{
	static const uint64_t aligns[] = {0, 0, 0, 2 * P, 16 * P, 1 << 20};
	static const unsigned sizes[] = {
		40000, 40000, 40000, 40000, 400000, 400000, 2000000, 2000000};
	struct vmalloc_request r = {.bytes = 1 + dice(x, sizes[dice(x, 8)]),
		.align = aligns[dice(x, 6)],
		.gfp = GFP_KERNEL,
		.nid = -1};
	uint64_t bytes = ((r.bytes + P - 1) & ~(P - 1)) + P, addr;
	uint64_t want = place(x, bytes, r.align ? r.align : P);
	int err = vmalloc_node_range(x->m, 0, &r, &addr);

	made(x, ALLOC, err, addr, want, bytes);
	note_others(x);
}

static void act_vmap(struct model *x)
{
	uint32_t nr = 1 + dice(x, VMAP_PAGES);
	uint64_t want = place(x, (nr + 1) * P, P), addr;
	int err;

	/* One at a time, or the areas would write over each other. */
	for (unsigned i = 0; i < x->nr; i++)
		if (x->area[i].kind == MAPPED)
			return;
	err = vmap(x->m, 0, x->pool, nr, 0, &addr);
	made(x, MAPPED, err, addr, want, (nr + 1) * P);
}

static void act_ioremap(struct model *x)
{
	uint64_t pages = 1 + dice(x, 300), align = P, max = 1ULL << 19, addr,
		 offset = dice(x, 4096);

	switch (x->m->arch) {
	case ARCH_RISCV64:
		break;
	case ARCH_ARM:
		max = 1ULL << 24;
		break;
	default:
		max = 1ULL << 21;
	}
	while (align < pages * P && align < max)
		align *= 2;
	uint64_t want = place(x, (pages + 1) * P, align);
	bool arm = x->m->arch == ARCH_ARM || x->m->arch == ARCH_ARM64;
	int err = ioremap(
		x->m, 0, (arm ? 0x08000000 : 0xfe000000) + offset, pages * P - offset, &addr);

	made(x, IO, err, err ? 0 : addr - offset, want, (pages + 1) * P);
}

static void act_vfree(struct model *x)
{
	unsigned i = x->nr ? dice(x, x->nr) : 0;
	struct area *a = &x->area[i];

	if (!x->nr || !a->kind || a->kind >= OTHERS)
		return;
	expect(x, vfree(x->m, 0, a->start + 1) == -EINVAL);
	/* Any page of it names it. */
	expect(x, !vfree(x->m, 0, a->start + dice(x, (unsigned)((a->end - a->start) / P)) * P));
	expect(x, vfree(x->m, 0, a->start) == -EINVAL);
	forget(x, a);
}

static void act_purge(struct model *x)
{
	purge_vmap_area_lazy(x->m, dice(x, x->m->nr_cpus));
	purge(x);
}

static void act_process(struct model *x)
{
	if (x->has_child) {
		task_kill(x->m, x->child.t);
	} else {
		x->child = proc_fork(&x->p);
		note_others(x);
	}
	x->has_child = !x->has_child;
}

static void act_switch(struct model *x)
{
	struct mm *mm[] = {NULL, x->p.mm, x->has_child ? x->child.mm : NULL};

	expect(x, !switch_mm(x->m, dice(x, x->m->nr_cpus), mm[dice(x, 3)]));
}

static void act_broken(struct model *x)
{
	for (unsigned i = 0; i < x->nr; i++)
		if (x->area[i].kind == ALLOC) {
			x->area[i].stamp++;
			return;
		}
	x->wrong++;
}

/* ---- comparing ---- */

static void compare_area(struct model *x, const struct area *a)
{
	const struct vm_struct *vm = find_vm_area(x->m, a->start);
	struct dram dram = machine_dram(x->m);

	expect(x, vm && vm->addr == a->start && vm->size == a->end - a->start);
	for (uint64_t i = 0; a->kind != IO && i < (a->end - a->start) / P - 1; i++) {
		struct hw_access r = {.va = a->start + i * P + 8, .kind = HW_LOAD, .bytes = 4};
		uint64_t there;

		expect(x, !machine_access(x->m, dice(x, x->m->nr_cpus), &r));
		expect(x, r.value == byte_at(a, i));
		expect(x, !dram_load(&dram, (vmalloc_to_pfn(x->m, r.va) << PAGE_SHIFT) + 8, 4,
				  &there));
		expect(x, there == byte_at(a, i));
	}
}

static void compare(struct model *x)
{
	for (unsigned i = 0; i < x->nr; i++)
		if (x->area[i].kind && x->area[i].kind < OTHERS)
			compare_area(x, &x->area[i]);
	expect(x, x->m->vmalloc.lazy_pages == x->lazy_pages);
}

static void step(struct model *x)
{
	typedef void act_fn(struct model *);
	static act_fn *const acts[] = {act_vmalloc, act_vmalloc, act_vmalloc, act_vmap, act_ioremap,
		act_vfree, act_vfree, act_vfree, act_process, act_switch, act_switch, act_switch};
	unsigned n = dice(x, sizeof(acts) / sizeof(acts[0]));

	if (in_use(x) >= AREAS && n < 5)
		n = 5;
	if (dice(x, 60) == 0)
		act_purge(x);
	acts[n](x);
}

/* ---- programs ---- */

static unsigned run(const char *preset, uint64_t seed, unsigned steps, bool broken)
{
	struct model x = {.p = proc_start(preset)};

	x.m = x.p.m;
	x.rng.state = seed;
	x.range = kernel_area(x.m, AREA_VMALLOC);
	for (unsigned i = 0; i < VMAP_PAGES; i++) {
		uint64_t pfn;

		cr_assert_eq(alloc_pages_node(x.m, 0, -1, GFP_KERNEL, 0, &pfn), 0);
		x.pool[i] = (uint32_t)pfn;
	}
	note_others(&x);
	for (unsigned i = 0; i < steps && !x.wrong; i++) {
		step(&x);
		if (i % 16 == 0)
			compare(&x);
		if (i % 256 == 0)
			booted_check(x.m);
		if (broken && i == steps / 2)
			act_broken(&x);
	}
	compare(&x);
	booted_check(x.m);
	machine_destroy(x.m);
	if (x.wrong && !broken)
		cr_log_error(
			"%s, seed %llu: line %u", preset, (unsigned long long)seed, x.first_line);
	return x.wrong;
}

/* Addresses run out, and lazily freed ones are needed. */
Test(model_vmalloc, few_addresses)
{
	for (uint64_t seed = 1; seed <= 4; seed++)
		cr_expect_eq(run(seed % 2 ? "pc-i386" : "pc-i386-pae", seed, 600, false), 0);
}

Test(model_vmalloc, other_architectures)
{
	static const char *const presets[] = {
		"pc-x86_64", "arm-virt", "arm64-virt", "riscv64-virt", "pc-x86_64-numa"};

	for (unsigned i = 0; i < 5; i++)
		cr_expect_eq(run(presets[i], 20 + i, 500, false), 0);
}

Test(model_vmalloc, a_broken_model_is_noticed)
{
	cr_expect_neq(run("pc-i386", 9, 300, true), 0);
}
