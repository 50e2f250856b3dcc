/* SPDX-License-Identifier: MIT
 *
 * Claim: random kmap(), kunmap(), kmap_local_page() and kunmap_local() on two CPUs give each page the addresses that a dumb
 * model expects, and every byte stored through one address of a page is read through all its others.
 *
 * The model has no windows, counts or chains: it knows how many users each page has, where it was last seen, what was
 * stored in it, and of each CPU the list of what it mapped. What is read and written goes through the MMU, so a TLB that
 * was not told of a change, or an entry that maps the wrong page, shows as wrong contents.
 */
#include "base/rng.h"
#include "base/text.h"
#include "mm/kernel/fixmap.h"
#include "mm/kernel/highmem.h"
#include "mm/page/page_alloc.h"
#include "support/booted.h"

#include <criterion/criterion.h>
#include <errno.h>

enum { PAGES = 800, CPUS = 2, DEPTH = 15 };

struct known_page {
	uint64_t pfn;
	unsigned users;	 /* of kmap() */
	unsigned held;	 /* ARM: kmap_local_page() that took the window of kmap() */
	uint64_t window; /* where kmap() put it last; 0: taken away since */
	uint64_t value;
	bool low;
};

struct model {
	struct machine *m;
	struct rng rng;
	struct known_page page[PAGES];
	struct {
		unsigned depth;
		unsigned page[64];
		uint64_t address[64];
	} cpu[CPUS];
	unsigned wrong, first_line, waits, reused;
};

static void expect(struct model *x, bool what, unsigned line)
{
	if (what)
		return;
	if (!x->wrong++)
		x->first_line = line;
}
#define EXPECT(what) expect(x, what, __LINE__)

static unsigned dice(struct model *x, unsigned n)
{
	return (unsigned)(rng_next(&x->rng) % n);
}

static unsigned pages_in_use(const struct model *x)
{
	unsigned n = 0;

	for (unsigned i = 0; i < PAGES; i++)
		n += !x->page[i].low && x->page[i].users + x->page[i].held;
	return n;
}

/* Another page is seen at @address now: who was there is not any more. */
static void moved_in(struct model *x, unsigned i, uint64_t address)
{
	for (unsigned k = 0; k < PAGES; k++) {
		if (k == i || x->page[k].window != address)
			continue;
		EXPECT(!x->page[k].users && !x->page[k].held);
		x->page[k].window = 0;
		x->reused++;
	}
	x->page[i].window = address;
}

static void access_page(struct model *x, unsigned i, unsigned cpu, uint64_t address)
{
	struct known_page *p = &x->page[i];
	struct hw_access a = {.va = address, .bytes = 8, .kind = HW_LOAD};

	EXPECT(!machine_access(x->m, cpu, &a) && a.value == p->value);
	if (dice(x, 2))
		return;
	a = (struct hw_access){
		.va = address, .bytes = 8, .kind = HW_STORE, .value = rng_next(&x->rng)};
	p->value = a.value;
	EXPECT(!machine_access(x->m, cpu, &a));
}

static void do_kmap(struct model *x, unsigned i, unsigned cpu)
{
	struct known_page *p = &x->page[i];
	uint64_t address, seen = highmem_page_address(x->m, p->pfn);
	int err = kmap(x->m, cpu, p->pfn, &address);

	if (err == -EAGAIN) {
		EXPECT(!p->users && !p->held && !p->low && pages_in_use(x) == pkmap_windows(x->m));
		x->waits++;
		return;
	}
	EXPECT(!err);
	if (p->low)
		EXPECT(address == seen);
	else if (p->users || seen)
		EXPECT(address == p->window && seen == address);
	else
		moved_in(x, i, address);
	p->users++;
	access_page(x, i, cpu, address);
}

static void do_kunmap(struct model *x, unsigned i)
{
	struct known_page *p = &x->page[i];

	/* It would end another's mapping. */
	if (!p->users && p->held)
		return;
	int err = kunmap(x->m, p->pfn);

	EXPECT(err == (p->low || p->users ? 0 : -EINVAL));
	if (!err && p->users)
		p->users--;
	/* Nobody uses it, but it may be looked at until it is taken away. */
	if (!err && !p->low && highmem_page_address(x->m, p->pfn))
		access_page(x, i, dice(x, CPUS), p->window);
}

