/* SPDX-License-Identifier: MIT
 *
 * One access: translate (twice when it crosses a page), check, then move the bytes (see cpu.h). The usual one, which finds
 * what it wants in front of TLB and cache, is that of front.h; all others go this way:
 *
 * 1. Look in the first TLB, then in the second. A hit that the access may not use is a fault; a store through an entry
 *    that is not known to be dirty goes on to 2.
 * 2. Walk the tables, from where the page-walk cache knows the way to. A translation fault ends here; otherwise check,
 *    mark accessed and dirty, fill the page-walk cache and both TLBs.
 * 3. When every page of the access is translated, and only then, read or write the bytes; an access without data (bulk
 *    touches) ends before that: it costs the same and leaves the same marks, but DRAM gets no contents by it.
 *
 * Beside RAM devices may answer, with their registers: to data, not to fetches, and not across a page; never from a cache.
 * Where nothing answers on the bus, x86 reads all ones and loses writes, as PCs do; the others abort.
 */
#include "hw/front.h"
#include "hw/stale.h"

#include <assert.h>
#include <errno.h>

struct piece {
	uint64_t pa;
	uint32_t flags;
	unsigned bytes;
};

/* Tell the kernel where and why: the fault registers. */
static void fault_registers(struct hw_cpu *cpu, const struct hw_access *a)
{
	switch (cpu->desc.family) {
	case HW_X86_32:
	case HW_X86_64:
		if (a->vector == 14)
			cpu->reg[HW_CR2] = a->fault.va;
		break;
	case HW_ARM:
		cpu->reg[a->kind == HW_FETCH ? HW_IFSR : HW_DFSR] = a->code;
		cpu->reg[a->kind == HW_FETCH ? HW_IFAR : HW_DFAR] = a->fault.va;
		break;
	case HW_ARM64:
		cpu->reg[HW_ESR_EL1] = a->code;
		cpu->reg[HW_FAR_EL1] = a->fault.va;
		break;
	case HW_ARM_M:
		cpu->reg[HW_CFSR] |= a->code;
		if (a->code & 0x8080)
			cpu->reg[a->vector == 4 ? HW_MMFAR : HW_BFAR] = a->fault.va;
		break;
	default:
		cpu->reg[HW_SCAUSE] = a->code;
		cpu->reg[HW_STVAL] = a->fault.va;
		break;
	}
}

/* A page fault of x86 forgets what it was made from, so a stale entry is found out on the second try. @absent: the TLBs
 * that this kind of access asks are known not to have it. */
static void forget_page(struct hw_cpu *cpu, const struct hw_access *a, uint64_t va, bool absent)
{
	struct tlb *first = hw_first_tlb(cpu, a->kind);
	struct tlb *other = first == &cpu->dtlb ? &cpu->itlb : &cpu->dtlb;

	if (other->shifts)
		tlb_invalidate_page(other, va, cpu->regime.asid);
	if (!absent) {
		tlb_invalidate_page(first, va, cpu->regime.asid);
		tlb_invalidate_page(&cpu->stlb, va, cpu->regime.asid);
	}
	walk_cache_invalidate_va(&cpu->walk_cache, &cpu->regime, va);
}

static int raise_fault(struct hw_cpu *cpu, struct hw_access *a, enum hw_fault why, uint64_t va,
	unsigned depth, uint32_t flags, bool absent)
{
	bool fetch_told = (cpu->regime.has & HW_HAS_SMEP) ||
			  (cpu->regime.has & HW_HAS_NX && cpu->regime.mode != PAGING_X86_32);

	a->fault = (struct hw_fault_record){.fault = why,
		.kind = a->kind,
		.user = a->user,
		.depth = (uint8_t)depth,
		.region = a->region,
		.domain = flags >> HW_DOMAIN_SHIFT & 15,
		.va = va};
	hw_fault_exception(cpu->desc.family, &a->fault, fetch_told, &a->vector, &a->code);
	fault_registers(cpu, a);
	if (hw_is_x86(cpu) && a->vector == 14)
		forget_page(cpu, a, va, absent);
	cpu->counters.faults++;
	if (cpu->count_cycles)
		a->cycles += HW_CYCLES_FAULT;
	return -EFAULT;
}

