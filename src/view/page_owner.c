/* SPDX-License-Identifier: MIT
 *
 * sys/kernel/debug/page_owner: each allocation's first page, with who took it and from where.
 *
 *	Page allocated via order 0, mask 0xcc0(GFP_KERNEL), pid 101, tgid 101 (hog), ts 1200 ns, free_ts 0 ns
 *	PFN 4096 type Movable Block 8 type Movable Flags 0x...(uptodate|lru|swapbacked|node=0|zone=1|lastcpupid=0x1fffff)
 *	 do_anonymous_page+0x0/0x0
 *
 * Linux gives one entry a read(2); here the file is text like others, made when it is opened. page.flags is put together
 * for printing, with the bits of a 64-bit kernel with NUMA balancing, or of a 32-bit one.
 * Format: print_page_owner() of mm/page_owner.c, format_page_flags() of lib/vsprintf.c, include/linux/page-flags.h of 6.1.
 */
#include "view/files.h"

#include "mm/debug/page_owner.h"
#include "mm/page/frame.h"
#include "mm/page/page_alloc.h"
#include "mm/page/zone.h"

typedef unsigned long long ull;

/* enum pageflags, lowest bit first, as %pGp names them. */
static const struct {
	uint32_t frame;
	unsigned bit;
	const char *name;
} page_flags[] = {
	{FRAME_LOCKED, 0, "locked"},
	{FRAME_REFERENCED, 1, "referenced"},
	{FRAME_UPTODATE, 2, "uptodate"},
	{FRAME_DIRTY, 3, "dirty"},
	{FRAME_LRU, 4, "lru"},
	{FRAME_ACTIVE, 5, "active"},
	{FRAME_WORKINGSET, 6, "workingset"},
	{FRAME_ERROR, 8, "error"},
	{FRAME_SLAB, 9, "slab"},
	{FRAME_OWNER_PRIVATE, 10, "owner_priv_1"},
	{FRAME_RESERVED, 12, "reserved"},
	{FRAME_WRITEBACK, 15, "writeback"},
	{FRAME_HEAD, 16, "head"},
	{FRAME_ANON_EXCLUSIVE, 17, "mappedtodisk"}, /* PG_anon_exclusive is the same bit */
	{FRAME_RECLAIM, 18, "reclaim"},
	{FRAME_SWAPBACKED, 19, "swapbacked"},
	{FRAME_UNEVICTABLE, 20, "unevictable"},
	{FRAME_MLOCKED, 21, "mlocked"},
};

/* enum migrate_reason of include/linux/migrate_mode.h, as migrate_reason_names[] has them. */
static const char *const reasons[] = {"compaction", "memory_failure", "memory_hotplug",
	"syscall_or_cpuset", "mempolicy_mbind", "numa_misplaced", "contig_range", "longterm_pin",
	"demotion"};

static void put_page_flags(const struct machine *m, uint64_t pfn, struct text *out)
{
	const struct frame *f = frame_of(m, pfn);
	const struct zone *z = pfn_zone(m, pfn);
	bool wide = machine_has(m, CONFIG_64BIT);
	uint64_t zone = zone_to_index(m, z->type), word;

	word = wide ? (uint64_t)z->nid << 54 | zone << 51 | 0x1fffffULL << 30 : zone << 30;
	for (unsigned i = 0; i < sizeof(page_flags) / sizeof(page_flags[0]); i++)
		if (f->flags & page_flags[i].frame)
			word |= 1ULL << page_flags[i].bit;
	text_printf(out, "0x%llx(", (ull)word);
	for (unsigned i = 0; i < sizeof(page_flags) / sizeof(page_flags[0]); i++)
		if (f->flags & page_flags[i].frame)
			text_printf(out, "%s|", page_flags[i].name);
	if (wide)
		text_printf(out, "node=%u|zone=%llu|lastcpupid=0x1fffff)", z->nid, (ull)zone);
	else
		text_printf(out, "zone=%llu)", (ull)zone);
}

static void put_entry(
	const struct machine *m, uint64_t pfn, const struct page_owner *o, struct text *out)
{
	text_printf(out, "Page allocated via order %u, mask %#x(", o->order, o->gfp);
	gfp_print((gfp_t)o->gfp, out);
	text_printf(out, "), pid %u, tgid %u (%.16s), ts %llu ns, free_ts %llu ns\n", o->pid,
		o->tgid, o->comm, (ull)o->ts_ns, (ull)o->free_ts_ns);
	text_printf(out, "PFN %llu type %s Block %llu type %s Flags ", (ull)pfn,
		migratetype_name(gfp_migratetype(m, (gfp_t)o->gfp)),
		(ull)(pfn >> m->pageblock_order), migratetype_name(pageblock_type(m, pfn)));
	put_page_flags(m, pfn, out);
	text_putc(out, '\n');
	stack_depot_print(m, o->handle, 1, out);
	if (o->migrate_reason >= 0 &&
		(size_t)o->migrate_reason < sizeof(reasons) / sizeof(reasons[0]))
		text_printf(out, "Page has been migrated, last migrate reason: %s\n",
			reasons[o->migrate_reason]);
	text_putc(out, '\n');
}

bool has_page_owner(const struct machine *m)
{
	return m->page_owners.inited;
}

int show_page_owner(struct view *v, struct text *out)
{
	for (uint64_t pfn = 0; page_owner_next(v->m, &pfn); pfn++)
		put_entry(v->m, pfn, page_owner_of(v->m, pfn), out);
	return 0;
}