static void do_map_local(struct model *x, unsigned i, unsigned cpu)
{
	struct known_page *p = &x->page[i];
	unsigned depth = x->cpu[cpu].depth, slots = kmap_local_depth(x->m, cpu);
	bool window = x->m->arch == ARCH_ARM && highmem_page_address(x->m, p->pfn);
	uint64_t address;

	if (depth == 64)
		return;
	int err = kmap_local_page(x->m, cpu, p->pfn, false, &address);

	EXPECT(err == (!p->low && !window && slots == DEPTH ? -ENOSPC : 0));
	if (err)
		return;
	if (!p->low && window) {
		EXPECT(address == p->window);
		p->held++;
	} else if (!p->low) {
		EXPECT(address == kmap_slot_address(x->m, cpu, slots));
	}
	x->cpu[cpu].page[depth] = i;
	x->cpu[cpu].address[depth] = address;
	x->cpu[cpu].depth++;
	access_page(x, i, cpu, address);
}

/* The latest one, or (which is refused, unless it needs no order) another one. */
static void do_unmap_local(struct model *x, unsigned cpu)
{
	unsigned depth = x->cpu[cpu].depth;

	if (!depth)
		return;
	unsigned i = x->cpu[cpu].page[depth - 1];
	uint64_t address = x->cpu[cpu].address[depth - 1];

	if (!dice(x, 8)) {
		uint64_t wrong = kmap_slot_address(x->m, cpu, dice(x, 16));

		if (!kmap_local_depth(x->m, cpu) ||
			wrong != kmap_slot_address(x->m, cpu, kmap_local_depth(x->m, cpu) - 1))
			EXPECT(kunmap_local(x->m, cpu, wrong, false) == -EINVAL);
	}
	EXPECT(!kunmap_local(x->m, cpu, address + dice(x, 4096), false));
	if (!x->page[i].low && address == x->page[i].window)
		x->page[i].held--;
	x->cpu[cpu].depth--;
}

static void step(struct model *x)
{
	/* Mostly of few pages, so that some are mapped often and the others go round. */
	unsigned i = dice(x, 2) ? dice(x, PAGES) : dice(x, 20), cpu = dice(x, CPUS);

	switch (dice(x, 16)) {
	default:
		do_kmap(x, i, cpu);
		break;
	case 8:
	case 9:
		do_kunmap(x, i);
		break;
	case 10:
	case 11:
		do_map_local(x, i, cpu);
		break;
	case 12:
	case 13:
		do_unmap_local(x, cpu);
		break;
	case 14:
		if (!dice(x, 50))
			kmap_set_stale(x->m, dice(x, 2));
		break;
	case 15:
		if (!dice(x, 300))
			kmap_flush_unused(x->m, cpu);
		/* A run of unmapping, so that not all windows stay full. */
		if (!dice(x, 150))
			for (unsigned k = 0; k < PAGES; k++)
				while (x->page[k].users && !x->page[k].low && dice(x, 4))
					do_kunmap(x, k);
	}
}

static void check(struct model *x)
{
	struct text out = {0};

	EXPECT(!machine_check(x->m, &out));
	if (out.len)
		cr_log_error("%s", text_str(&out));
	text_finish(&out);
}

/* Returns how often machine and model disagreed. */
static unsigned run(const char *preset, uint64_t seed, unsigned steps, bool break_it)
{
	static struct model x;

	x = (struct model){.rng = {seed}, .m = booted(preset, "ram", "2G", "cpus", "2", NULL)};
	for (unsigned i = 0; i < PAGES; i++) {
		x.page[i].low = i % 16 == 15;
		cr_assert_eq(alloc_pages_node(x.m, 0, -1,
				     (x.page[i].low ? GFP_KERNEL : GFP_HIGHUSER) | __GFP_ZERO, 0,
				     &x.page[i].pfn),
			0);
	}
	for (unsigned i = 0; i < steps && !x.wrong; i++) {
		step(&x);
		if (break_it && i == steps / 2)
			for (unsigned k = 0; k < 20; k++)
				x.page[k].value ^= 1;
		if (i % 512 == 0)
			check(&x);
	}
	check(&x);
	if (x.wrong && !break_it)
		cr_log_info(
			"%s seed %llu: line %d", preset, (unsigned long long)seed, x.first_line);
	if (!break_it) {
		cr_expect_gt(x.waits, 0u, "%s: all windows were in use at times", preset);
		cr_expect_gt(x.reused, 100u, "%s: %u windows got another page", preset, x.reused);
	}
	machine_destroy(x.m);
	return x.wrong;
}

/* 512 windows for 750 pages. */
Test(highmem, machine_and_model_agree)
{
	static const char *const presets[] = {"pc-i386-pae", "arm-virt"};

	for (unsigned i = 0; i < 2; i++)
		for (uint64_t seed = 1; seed <= 3; seed++)
			cr_expect_eq(run(presets[i], seed * 100 + i, 20000, false), 0,
				"%s seed %llu", presets[i], (unsigned long long)(seed * 100 + i));
}

Test(highmem, a_broken_model_is_noticed)
{
	cr_expect_gt(run("pc-i386-pae", 1, 2000, true), 0);
}