int hw_fault_raise(struct hw_cpu *cpu, struct hw_access *a, enum hw_fault why, uint64_t va,
	unsigned depth, uint32_t flags)
{
	return raise_fault(cpu, a, why, va, depth, flags, false);
}

/* What a miss costs more because the memory is another node's: its distance is to 10 as its time to near memory's. */
static uint32_t far_cycles(const struct hw_cpu *cpu, const struct dram *d, uint64_t pa)
{
	unsigned distance = d->distance ? d->distance(d->owner, cpu->node, pa) : 10;

	return distance > 10 ? cpu->dcache.desc.miss_cycles * (distance - 10) / 10 : 0;
}

/* The cache misses, and not all memory is equally far; or the line may differ from DRAM's. */
static __attribute__((noinline)) uint32_t cached_with_care(
	struct hw_cpu *cpu, const struct dram *d, uint64_t pa, bool write)
{
	uint64_t misses = cpu->dcache.misses;
	uint32_t cycles = d->stale ? stale_cpu_access(d->stale, d, &cpu->dcache, pa, write)
				   : cache_access(&cpu->dcache, pa, write);

	return cpu->dcache.misses == misses ? cycles : cycles + far_cycles(cpu, d, pa);
}

uint32_t hw_cached_behind(struct hw_cpu *cpu, const struct dram *d, uint64_t pa, bool write)
{
	if (__builtin_expect(!d->stale && !d->distance, 1))
		return cache_access(&cpu->dcache, pa, write);
	return cached_with_care(cpu, d, pa, write);
}

__attribute__((noinline)) uint32_t hw_cached_lines(
	struct hw_cpu *cpu, const struct dram *d, uint64_t first, uint64_t last, bool write)
{
	/* One after the other: in a sum the compiler may choose which comes first, and the cache would differ. */
	uint32_t cycles = hw_cached(cpu, d, first, write);

	return cycles + hw_cached(cpu, d, last, write);
}

static __attribute__((noinline)) uint32_t charge_steps(struct hw_cpu *cpu, const struct dram *d,
	const struct walk_step *s, const struct walk_step *end)
{
	uint32_t cycles = 0;

	for (; s < end; s++)
		cycles += hw_cached(cpu, d, s->entry_at, false);
	return cycles;
}

/* How many of @nr steps in a row find their line in front. */
static __attribute__((noinline)) unsigned steps_in_front(
	const struct cache *c, const struct walk_step *s, unsigned nr)
{
	struct cache_view v = cache_view(c);
	unsigned n = 0;

	while (n < nr && cache_view_front(&v, s[n].entry_at))
		n++;
	return n;
}

/* The walker's reads go through the cache, too, where they mostly find what the last walk has left. */
static uint32_t charge_walk(struct hw_cpu *cpu, const struct dram *d, const struct page_walk *w)
{
	const struct walk_step *s = &w->step[w->first];
	unsigned nr = w->nr_steps - w->first, front = 0;

	if (nr == 1)
		return HW_CYCLES_WALK_STEP + hw_cached(cpu, d, s->entry_at, false);
	if (__builtin_expect(!d->stale && cpu->dcache.desc.ways, 1))
		front = steps_in_front(&cpu->dcache, s, nr);
	cpu->dcache.hits += front;
	return nr * HW_CYCLES_WALK_STEP + front * cpu->dcache.desc.hit_cycles +
	       (front < nr ? charge_steps(cpu, d, s + front, s + nr) : 0);
}

/* From the root, or from where the page-walk cache knows the way to. */
static struct page_walk *walk(struct hw_cpu *cpu, const struct dram *d, uint64_t va)
{
	struct page_walk *w = &cpu->walk_memory.walk;
	const struct walk_cache_entry *e = NULL;

	if (cpu->walk_cache.nr_entries)
		e = walk_cache_find(&cpu->walk_cache, &cpu->regime, va);
	if (e)
		walk_tables_from(&cpu->regime, d, &cpu->walk_memory, va, e->to);
	else
		walk_tables_with(&cpu->regime, d, &cpu->walk_memory, va);
	cpu->counters.walks++;
	cpu->counters.walk_steps += w->nr_steps - w->first;
	return w;
}

static inline __attribute__((always_inline)) void fill(
	struct tlb *t, uint64_t va, struct tlb_page page, bool absent)
{
	if (absent)
		tlb_put_absent(t, va, page);
	else
		tlb_put(t, va, page);
}

