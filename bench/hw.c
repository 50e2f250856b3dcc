/* SPDX-License-Identifier: MIT
 *
 * The hardware layer: accesses a second, in millions, per paging mode.
 *
 *	hit          loads of one page's words, cycle accounting off: TLB and check and bytes
 *	hit+cycles   the same with the data cache and the cycles counted
 *	random       loads from as many pages as half the first TLB holds, at random
 *	cached       each access walks (a CPU without TLBs), over 4096 pages in turn, from where the page-walk cache says
 *	walk         each access walks all levels (a CPU without page-walk cache either)
 *
 * Time is the process's own CPU time, so that other programs on the host disturb little.
 */
#include "base/rng.h"
#include "hw/cpu.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { PAGES = 4096, ACCESSES = 4000000, ROUNDS = 5 };
#define DATA   (16ULL << 20)
#define TABLES (64ULL << 20)

static double cpu_s(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void put(const struct dram *d, uint64_t pa, unsigned bytes, uint64_t value)
{
	if (dram_store(d, pa, bytes, value, NULL))
		abort();
}

/* An entry of the form with all permissions, accessed and dirty. */
static uint64_t entry_of(const struct paging_level *level, bool leaf, unsigned shift, uint64_t pa)
{
	const struct paging_form *form = level->form;

	while (form->leaf != leaf || (leaf && form->page_shift != shift))
		form++;
	uint64_t e = form->value | paging_encode(form, pa) | form->accessed | form->dirty;

	if (level == &paging_modes[PAGING_ARM_SHORT].level[1])
		return e | 0x30; /* AP: everybody may */

	for (const struct paging_bit *b = form->bits; b->clears; b++)
		if ((e & b->mask) == b->value)
			e ^= b->mask & ~form->mask & -(b->mask & ~form->mask);
	return e;
}

/* Map PAGES pages from virtual 0 to DATA with tables from TABLES. */
static void map_pages(const struct dram *d, const struct paging_mode *mode)
{
	uint64_t next = TABLES + 0x10000;

	for (uint64_t page = 0; page < PAGES; page++) {
		uint64_t table = TABLES;

		for (unsigned depth = 0; depth < mode->nr_levels; depth++) {
			const struct paging_level *level = &mode->level[depth];
			uint64_t at = table + paging_index(level, page << 12) * level->entry_bytes,
				 e;

			if (depth + 1 == mode->nr_levels) {
				put(d, at, level->entry_bytes,
					entry_of(level, true, 12, DATA + (page << 12)));
				break;
			}
			if (dram_load(d, at, level->entry_bytes, &e))
				abort();
			if (!e) {
				e = entry_of(level, false, 0, next);
				put(d, at, level->entry_bytes, e);
				next += 0x1000;
			}
			table = paging_address(paging_form_of(level, e, UINT32_MAX), e);
		}
	}
}

enum caches { TLBS, WALK_CACHE, NOTHING };

static struct hw_cpu *make(enum hw_family family, enum paging_mode_id mode, enum caches caches)
{
	struct hw_cpu_desc desc = hw_cpu_default(family);

	if (caches != TLBS)
		desc.itlb = desc.dtlb = desc.stlb = (struct tlb_desc){0, 0};
	if (caches == NOTHING)
		desc.walk_cache = (struct walk_cache_desc){{0}};
	struct hw_cpu *cpu = calloc(1, hw_cpu_bytes(&desc));

	if (!cpu)
		abort();
	hw_cpu_init(cpu, &desc);
	cpu->regime.mode = mode;
	cpu->regime.root[0] = cpu->regime.root[1] = TABLES;
	cpu->regime.has |= HW_HAS_NX | HW_HAS_PSE | HW_HAS_WP;
	cpu->regime.has &= ~(uint32_t)(HW_HAS_DOMAINS | HW_HAS_SMAP);
	return cpu;
}

/* Best of ROUNDS, in millions a second. @pages are visited at random or in turn. */
static double run(struct hw_cpu *cpu, const struct dram *d, uint32_t pages, bool cycles, bool turn)
{
	static uint32_t order[1 << 16];
	struct rng rng = {1};
	double best = 0;

	for (unsigned i = 0; i < 1 << 16; i++)
		order[i] = (turn ? i % pages : rng_below(&rng, pages)) << 12 | (i * 8 & 0xff8);
	cpu->count_cycles = cycles;
	for (int round = 0; round < ROUNDS; round++) {
		struct hw_access a = {.bytes = 8, .kind = HW_LOAD};
		double start = cpu_s();

		for (unsigned i = 0; i < ACCESSES; i++) {
			a.va = order[i & 0xffff];
			if (hw_access(cpu, d, &a, NULL)) {
				fprintf(stderr, "fault at %#llx: %s\n", (unsigned long long)a.va,
					hw_fault_words(a.fault.fault));
				exit(1);
			}
		}
		double rate = ACCESSES / (cpu_s() - start) / 1e6;

		best = rate > best ? rate : best;
	}
	return best;
}

static void bench_mode(enum hw_family family, enum paging_mode_id mode)
{
	struct arena arena;
	struct refusal why;

	if (arena_init(&arena, (128ULL << 20) + 65536, 0, &why))
		abort();
	struct dram d = {.arena = &arena,
		.contents = arena.base + 65536,
		.has = (uint64_t *)arena.base,
		.bytes = 128ULL << 20};

	map_pages(&d, &paging_modes[mode]);
	for (uint64_t page = 0; page < PAGES; page++)
		put(&d, DATA + (page << 12), 8, page);
	struct hw_cpu *cpu = make(family, mode, TLBS), *walker = make(family, mode, WALK_CACHE),
		      *bare = make(family, mode, NOTHING);

	printf("%-22s %8.1f %10.1f %8.1f %8.1f %8.1f\n", paging_modes[mode].name,
		run(cpu, &d, 1, false, false), run(cpu, &d, 1, true, false),
		run(cpu, &d, 32, false, false), run(walker, &d, PAGES, false, true),
		run(bare, &d, PAGES, false, true));
	free(cpu);
	free(walker);
	free(bare);
	arena_finish(&arena);
}

int main(void)
{
	printf("million accesses a second (wanted: hit 100, hit+cycles 30, walk 20)\n");
	printf("%-22s %8s %10s %8s %8s %8s\n", "mode", "hit", "hit+cycles", "random", "cached",
		"walk");
	bench_mode(HW_X86_32, PAGING_X86_32);
	bench_mode(HW_X86_32, PAGING_X86_PAE);
	bench_mode(HW_X86_64, PAGING_X86_64);
	bench_mode(HW_X86_64, PAGING_X86_64_LA57);
	bench_mode(HW_RISCV, PAGING_SV39);
	bench_mode(HW_ARM64, PAGING_ARM64_4K);
	bench_mode(HW_ARM, PAGING_ARM_SHORT);
	return 0;
}
