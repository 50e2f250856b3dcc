/* SPDX-License-Identifier: MIT
 *
 * The usual access, inline: both the TLB and the cache have in front what was used last, and most accesses want it again.
 *
 *	va ──> first TLB, its set's first entry: a small page? may it be used as it is?
 *	           └─> cache, its set's first line: the same line?      both: that is all
 *
 * It leaves what hw_access() leaves, which asks it first; whoever makes many accesses in a row asks it by himself.
 */
#ifndef SIMM_HW_FRONT_H
#define SIMM_HW_FRONT_H

#include "hw/cpu.h"

static inline bool hw_is_x86(const struct hw_cpu *cpu)
{
	return cpu->desc.family == HW_X86_32 || cpu->desc.family == HW_X86_64;
}

static inline struct tlb *hw_first_tlb(struct hw_cpu *cpu, enum hw_kind kind)
{
	return kind == HW_FETCH ? &cpu->itlb : &cpu->dtlb;
}

/* Most accesses may be made, and a page's flags alone say so. */
static inline bool hw_plainly_allowed(
	const struct hw_regime *r, uint32_t flags, enum hw_kind kind, bool user)
{
	uint32_t want = (uint32_t)(user ? HW_UR : HW_PR) << kind;
	uint32_t ask = !user && flags & HW_U_ALL ? HW_HAS_DOMAINS | HW_HAS_SMEP | HW_HAS_SMAP
						 : HW_HAS_DOMAINS;

	return flags & want && !(r->has & ask);
}

/* The entry that a search of the first TLB would find, when it is that of a small page in front of its set, and nothing is
 * to be done but to use it. NULL: it must be searched. */
static inline const struct tlb_page *hw_front_entry(const struct hw_cpu *cpu,
	const struct tlb *first, uint64_t va, enum hw_kind kind, bool user)
{
	uint64_t page = va >> DRAM_FRAME_SHIFT;

	if (!(first->shifts & DRAM_FRAME_BYTES) || cpu->regime.mode == PAGING_NONE)
		return NULL;
	struct tlb_set *set = tlb_set(first, page);

	if (!tlb_front_is(first, set, tlb_key(va, DRAM_FRAME_SHIFT), cpu->regime.asid))
		return NULL;
	const struct tlb_page *e = tlb_page(first, set, set->front);

	if (!hw_plainly_allowed(&cpu->regime, e->flags, kind, user) ||
		(kind == HW_STORE && !(e->flags & HW_DIRTY)))
		return NULL;
	return e;
}

/* One access to the line of @pa through the data cache: its cycles. _behind: the same, whose line is not in front. */
uint32_t hw_cached_behind(struct hw_cpu *cpu, const struct dram *d, uint64_t pa, bool write);
static inline uint32_t hw_cached(struct hw_cpu *cpu, const struct dram *d, uint64_t pa, bool write)
{
	if (__builtin_expect(!d->stale && cache_front(&cpu->dcache, pa, write), 1))
		return cpu->dcache.desc.hit_cycles;
	return hw_cached_behind(cpu, d, pa, write);
}

/* The same of bytes that lie in one line or in two. _lines(): in two. */
uint32_t hw_cached_lines(struct hw_cpu *cpu, const struct dram *d, uint64_t first, uint64_t last, bool write);
static inline uint32_t hw_cached_bytes(
	struct hw_cpu *cpu, const struct dram *d, uint64_t pa, unsigned bytes, bool write)
{
	uint64_t last = pa + bytes - 1;

	if (__builtin_expect((pa ^ last) >> cpu->dcache.desc.line_shift != 0, 0))
		return hw_cached_lines(cpu, d, pa, last, write);
	return hw_cached(cpu, d, pa, write);
}

/* Without @data nothing need be at @pa, but where an empty bus is a fault. */
static inline bool hw_answers(const struct hw_cpu *cpu, const struct dram *d, uint64_t pa, bool data)
{
	return (!data && hw_is_x86(cpu)) || dram_has(d, pa);
}

/* Make the access, all but its bytes, for which there must be contents when @data, through @e of @first: hw_front_entry().
 * *@pa and *@cycles are as those of struct hw_access. False: nothing was done, hw_access() must. */
static inline bool hw_front_use(struct hw_cpu *cpu, const struct dram *d, struct tlb *first, const struct tlb_page *e,
	uint64_t va, unsigned bytes, enum hw_kind kind, bool data, uint64_t *pa, uint32_t *cycles)
{
	uint64_t span = va ^ (va + bytes - 1);

	if (d->stale || span >> DRAM_FRAME_SHIFT)
		return false;
	*pa = e->pa | va % DRAM_FRAME_BYTES;
	*cycles = 0;
	if (!hw_answers(cpu, d, *pa, data))
		return false;
	if (cpu->count_cycles) {
		if (e->flags & HW_UNCACHED)
			return false;
		*cycles = hw_cached_bytes(cpu, d, *pa, bytes, kind == HW_STORE);
		cpu->counters.cycles += *cycles;
	}
	cpu->counters.accesses[kind]++;
	first->hits++;
	return true;
}

/* Both, for whoever makes many accesses in a row. */
static inline bool hw_front_access(struct hw_cpu *cpu, const struct dram *d, uint64_t va,
	unsigned bytes, enum hw_kind kind, bool user, bool data, uint64_t *pa, uint32_t *cycles)
{
	struct tlb *first = hw_first_tlb(cpu, kind);
	const struct tlb_page *e = hw_front_entry(cpu, first, va, kind, user);

	return e && hw_front_use(cpu, d, first, e, va, bytes, kind, data, pa, cycles);
}

#endif