static inline enum hw_fault check(
	const struct hw_regime *r, uint32_t flags, const struct hw_access *a)
{
	if (hw_plainly_allowed(r, flags, a->kind, a->user))
		return HW_FAULT_NONE;
	return hw_check(r, flags, a->kind, a->user);
}

/* @absent: both TLBs were asked and have no entry. */
static int walk_and_fill(struct hw_cpu *cpu, const struct dram *d, struct hw_access *a, uint64_t va,
	struct piece *p, bool absent)
{
	struct page_walk *w = walk(cpu, d, va);

	if (cpu->count_cycles)
		a->cycles += charge_walk(cpu, d, w);
	unsigned depth = w->nr_steps ? w->nr_steps - 1 : 0;

	enum hw_fault why = w->fault;
	unsigned marked = 0;

	if (!why)
		why = check(&cpu->regime, w->flags, a);
	if (!why) {
		marked = walk_mark(&cpu->regime, d, w, a->kind);
		why = w->fault;
	}
	if (why)
		return raise_fault(cpu, a, why, va, depth, w->flags, absent);
	cpu->counters.flags_set += marked;
	if (cpu->count_cycles)
		a->cycles += marked * HW_CYCLES_SET_FLAG;
	struct tlb_page page = {.pa = w->pa >> w->page_shift << w->page_shift,
		.flags = w->flags,
		.asid = cpu->regime.asid,
		.depth = (uint8_t)depth,
		.shift = w->page_shift};

	if (w->first + 1 < w->nr_steps && cpu->walk_cache.nr_entries)
		walk_cache_fill(&cpu->walk_cache, &cpu->regime, w);
	fill(&cpu->stlb, va, page, absent);
	fill(hw_first_tlb(cpu, a->kind), va, page, absent);
	p->pa = w->pa;
	p->flags = w->flags;
	return 0;
}

/* The flags of @hit do not allow it: what is to blame? */
static enum hw_fault region_fault(const struct mpu_hit *hit, const struct hw_access *a, uint64_t va)
{
	if (hit->region == MPU_REGION_NONE)
		return HW_FAULT_NO_REGION;
	if (hit->region == MPU_REGION_DEFAULT) {
		if (a->user && !(hit->flags & HW_U_ALL))
			return va >> 20 == 0xe00 ? HW_FAULT_PPB_USER : HW_FAULT_MAP_USER;
		return HW_FAULT_MAP_EXEC;
	}
	if (a->user && !(hit->flags & HW_U_ALL))
		return HW_FAULT_REGION_USER;
	return a->kind == HW_STORE   ? HW_FAULT_REGION_WRITE
	       : a->kind == HW_FETCH ? HW_FAULT_REGION_EXEC
				     : HW_FAULT_REGION_READ;
}

/* No translation: the MPU is asked for the first byte and the last. There is a border between them at most once, as
 * regions and their eighths have 32 bytes at least. */
static int protect(struct hw_cpu *cpu, struct hw_access *a, uint64_t va, struct piece *p)
{
	uint32_t want = (uint32_t)(a->user ? HW_UR : HW_PR) << a->kind;

	a->region = MPU_REGION_NONE;
	for (unsigned i = 0; i < 2; i++) {
		uint64_t at = i ? va + p->bytes - 1 : va;

		if (at >> 32)
			return hw_fault_raise(cpu, a, HW_FAULT_TOO_LARGE, at, 0, 0);
		struct mpu_hit hit = mpu_find(&cpu->mpu, (uint32_t)at);

		if (!i) {
			p->pa = va;
			p->flags = hit.flags;
			a->region = hit.region;
		}
		if (hit.flags & want)
			continue;
		a->region = hit.region;
		return hw_fault_raise(cpu, a, region_fault(&hit, a, at), at, 0, 0);
	}
	return 0;
}

static inline struct hw_missed miss_of(
	const struct hw_cpu *cpu, const struct tlb *first, const struct hw_access *a, uint64_t va)
{
	return (struct hw_missed){.page = (va >> DRAM_FRAME_SHIFT) + 1,
		.changes = first->changes + cpu->stlb.changes,
		.asid = cpu->regime.asid,
		.fetch = a->kind == HW_FETCH};
}

