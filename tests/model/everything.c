/* SPDX-License-Identifier: MIT
 *
 * Never lose a byte: seeded random programs of all that has memory, at once, against a dumb model that keeps a copy of
 * every byte that anyone may read.
 *
 *	processes    anonymous, shared, files shared and private: map, store, fork, mremap, munmap, mlock, pins
 *	files        read, write, truncate; drop_caches
 *	kernel       slab objects, vmalloc, vmap, windows of kmap, blocks of pages, movable pages with a name
 *	devices      reads and writes of streaming mappings and coherent buffers, while everything else goes on; one is behind the
 *	             IOMMU, where there is one, and strays there; devices are removed, with mappings and without
 *	buffers      dma-bufs of all heaps: attached, mapped for several devices, into processes, for the kernel
 *	areas        cma_alloc() at once, in slices, interrupted; cma_release(); debugfs's; everybody else's pages are the tenants
 *	pages move   migrate_pages, move_pages and policies between nodes, compaction: direct, of all nodes, by kcompactd
 *
 * The model knows no frames, tables, faults, caches or bounce buffers. Now and then the n-th page allocation of an act fails,
 * with every third seed every n-th of all acts: then the act is refused and the model stays as it is, or it was done all the
 * same. After some acts all bytes are compared,
 * and machine_check() looks at everything. A second test lets a copy of the machine go on beside it: both must stay alike
 * byte for byte, in the end by digest. One act breaks the model on purpose; a run with it must be noticed.
 *
 * For long runs: SIMM_EVERYTHING_SEEDS=1-200 SIMM_EVERYTHING_STEPS=3000 SIMM_EVERYTHING_CHECK=1 (machine_check() after
 * each so many steps) SIMM_EVERYTHING_ON=arm64-virt SIMM_EVERYTHING_TRACE=1 (a line for each act).
 *
 * To add a subsystem: its state in everything.h, its acts in a table, its look.
 */
#include "model/everything.h"

#include "support/booted.h"

#include "base/text.h"
#include "mm/dma/engine.h"
#include "mm/kernel/cpus.h"
#include "mm/page/contents.h"

#include <criterion/criterion.h>
#include <criterion/logging.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void arm(struct everything *x)
{
	struct fault_inject *f = &x->m->fail_page_alloc;

	if (!x->every_nth && dice(x, 5))
		return;
	f->probability = 100;
	f->min_order = 0;
	f->times = x->every_nth ? -1 : 1;
	f->interval = x->every_nth ? x->every_nth : 1;
	f->space = x->every_nth ? 0 : dice(x, 12);
	f->ignore_gfp_wait = f->ignore_gfp_highmem = false;
}

bool starved(struct everything *x, int err, bool large)
{
	bool armed = x->m->fail_page_alloc.probability;

	x->m->fail_page_alloc.probability = 0;
	if (err != -ENOMEM && err != -EAGAIN)
		return false;
	expect(x, armed || large);
	x->failures++;
	return true;
}

void scribble(struct everything *x, uint8_t *bytes, uint32_t nr)
{
	uint64_t word = rng_next(&x->run.rng);

	for (uint32_t i = 0; i < nr; i++, word = word * 0x9e3779b97f4a7c15u + 1)
		bytes[i] = (uint8_t)(word >> 56);
}

void put_phys(struct everything *x, uint64_t phys, const uint8_t *bytes, uint32_t nr)
{
	struct dram dram = machine_dram(x->m);

	expect(x, !dram_write(&dram, phys, bytes, nr, &x->m->why));
}

void same_phys(struct everything *x, uint64_t phys, const uint8_t *bytes, uint32_t nr)
{
	static uint8_t got[LARGEST];
	struct dram dram = machine_dram(x->m);

	expect(x, !dram_read(&dram, phys, got, nr));
	expect(x, !memcmp(got, bytes, nr));
	x->compared += nr;
}

void kernel_access_on(struct everything *x, unsigned cpu, uint64_t va, uint8_t *bytes)
{
	struct hw_access a = {.va = va, .bytes = 4, .kind = HW_LOAD};
	uint32_t word = (uint32_t)rng_next(&x->run.rng);

	if (dice(x, 2)) {
		memcpy(&word, bytes, 4);
		expect(x, !machine_access(x->m, cpu, &a));
		expect(x, (uint32_t)a.value == word);
		return;
	}
	a.kind = HW_STORE;
	a.value = word;
	expect(x, !machine_access(x->m, cpu, &a));
	memcpy(bytes, &word, 4);
}

void kernel_access(struct everything *x, uint64_t va, uint8_t *bytes)
{
	kernel_access_on(x, dice(x, x->m->nr_cpus), va, bytes);
}

/* ---- a run ---- */

static const uint8_t all_of_it[] = {0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 3, 4, 4, 4, 5, 5, 6};
static const uint8_t buffers_above_all[] = {0, 3, 4, 4, 4, 4, 4, 4, 5, 6};

