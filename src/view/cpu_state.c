/* SPDX-License-Identifier: MIT
 *
 * A CPU from outside: sim/cpuN/registers, tlb and counters. Looking makes no access, so it changes nothing; a CPU
 * that has made none has the registers with which boot left it, empty TLBs and zero counts.
 *
 * Two switches can be written: cycles, whether accesses are charged for; and mmu, whether the CPU translates addresses.
 * Without it a CPU is as before boot: what it is asked for is physical. A process that is to run there switches it on.
 */
#include "view/files.h"

#include "base/parse.h"
#include "mm/kernel/cpus.h"
#include "view/translation.h"

typedef unsigned long long ull;

/* "[PSE PAE PGE] " */
static void put_switches(struct text *out, enum hw_reg reg, uint64_t value)
{
	const char *before = "[", *after = "";

	for (unsigned bit = 0; bit < 64; bit++) {
		const char *word = value >> bit & 1 ? hw_reg_bit(reg, bit) : NULL;

		if (!word)
			continue;
		text_printf(out, "%s%s", before, word);
		before = " ";
		after = "] ";
	}
	text_puts(out, after);
}

int show_cpu_registers(struct view *v, struct text *out)
{
	const struct machine *m = v->m;
	const uint64_t *reg = machine_cpu_registers(m, (unsigned)v->arg[0]);
	const struct paging_mode *mode =
		&paging_modes[machine_cpu_regime(m, (unsigned)v->arg[0]).mode];

	text_printf(out, "%-11s %s (%s)\n", "paging", mode->name, mode->doc);
	for (unsigned i = 0; i < NR_HW_REGS; i++) {
		if (!hw_reg_exists((enum hw_family)m->cpus.desc.family, (enum hw_reg)i))
			continue;
		text_printf(out, "%-11s 0x%016llx  ", hw_reg_name((enum hw_reg)i), (ull)reg[i]);
		put_switches(out, (enum hw_reg)i, reg[i]);
		text_printf(out, "%s\n", hw_reg_doc((enum hw_reg)i));
	}
	return 0;
}

/* ---- switches of the simulation ---- */

int parse_switch(struct view *v, const char *data, size_t len, const char *means, bool *on)
{
	size_t digits = parse_line_len(data, len);

	*on = digits == 1 && *data == '1';
	if (digits == 1 && (*data == '0' || *data == '1'))
		return 0;
	return refuse(&v->m->why, EINVAL, "write 1 or 0: %s", means);
}

int show_cpu_cycles(struct view *v, struct text *out)
{
	const struct hw_cpu *cpu = machine_cpu_peek(v->m, (unsigned)v->arg[0]);

	text_printf(out, "%d\n", !cpu || cpu->count_cycles);
	return 0;
}

int64_t store_cpu_cycles(struct view *v, const char *data, size_t len)
{
	bool on;
	int err = parse_switch(v, data, len, "whether accesses cost cycles", &on);

	if (err)
		return err;
	struct hw_cpu *cpu = machine_cpu(v->m, (unsigned)v->arg[0]);

	if (!cpu)
		return -v->m->why.err;
	cpu->count_cycles = on;
	return (int64_t)len;
}

int show_cpu_mmu(struct view *v, struct text *out)
{
	text_printf(out, "%d\n", machine_cpu_regime(v->m, (unsigned)v->arg[0]).mode != PAGING_NONE);
	return 0;
}

int64_t store_cpu_mmu(struct view *v, const char *data, size_t len)
{
	bool on;
	int err = parse_switch(v, data, len, "whether the CPU translates addresses", &on);

	if (!err)
		err = machine_cpu_set_mmu(v->m, (unsigned)v->arg[0], on);
	return err ? err : (int64_t)len;
}

/* ---- TLBs and counters ---- */

static void put_tlb(struct text *out, const char *name, const struct tlb *t)
{
	const struct tlb_page *e;
	unsigned i = 0;
	uint64_t va;

	text_printf(out, "%s: %u sets of %u ways, %u of %u in use\n", name, t->sets, t->ways,
		tlb_count(t), t->sets * t->ways);
	while ((e = tlb_next(t, &i, &va))) {
		text_printf(out, "  0x%llx ", (ull)va);
		put_page_size(out, e->shift);
		text_printf(out, " -> 0x%llx asid %u%s%s, ", (ull)e->pa, e->asid,
			e->flags & HW_GLOBAL ? " global" : "", e->flags & HW_DIRTY ? " dirty" : "");
		put_permissions(out, e->flags);
		text_putc(out, '\n');
	}
}