/* Are both TLBs known to have nothing for @va? Counts as asking them does. */
static inline bool missed_before(
	struct hw_cpu *cpu, struct tlb *first, const struct hw_access *a, uint64_t va)
{
	const struct hw_missed *k = &cpu->missed, now = miss_of(cpu, first, a, va);

	if (now.page != k->page || now.changes != k->changes || now.asid != k->asid ||
		now.fetch != k->fetch)
		return false;
	first->misses++;
	cpu->stlb.misses++;
	return true;
}

/* Ask the first TLB, then the second; NULL: neither has it. @again: the same access has just faulted. */
static inline const struct tlb_page *look_up(
	struct hw_cpu *cpu, struct hw_access *a, uint64_t va, bool again, uint8_t *result)
{
	struct tlb *first = hw_first_tlb(cpu, a->kind);

	if (again && missed_before(cpu, first, a, va))
		return NULL;
	const struct tlb_page *e = tlb_find(first, va, cpu->regime.asid);

	*result = HW_TLB_HIT;
	if (__builtin_expect(e != NULL, 1))
		return e;
	e = tlb_find(&cpu->stlb, va, cpu->regime.asid);
	if (!e) {
		cpu->missed = miss_of(cpu, first, a, va);
		return NULL;
	}
	*result = HW_TLB_HIT2;
	tlb_put(first, va, *e);
	if (cpu->count_cycles)
		a->cycles += HW_CYCLES_TLB2;
	return e;
}

static inline int translate(struct hw_cpu *cpu, const struct dram *d, struct hw_access *a,
	uint64_t va, bool again, struct piece *p, uint8_t *result)
{
	if (cpu->regime.mode == PAGING_NONE) {
		*result = HW_TLB_OFF;
		if (cpu->desc.family == HW_ARM_M)
			return protect(cpu, a, va, p);
		p->pa = va;
		p->flags = HW_ALL;
		return 0;
	}
	const struct tlb_page *e = look_up(cpu, a, va, again, result);

	if (e) {
		enum hw_fault denied = check(&cpu->regime, e->flags, a);

		if (__builtin_expect(denied, 0))
			return hw_fault_raise(cpu, a, denied, va, e->depth, e->flags);
		if (a->kind != HW_STORE || e->flags & HW_DIRTY) {
			p->pa = e->pa | (va & (((uint64_t)1 << e->shift) - 1));
			p->flags = e->flags;
			return 0;
		}
	}
	*result = HW_TLB_MISS;
	return walk_and_fill(cpu, d, a, va, p, !e);
}

/* The access crosses a page: the bytes from @left on are the second one's. */
static int translate_second(struct hw_cpu *cpu, const struct dram *d, struct hw_access *a,
	uint64_t left, struct piece p[2])
{
	uint8_t tlb;

	p[0].bytes = (unsigned)left;
	p[1].bytes = a->bytes - (unsigned)left;
	return translate(cpu, d, a, a->va + left, false, &p[1], &tlb);
}

static inline void charge_bytes(
	struct hw_cpu *cpu, const struct dram *d, struct hw_access *a, const struct piece *p)
{
	if (__builtin_expect(p->flags & HW_UNCACHED, 0))
		a->cycles += cpu->dcache.desc.miss_cycles + far_cycles(cpu, d, p->pa);
	else
		a->cycles += hw_cached_bytes(cpu, d, p->pa, p->bytes, a->kind == HW_STORE);
}

/* With devices that bypass the caches, the caches decide which bytes there are, whether or not cycles are counted. An
 * uncached access goes around them. False: the bytes are those of DRAM's contents, as ever. */
static bool move_around(struct hw_cpu *cpu, const struct dram *d, struct hw_access *a,
	const struct piece *p, uint64_t *value, int *err, struct refusal *why)
{
	if (!cpu->count_cycles) {
		uint32_t cycles = a->cycles;

		charge_bytes(cpu, d, a, p);
		a->cycles = cycles;
	}
	if (!(p->flags & HW_UNCACHED) || a->no_data)
		return false;
	if (a->kind == HW_STORE) {
		*err = stale_write(d->stale, d, p->pa, value, p->bytes, why);
	} else {
		*value = 0;
		*err = stale_read(d->stale, d, p->pa, value, p->bytes);
	}
	return *err != -ENXIO;
}