struct settings {
	uint64_t first, last;
	unsigned steps, check_each, look_each;
	const char *on;
	bool trace;
	const uint8_t *share; /* which table an act is of: one of these */
	unsigned nr_share;
};

static const struct world {
	const char *preset, *ram, *cpus, *cma, *cmdline;
} worlds[] = {
	{"pc-i386", "160M", "2", "0", "highmem=64m iommu.strict=1"},
	{"pc-i386-pae", "192M", "1", "32M", "highmem=96m"},
	{"pc-x86_64", "96M", "4", "16M", "iommu.strict=1"},
	{"pc-x86_64", "128M", "2", "48M", "swiotlb=512,force"},
	{"pc-x86_64-numa", "512M", "4", "64M", "iommu.strict=0"},
	{"arm-virt", "128M", "2", "48M", ""},
	{"arm-virt", "160M", "4", "16M", "vmalloc=960M"},
	{"arm64-virt", "128M", "3", "64M", "iommu.strict=0"},
	{"arm64-virt", "128M", "1", "32M", "iommu.strict=1"},
	{"riscv64-virt", "128M", "2", "32M", ""},
};
enum { NR_WORLDS = sizeof(worlds) / sizeof(worlds[0]) };

static struct settings settings_of(unsigned seeds_by_default, unsigned steps)
{
	struct settings s = {.first = 1,
		.last = seeds_by_default,
		.steps = steps,
		.check_each = 50,
		.look_each = 100,
		.share = all_of_it,
		.nr_share = sizeof(all_of_it)};

	model_seeds("SIMM_EVERYTHING_SEEDS", &s.first, &s.last);
	s.steps = model_number("SIMM_EVERYTHING_STEPS", steps);
	s.check_each = model_number("SIMM_EVERYTHING_CHECK", 50);
	s.look_each = model_number("SIMM_EVERYTHING_LOOK", 100);
	s.on = getenv("SIMM_EVERYTHING_ON");
	s.trace = model_number("SIMM_EVERYTHING_TRACE", 0);
	return s;
}

static void check(struct everything *x)
{
	struct text out;

	text_init(&out);
	unsigned bad = machine_check(x->m, &out);

	if (bad && !x->run.wrong)
		cr_log_error("after %s: %s", x->act, text_str(&out));
	expect(x, !bad);
	text_finish(&out);
}

static void look(struct everything *x)
{
	process_look(x);
	kernel_look(x);
	device_look(x);
	shared_look(x);
	cma_look(x);
	check(x);
}

static void begin(struct everything *x, const struct world *w, uint64_t seed)
{
	memset(x, 0, sizeof(*x));
	x->m = booted(w->preset, "ram", w->ram, "cpus", w->cpus, "cma", w->cma, "cmdline",
		w->cmdline, NULL);
	x->run.rng.state = seed;
	x->every_nth = seed % 3 ? 0 : 3 + 7 * (unsigned)(seed / 3 % 5);
	x->act = "boot";
	process_begin(x);
	device_begin(x);
}

static void step(struct everything *x, const struct settings *s)
{
	static const struct act *const tables[] = {process_acts, kernel_acts, device_acts,
		move_acts, shared_acts, cma_acts, stray_acts};
	const struct act *a = tables[s->share[dice(x, s->nr_share)]];
	unsigned sum = 0;

	for (const struct act *i = a; i->name; i++)
		sum += i->weight;
	for (unsigned at = dice(x, sum); at >= a->weight; a++)
		at -= a->weight;
	x->act = a->name;
	if (s->trace)
		fprintf(stderr, "# %s\n", a->name);
	a->fn(x);
	x->m->fail_page_alloc.probability = 0;
	clock_run(x->m, 64);
}

static void steps(struct everything *x, const struct settings *s, unsigned nr)
{
	for (unsigned i = 1; i <= nr && !x->run.wrong; i++) {
		step(x, s);
		if (!x->run.wrong && i % s->check_each == 0)
			check(x);
		if (!x->run.wrong && i % s->look_each == 0)
			look(x);
	}
}

static void end(struct everything *x)
{
	look(x);
	shared_end(x);
	device_end(x);
	kernel_end(x);
	process_end(x);
	cma_end(x);
	expect(x, !x->m->devices.dma_bufs.nr);
	check(x);
}

static bool report(const struct everything *x, const struct world *w, uint64_t seed)
{
	if (x->run.wrong)
		cr_log_error("%s %s, seed %llu: %s, %s:%d: %s", w->preset, w->cmdline,
			(unsigned long long)seed, x->act, x->run.first_file, x->run.first_line,
			x->m->why.sentence);
	return !x->run.wrong;
}

static bool wanted(const struct settings *s, const struct world *w)
{
	return !s->on || !strcmp(s->on, w->preset);
}

/* What came of a run of each world with each seed, from the first act to the end. */
struct sums {
	uint64_t runs, failures, moved, transfers, strays, contiguous;
};