static void put_walk_cache(struct text *out, const struct walk_cache *c, uint32_t mode_id)
{
	const struct paging_mode *mode = &paging_modes[mode_id];

	text_printf(out, "page-walk cache: %u of %u in use\n", walk_cache_count(c), c->nr_entries);
	for (unsigned height = 0; height + 1 < mode->nr_levels; height++) {
		const struct paging_level *level = &mode->level[mode->nr_levels - 2u - height];

		for (uint32_t i = 0; i < c->desc.entries[height]; i++) {
			const struct walk_cache_entry *e = walk_cache_set(c, height, 0) + i;

			if (!e->key)
				continue;
			text_printf(out, "  0x%llx ", (ull)(walk_cache_prefix(e) << level->shift));
			put_page_size(out, level->shift);
			text_printf(out, " -> table 0x%llx of %ss, asid %u, ", (ull)e->to.table,
				level[1].name, walk_cache_asid(e));
			put_permissions(out, e->to.flags);
			text_putc(out, '\n');
		}
	}
}

int show_cpu_tlb(struct view *v, struct text *out)
{
	const struct hw_cpu *cpu = machine_cpu_peek(v->m, (unsigned)v->arg[0]);

	if (!cpu) {
		text_puts(out, "empty: this CPU has made no access\n");
		return 0;
	}
	put_tlb(out, "instructions", &cpu->itlb);
	put_tlb(out, "data", &cpu->dtlb);
	put_tlb(out, "second level", &cpu->stlb);
	put_walk_cache(out, &cpu->walk_cache, cpu->regime.mode);
	return 0;
}

static void put_tlb_counters(struct text *out, const char *name, const struct tlb *t)
{
	text_printf(out, "%s_hits %llu\n%s_misses %llu\n%s_evictions %llu\n%s_invalidations %llu\n",
		name, (ull)t->hits, name, (ull)t->misses, name, (ull)t->evictions, name,
		(ull)t->invalidations);
}

static void put_walk_cache_counters(struct text *out, const struct walk_cache *c)
{
	uint64_t hits = 0;

	for (unsigned height = 0; height < WALK_CACHE_HEIGHTS; height++)
		hits += c->hits[height];
	text_printf(out,
		"walk_cache_hits %llu\nwalk_cache_misses %llu\nwalk_cache_evictions %llu\n"
		"walk_cache_invalidations %llu\n",
		(ull)hits, (ull)c->misses, (ull)c->evictions, (ull)c->invalidations);
}

int show_cpu_counters(struct view *v, struct text *out)
{
	static const struct hw_cpu idle;
	const struct hw_cpu *cpu = machine_cpu_peek(v->m, (unsigned)v->arg[0]);
	const struct hw_counters *n;

	cpu = cpu ? cpu : &idle;
	n = &cpu->counters;
	text_printf(out, "loads %llu\nstores %llu\nfetches %llu\ncycles %llu\n",
		(ull)n->accesses[HW_LOAD], (ull)n->accesses[HW_STORE], (ull)n->accesses[HW_FETCH],
		(ull)n->cycles);
	text_printf(out, "walks %llu\nwalk_steps %llu\nflags_set %llu\nfaults %llu\nflushes %llu\n",
		(ull)n->walks, (ull)n->walk_steps, (ull)n->flags_set, (ull)n->faults,
		(ull)n->flushes);
	text_printf(out, "shootdowns_sent %llu\nshootdowns_received %llu\n",
		(ull)v->m->processes.asids.shootdowns_sent[v->arg[0]],
		(ull)v->m->processes.asids.shootdowns_received[v->arg[0]]);
	put_tlb_counters(out, "itlb", &cpu->itlb);
	put_tlb_counters(out, "dtlb", &cpu->dtlb);
	put_tlb_counters(out, "stlb", &cpu->stlb);
	put_walk_cache_counters(out, &cpu->walk_cache);
	text_printf(out, "dcache_hits %llu\ndcache_misses %llu\ndcache_writebacks %llu\n",
		(ull)cpu->dcache.hits, (ull)cpu->dcache.misses, (ull)cpu->dcache.writebacks);
	return 0;
}