static int store_piece(const struct hw_cpu *cpu, const struct dram *d, const struct piece *p,
	uint64_t value, struct refusal *why)
{
	int err = dram_store(d, p->pa, p->bytes, value, why);

	return err == -ENXIO && hw_is_x86(cpu) ? 0 : err;
}

static void load_piece(
	const struct hw_cpu *cpu, const struct dram *d, const struct piece *p, uint64_t *value)
{
	int err = dram_load(d, p->pa, p->bytes, value);

	assert(!err || hw_is_x86(cpu));
	if (err)
		*value = UINT64_MAX >> (64 - 8 * p->bytes);
}

/* Piece after piece, each by the cache or around it. */
static int move_stale(struct hw_cpu *cpu, const struct dram *d, struct hw_access *a,
	const struct piece *p, unsigned nr, struct refusal *why)
{
	uint64_t loaded = 0;
	unsigned shift = 0;
	int err = 0;

	for (unsigned i = 0; i < nr && !err; shift += 8 * p[i++].bytes) {
		uint64_t value = a->value >> shift;

		if (move_around(cpu, d, a, &p[i], &value, &err, why)) {
			loaded |= value << shift;
			continue;
		}
		err = 0;
		if (a->no_data)
			continue;
		if (a->kind == HW_STORE) {
			err = store_piece(cpu, d, &p[i], value, why);
			continue;
		}
		load_piece(cpu, d, &p[i], &value);
		loaded |= value << shift;
	}
	if (!err && !a->no_data && a->kind != HW_STORE)
		a->value = loaded;
	return err;
}

/* The access is to a device's registers, and done. -ENXIO: none are there. */
static int move_registers(struct hw_cpu *cpu, const struct dram *d, struct hw_access *a,
	const struct piece *p, unsigned nr)
{
	if (nr > 1 || a->kind == HW_FETCH || !d->registers)
		return -ENXIO;
	uint64_t value = a->value;
	int err = a->no_data ? d->registers->access(d->registers, p->pa, 0, false, &value)
			     : d->registers->access(
				       d->registers, p->pa, p->bytes, a->kind == HW_STORE, &value);

	if (err)
		return err;
	if (!a->no_data && a->kind != HW_STORE)
		a->value = value;
	if (cpu->count_cycles)
		a->cycles += cpu->dcache.desc.miss_cycles;
	return 0;
}

/* Before anything moves: does RAM answer at each piece, and can it be written? Without data it need not be. 1: the access is
 * done, by a device. */
static int prepare(struct hw_cpu *cpu, const struct dram *d, struct hw_access *a,
	const struct piece *p, unsigned nr, struct refusal *why)
{
	for (unsigned i = 0; i < nr; i++) {
		if (__builtin_expect(dram_has(d, p[i].pa), 1))
			continue;
		if (!dram_is_ram(d, p[i].pa)) {
			int err = move_registers(cpu, d, a, p, nr);

			if (err != -ENXIO)
				return err ? err : 1;
			if (!hw_is_x86(cpu))
				return hw_fault_raise(cpu, a, HW_FAULT_NO_RAM,
					i ? a->va + p[0].bytes : a->va, 0, 0);
			continue;
		}
		int err = a->kind == HW_STORE && !a->no_data ? dram_touch(d, p[i].pa, why) : 0;

		if (err)
			return err;
	}
	return 0;
}

static int move_bytes(struct hw_cpu *cpu, const struct dram *d, struct hw_access *a,
	const struct piece *p, unsigned nr, struct refusal *why)
{
	int err = prepare(cpu, d, a, p, nr, why);

	if (err)
		return err < 0 ? err : 0;
	if (cpu->count_cycles)
		for (unsigned i = 0; i < nr; i++)
			charge_bytes(cpu, d, a, &p[i]);
	if (__builtin_expect(d->stale != NULL, 0))
		return move_stale(cpu, d, a, p, nr, why);
	if (a->no_data)
		return 0;
	if (a->kind == HW_STORE) {
		err = store_piece(cpu, d, &p[0], a->value, why);
		if (!err && nr == 2)
			err = store_piece(cpu, d, &p[1], a->value >> (8 * p[0].bytes), why);
		return err;
	}
	load_piece(cpu, d, &p[0], &a->value);
	if (nr == 2) {
		uint64_t high;

		load_piece(cpu, d, &p[1], &high);
		a->value |= high << (8 * p[0].bytes);
	}
	return 0;
}