static struct sums run_all(const struct settings *s, uint64_t first_seed)
{
	static struct everything x;
	struct sums sum = {0};

	for (unsigned i = 0; i < NR_WORLDS; i++)
		for (uint64_t seed = s->first; seed <= s->last && wanted(s, &worlds[i]); seed++) {
			begin(&x, &worlds[i], first_seed + seed);
			steps(&x, s, s->steps);
			sum.runs++;
			sum.failures += x.failures;
			sum.moved += x.moved;
			sum.transfers += x.transfers;
			sum.strays += x.strays;
			sum.contiguous += x.contiguous;
			if (!x.run.wrong) {
				x.act = "the end";
				end(&x);
			}
			cr_expect(report(&x, &worlds[i], first_seed + seed));
			machine_destroy(x.m);
		}
	return sum;
}

Test(everything, no_byte_is_lost, .timeout = 0)
{
	struct settings s = settings_of(3, 500);
	struct sums sum = run_all(&s, 0);

	/* None of it was idle. */
	cr_expect_gt(sum.failures, sum.runs * s.steps / 300);
	cr_expect_gt(sum.moved, sum.runs * s.steps / 30);
	cr_expect_gt(sum.transfers, sum.runs * s.steps / 60);
	cr_expect(s.on || sum.strays > sum.runs * s.steps / 300);
	cr_expect(s.on || sum.contiguous > sum.runs * s.steps / 100);
}

/* dma-buf nearly alone: buffers come and go all the time, with devices, processes and areas that do so, too. */
Test(everything, shared_buffers, .timeout = 0)
{
	struct settings s = settings_of(2, 400);

	s.share = buffers_above_all;
	s.nr_share = sizeof(buffers_above_all);
	struct sums sum = run_all(&s, 2000000);

	cr_expect_gt(sum.transfers, sum.runs * s.steps / 100);
}

/* The machine is a value: a copy from the midst of all this goes on as the original does. */
Test(everything, a_copy_goes_on_alike, .timeout = 0)
{
	static struct everything x, y;
	struct settings s = settings_of(1, 250);

	for (unsigned i = 0; i < NR_WORLDS; i++)
		for (uint64_t seed = s.first; seed <= s.last && wanted(&s, &worlds[i]); seed++) {
			begin(&x, &worlds[i], seed + 1000000);
			steps(&x, &s, s.steps);
			y = x;
			cr_assert_eq(machine_copy(x.m, &y.m, NULL), 0);
			cr_expect_eq(machine_digest(x.m), machine_digest(y.m));
			steps(&x, &s, s.steps / 2);
			steps(&y, &s, s.steps / 2);
			cr_expect(report(&x, &worlds[i], seed + 1000000));
			cr_expect(report(&y, &worlds[i], seed + 1000000), "of the copy");
			cr_expect_eq(machine_digest(x.m), machine_digest(y.m), "%s, seed %llu",
				worlds[i].preset, (unsigned long long)seed);
			machine_destroy(y.m);
			machine_destroy(x.m);
		}
}

/* One bit that nobody changed by an act, in each kind of memory. */
Test(everything, a_lost_byte_is_noticed, .timeout = 0)
{
	static struct everything x;
	struct settings s = settings_of(1, 600);

	for (unsigned kind = 0; kind < 6; kind++) {
		bool changed = false;

		begin(&x, &worlds[2], 7);
		steps(&x, &s, s.steps);
		cr_assert(!x.run.wrong);
		for (unsigned i = 0; i < TASKS && kind == 0; i++)
			for (unsigned k = 0; k < SLOTS; k++)
				if (x.process[i].pid && x.process[i].slot[k].kind == SLOT_ANON) {
					x.process[i].slot[k].page[0].bytes[77] ^= 1;
					changed |= !x.process[i].slot[k].page[0].busy;
				}
		for (unsigned i = 0; i < OBJECTS && kind == 1; i++) {
			x.object[i].bytes[0] ^= 1;
			changed |= x.object[i].used && !x.object[i].busy;
		}
		if (kind == 2) {
			x.store[0].bytes[5] ^= 1;
			changed = x.store[0].size > 5;
		}
		for (unsigned i = 0; i < HELD && kind == 3; i++) {
			x.held[i].bytes[4095] ^= 1;
			changed |= x.held[i].used && !x.held[i].busy;
		}
		for (unsigned i = 0; i < SHARED && kind == 4; i++) {
			x.shared[i].bytes[PAGE - 1] ^= 1;
			changed |= x.shared[i].used && x.shared[i].writer != WRITER_STALE;
		}
		for (unsigned i = 0; i < RUNS && kind == 5; i++) {
			x.run_of_cma[i].seed ^= 1;
			changed |= x.run_of_cma[i].used;
		}
		look(&x);
		cr_expect_eq(x.run.wrong != 0, changed, "kind %u", kind);
		cr_expect(changed);
		machine_destroy(x.m);
	}
}
