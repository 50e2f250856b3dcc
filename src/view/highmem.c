/* SPDX-License-Identifier: MIT
 *
 * sim/pkmap, sim/fixmap and sim/kmap_stale: windows onto high memory in words. Looking changes nothing.
 *
 *	windows        1024 at 0xfec00000-0xfeffffff, 2 with users, 1 to be flushed, 1021 free
 *	window address    pfn     count users page of
 *	     1 0xfec01000 0x36c00     2     1 p.0
 */
#include "view/files.h"

#include "mm/kernel/fixmap.h"
#include "mm/kernel/highmem.h"
#include "mm/kernel/kernel_map.h"
#include "mm/kernel/layout.h"
#include "mm/page/contents.h"
#include "view/page_users.h"

#include <stdio.h>

typedef unsigned long long ull;

#define KEY "%-14s "

/* Whose page it is: a name that was given to it, else what it is used for. */
static void put_owner(const struct machine *m, uint64_t pfn, struct text *out)
{
	char name[VAR_NAME_MAX + 12];

	if (!pfn_valid(m, pfn)) {
		text_puts(out, "-");
		return;
	}
	struct frame f = frame_peek(m, pfn);
	const char *kind = page_owner_kind(m, pfn, &f);

	if (var_of_page(m, &m->vars, pfn, highmem_page_address(m, pfn), name))
		text_puts(out, name);
	else
		text_puts(out, kind ? kind : "-");
}

/* ---- pkmap ---- */

static void put_windows(struct machine *m, struct text *out)
{
	struct kernel_range r = kernel_area(m, AREA_PKMAP);
	unsigned n = pkmap_windows(m), used = 0, unused = 0;
	struct highmem_window w;

	for (unsigned nr = 0; nr < n; nr++) {
		pkmap_window(m, nr, &w);
		used += w.count > 1;
		unused += w.count == 1;
	}
	text_printf(out, KEY "%u at 0x%llx-0x%llx: %u with users, %u to be flushed, %u free\n",
		"windows", n, (ull)r.start, (ull)r.end - 1, used, unused, n - used - unused);
	text_printf(out, KEY "%u (the search goes on behind it)\n", "last_pkmap_nr",
		m->highmem.last_pkmap_nr);
	text_printf(out, KEY "%llu\n", "flushes", (ull)m->highmem.flushes);
}

int show_sim_pkmap(struct view *v, struct text *out)
{
	struct machine *m = v->m;
	bool any = false;

	put_windows(m, out);
	for (unsigned nr = 0; nr < pkmap_windows(m); nr++) {
		struct highmem_window w;

		pkmap_window(m, nr, &w);
		if (!w.count)
			continue;
		if (!any)
			text_printf(out, "\n%6s %-10s %-9s %5s %5s  %s\n", "window", "address",
				"pfn", "count", "users", "page of");
		any = true;
		text_printf(out, "%6u 0x%08llx 0x%-7llx %5u %5u  ", nr, (ull)w.address, (ull)w.pfn,
			w.count, w.count - 1);
		put_owner(m, w.pfn, out);
		text_putc(out, '\n');
	}
	return 0;
}

/* ---- fixmap ---- */

/* How many of the range's pages the kernel's tables map; *@pa gets the first one's. */
static unsigned count_mapped(struct machine *m, const struct fixmap_range *r, uint64_t *pa)
{
	struct hw_regime regime = kernel_map_regime(m);
	struct dram d = machine_dram(m);
	unsigned n = 0;

	for (uint32_t i = 0; i < r->pages; i++) {
		struct page_walk w;

		walk_tables(&regime, &d, fix_to_virt(m, r->first + i), &w);
		if (!w.fault && !n++)
			*pa = w.pa & ~(PAGE_BYTES - 1);
	}
	return n;
}

static void put_range(struct machine *m, const struct fixmap_range *r, struct text *out)
{
	int digits = machine_word_digits(m);
	char where[24];
	uint64_t pa = 0;
	unsigned mapped = m->kernel_map.root ? count_mapped(m, r, &pa) : 0;
	uint64_t low = fix_to_virt(m, r->first + r->pages - 1);

	text_printf(out, "%-27s %5u %5u  0x%0*llx-0x%0*llx  ", r->name, r->first, r->pages, digits,
		(ull)low, digits, (ull)fix_to_virt(m, r->first) + PAGE_BYTES - 1);
	if (!mapped)
		snprintf(where, sizeof(where), "-");
	else if (r->pages == 1)
		snprintf(where, sizeof(where), "0x%llx", (ull)pa);
	else
		snprintf(where, sizeof(where), "%u page%s", mapped, mapped == 1 ? "" : "s");
	text_printf(out, "%-12s  %s\n", where, r->doc);
}

static void put_slots(struct machine *m, unsigned cpu, struct text *out)
{
	for (unsigned slot = 0; slot < kmap_slots_per_cpu(m); slot++) {
		struct highmem_window w;

		kmap_slot(m, cpu, slot, &w);
		if (w.pfn == NO_PFN)
			continue;
		text_printf(out, "  slot %-4u 0x%08llx pfn 0x%-7llx ", slot, (ull)w.address,
			(ull)w.pfn);
		if (w.stale)
			text_puts(out, "stale: given back, and still in the table");
		else
			put_owner(m, w.pfn, out);
		text_putc(out, '\n');
	}
}

static void put_cpus(struct machine *m, struct text *out)
{
	unsigned step = kmap_slot_step(m), most = (kmap_slots_per_cpu(m) - 1) / step;

	for (unsigned cpu = 0; cpu < m->nr_cpus; cpu++) {
		unsigned atomic = kmap_atomic_depth(m, cpu);

		text_printf(out, "cpu%u: kmap slots 0x%08llx-0x%08llx, %u of %u in use", cpu,
			(ull)kmap_slot_address(m, cpu, kmap_slots_per_cpu(m) - 1),
			(ull)kmap_slot_address(m, cpu, 0) + PAGE_BYTES - 1,
			kmap_local_depth(m, cpu), most);
		if (atomic)
			text_printf(out, ", inside %u kmap_atomic: it may not sleep", atomic);
		text_putc(out, '\n');
		put_slots(m, cpu, out);
	}
}

int show_sim_fixmap(struct view *v, struct text *out)
{
	int columns = machine_has(v->m, CONFIG_64BIT) ? 37 : 21;
	struct fixmap_range r;

	text_printf(out, "%-27s %5s %5s  %-*s  %-12s  %s\n", "name", "index", "pages", columns,
		"addresses", "mapped to", "for");
	for (unsigned i = 0; fixmap_next(v->m, &i, &r);)
		put_range(v->m, &r, out);
	if (!kmap_slots_per_cpu(v->m))
		return 0;
	text_putc(out, '\n');
	put_cpus(v->m, out);
	return 0;
}

/* ---- what kunmap_atomic() leaves ---- */

int show_sim_kmap_stale(struct view *v, struct text *out)
{
	text_printf(out, "%d\n", v->m->highmem.stale);
	return 0;
}

int64_t store_sim_kmap_stale(struct view *v, const char *data, size_t len)
{
	bool on;
	int err = parse_switch(
		v, data, len, "whether kunmap_local and kunmap_atomic leave the entry", &on);

	if (err)
		return err;
	kmap_set_stale(v->m, on);
	return (int64_t)len;
}