/* The usual case of move_bytes(): one page, and its frame has contents. */
static inline int move_in_place(struct hw_cpu *cpu, const struct dram *d, struct hw_access *a,
	const struct piece *p, struct refusal *why)
{
	if (cpu->count_cycles)
		charge_bytes(cpu, d, a, p);
	if (__builtin_expect(d->stale != NULL, 0))
		return move_stale(cpu, d, a, p, 1, why);
	if (a->no_data)
		return 0;
	if (a->kind == HW_STORE)
		return dram_store(d, p->pa, p->bytes, a->value, why);
	return dram_load(d, p->pa, p->bytes, &a->value);
}

static inline bool is_ppb(const struct hw_cpu *cpu, uint64_t pa)
{
	return pa >> 20 == 0xe00 && cpu->desc.family == HW_ARM_M;
}

/* The first piece has translated. The access crosses a page, or there is something else than RAM with contents. */
static __attribute__((noinline)) int access_elsewhere(struct hw_cpu *cpu, const struct dram *d,
	struct hw_access *a, const struct piece *first, struct refusal *why)
{
	uint64_t left = DRAM_FRAME_BYTES - a->va % DRAM_FRAME_BYTES;
	struct piece p[2] = {*first};
	unsigned nr = left < a->bytes ? 2 : 1;
	int err = nr == 2 ? translate_second(cpu, d, a, left, p) : 0;

	if (err)
		return err;
	return is_ppb(cpu, a->pa) ? hw_scs_access(cpu, a) : move_bytes(cpu, d, a, p, nr, why);
}

static __attribute__((noinline)) int access_any(
	struct hw_cpu *cpu, const struct dram *d, struct hw_access *a, struct refusal *why)
{
	bool again = a->fault.fault != HW_FAULT_NONE;
	struct piece p;

	assert(a->bytes >= 1 && a->bytes <= 8 && a->kind <= HW_FETCH);
	a->fault.fault = HW_FAULT_NONE;
	a->cycles = 0;
	cpu->counters.accesses[a->kind]++;
	p.bytes = a->bytes;
	int err = translate(cpu, d, a, a->va, again, &p, &a->tlb);

	if (__builtin_expect(!err, 1)) {
		bool there = hw_answers(cpu, d, p.pa, !a->no_data) && !is_ppb(cpu, p.pa);

		a->pa = p.pa;
		if (__builtin_expect(
			    there && a->va % DRAM_FRAME_BYTES + a->bytes <= DRAM_FRAME_BYTES, 1))
			err = move_in_place(cpu, d, a, &p, why);
		else
			err = access_elsewhere(cpu, d, a, &p, why);
	}
	cpu->counters.cycles += a->cycles;
	return err;
}

static __attribute__((noinline)) int move_at(const struct dram *d, struct hw_access *a)
{
	if (a->kind == HW_STORE)
		dram_put(d, a->pa, a->bytes, a->value);
	else
		a->value = dram_get(d, a->pa, a->bytes);
	return 0;
}

static __attribute__((noinline)) int access_front(struct hw_cpu *cpu, const struct dram *d,
	struct hw_access *a, struct refusal *why, const struct tlb_page *e)
{
	if (!hw_front_use(cpu, d, hw_first_tlb(cpu, a->kind), e, a->va, a->bytes, a->kind,
		    !a->no_data, &a->pa, &a->cycles))
		return access_any(cpu, d, a, why);
	a->tlb = HW_TLB_HIT;
	return a->no_data ? 0 : move_at(d, a);
}

int hw_access(struct hw_cpu *cpu, const struct dram *d, struct hw_access *a, struct refusal *why)
{
	const struct tlb_page *e;

	/* What has just faulted is not in front. */
	if (__builtin_expect(a->fault.fault != HW_FAULT_NONE, 0))
		return access_any(cpu, d, a, why);
	e = hw_front_entry(cpu, hw_first_tlb(cpu, a->kind), a->va, a->kind, a->user);
	return __builtin_expect(e != NULL, 1) ? access_front(cpu, d, a, why, e)
					      : access_any(cpu, d, a, why);
}
