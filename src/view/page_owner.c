/* SPDX-License-Identifier: MIT
 *
 * sys/kernel/debug/page_owner: each allocation's first page, with who took it and from where.
 *
 *	Page allocated via order 0, mask 0xcc0(GFP_KERNEL), pid 101, tgid 101 (hog), ts 1200 ns, free_ts 0 ns
 *	PFN 4096 type Movable Block 8 type Movable Flags 0x...(uptodate|lru|swapbacked|node=0|zone=1|lastcpupid=0x1fffff)
 *	 do_anonymous_page+0x0/0x0
 *
 * Linux gives one entry a read(2); here the file is text like others, made when it is opened.
 * Format: print_page_owner() of mm/page_owner.c of 6.1.
 */
#include "view/files.h"

#include "mm/debug/page_owner.h"
#include "mm/page/frame.h"
#include "mm/page/page_alloc.h"
#include "mm/page/page_flags.h"
#include "mm/page/zone.h"

typedef unsigned long long ull;

/* enum migrate_reason of include/linux/migrate_mode.h, as migrate_reason_names[] has them. */
static const char *const reasons[] = {"compaction", "memory_failure", "memory_hotplug",
	"syscall_or_cpuset", "mempolicy_mbind", "numa_misplaced", "contig_range", "longterm_pin",
	"demotion"};

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
	page_flags_print(m, pfn, out);
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
