/* SPDX-License-Identifier: MIT
 *
 * events/SYSTEM/EVENT/format and id: how an event's binary record is laid out and printed, for libtraceevent's users.
 *
 * Fields follow the common ones at their natural alignment; an unsigned long has the size of the machine's. The
 * records of this ring have another shape, which nobody sees: there is no trace_pipe_raw.
 * Format: kernel/trace/trace_events.c (f_show()) and include/trace/events/{kmem,migrate,cma}.h of 6.1.
 */
#include "view/files.h"

#include "mm/core/trace.h"
#include "mm/page/page_alloc.h"

#include <string.h>

#define FIRST_ID                                                                                   \
	480 /* the kernel numbers events as it meets them; tools read the number from here */

struct field {
	const char *type, *name;
};

#define COMPACT_DEFER_FIELDS                                                                       \
	{                                                                                          \
		{"int", "nid"}, {"enum zone_type", "idx"}, {"int", "order"},                       \
			{"unsigned int", "considered"}, {"unsigned int", "defer_shift"},           \
		{                                                                                  \
			"int", "order_failed"                                                      \
		}                                                                                  \
	}
#define COMPACT_DEFER_PRINT                                                                        \
	"\"node=%d zone=%-8s order=%d order_failed=%d consider=%u limit=%lu\", REC->nid, "         \
	"__print_symbolic(REC->idx, {0, \"DMA\"}, {1, \"DMA32\"}, {2, \"Normal\"}, {3, "           \
	"\"Movable\"}), REC->order, REC->order_failed, REC->considered, 1UL << REC->defer_shift"
#define COMPACT_KCOMPACTD_PRINT                                                                    \
	"\"nid=%d order=%d classzone_idx=%-8s\", REC->nid, REC->order, "                           \
	"__print_symbolic(REC->highest_zoneidx, {0, \"DMA\"}, {1, \"DMA32\"}, {2, "                \
	"\"Normal\"}, {3, \"Movable\"})"
#define COMPACT_RANGE_PRINT                                                                        \
	"\"range=(0x%lx ~ 0x%lx) nr_scanned=%lu nr_taken=%lu\", REC->start_pfn, REC->end_pfn, "    \
	"REC->nr_scanned, REC->nr_taken"
#define COMPACT_ENDS "zone_start=0x%lx migrate_pfn=0x%lx free_pfn=0x%lx zone_end=0x%lx, mode=%s"
#define COMPACT_ENDS_REC                                                                           \
	"REC->zone_start, REC->migrate_pfn, REC->free_pfn, REC->zone_end, REC->sync ? \"sync\" : " \
	"\"async\""

static const struct field fields[NR_TRACE_EVENTS][8] = {
	[TRACE_mm_page_alloc] = {{"unsigned long", "pfn"}, {"unsigned int", "order"},
		{"unsigned long", "gfp_flags"}, {"int", "migratetype"}},
	[TRACE_mm_page_free] = {{"unsigned long", "pfn"}, {"unsigned int", "order"}},
	[TRACE_mm_page_free_batched] = {{"unsigned long", "pfn"}},
	[TRACE_mm_page_alloc_zone_locked] = {{"unsigned long", "pfn"}, {"unsigned int", "order"},
		{"int", "migratetype"}, {"int", "percpu_refill"}},
	[TRACE_mm_page_pcpu_drain] = {{"unsigned long", "pfn"}, {"unsigned int", "order"},
		{"int", "migratetype"}},
	[TRACE_mm_page_alloc_extfrag] = {{"unsigned long", "pfn"}, {"int", "alloc_order"},
		{"int", "fallback_order"}, {"int", "alloc_migratetype"},
		{"int", "fallback_migratetype"}, {"int", "change_ownership"}},
	[TRACE_mm_migrate_pages] = {{"unsigned long", "succeeded"}, {"unsigned long", "failed"},
		{"unsigned long", "thp_succeeded"}, {"unsigned long", "thp_failed"},
		{"unsigned long", "thp_split"}, {"enum migrate_mode", "mode"}, {"int", "reason"}},
	[TRACE_mm_migrate_pages_start] = {{"enum migrate_mode", "mode"}, {"int", "reason"}},
	[TRACE_set_migration_pte] = {{"unsigned long", "addr"}, {"unsigned long", "pte"},
		{"int", "order"}},
	[TRACE_remove_migration_pte] = {{"unsigned long", "addr"}, {"unsigned long", "pte"},
		{"int", "order"}},
	[TRACE_mm_compaction_isolate_migratepages] = {{"unsigned long", "start_pfn"},
		{"unsigned long", "end_pfn"}, {"unsigned long", "nr_scanned"},
		{"unsigned long", "nr_taken"}},
	[TRACE_mm_compaction_isolate_freepages] = {{"unsigned long", "start_pfn"},
		{"unsigned long", "end_pfn"}, {"unsigned long", "nr_scanned"},
		{"unsigned long", "nr_taken"}},
	[TRACE_mm_compaction_migratepages] = {{"unsigned long", "nr_migrated"},
		{"unsigned long", "nr_failed"}},
	[TRACE_mm_compaction_begin] = {{"unsigned long", "zone_start"},
		{"unsigned long", "migrate_pfn"}, {"unsigned long", "free_pfn"},
		{"unsigned long", "zone_end"}, {"bool", "sync"}},
	[TRACE_mm_compaction_end] = {{"unsigned long", "zone_start"},
		{"unsigned long", "migrate_pfn"}, {"unsigned long", "free_pfn"},
		{"unsigned long", "zone_end"}, {"bool", "sync"}, {"int", "status"}},
	[TRACE_mm_compaction_try_to_compact_pages] = {{"int", "order"},
		{"unsigned long", "gfp_mask"}, {"int", "prio"}},
	[TRACE_mm_compaction_suitable] = {{"int", "nid"}, {"enum zone_type", "idx"},
		{"int", "order"}, {"int", "ret"}},
	[TRACE_mm_compaction_deferred] = COMPACT_DEFER_FIELDS,
	[TRACE_mm_compaction_defer_compaction] = COMPACT_DEFER_FIELDS,
	[TRACE_mm_compaction_defer_reset] = COMPACT_DEFER_FIELDS,
	[TRACE_mm_compaction_kcompactd_sleep] = {{"int", "nid"}},
	[TRACE_mm_compaction_wakeup_kcompactd] = {{"int", "nid"}, {"int", "order"},
		{"enum zone_type", "highest_zoneidx"}},
	[TRACE_mm_compaction_kcompactd_wake] = {{"int", "nid"}, {"int", "order"},
		{"enum zone_type", "highest_zoneidx"}},
	[TRACE_cma_release] = {{"__data_loc char[]", "name"}, {"unsigned long", "pfn"},
		{"const struct page *", "page"}, {"unsigned long", "count"}},
	[TRACE_cma_alloc_start] = {{"__data_loc char[]", "name"}, {"unsigned long", "count"},
		{"unsigned int", "align"}},
	[TRACE_cma_alloc_finish] = {{"__data_loc char[]", "name"}, {"unsigned long", "pfn"},
		{"const struct page *", "page"}, {"unsigned long", "count"},
		{"unsigned int", "align"}, {"int", "errorno"}},
	[TRACE_cma_alloc_busy_retry] = {{"__data_loc char[]", "name"}, {"unsigned long", "pfn"},
		{"const struct page *", "page"}, {"unsigned long", "count"},
		{"unsigned int", "align"}},
};

#define PAGE_OF_REC "(((struct page *)vmemmap_base) + (REC->pfn)), REC->pfn"
#define PAGE_OR_NONE                                                                               \
	"REC->pfn != -1UL ? (((struct page *)vmemmap_base) + (REC->pfn)) : ((void *)0), REC->pfn " \
	"!= -1UL ? REC->pfn : 0"

#define MODE_NAMES                                                                                 \
	"__print_symbolic(REC->mode, {0, \"MIGRATE_ASYNC\"}, {1, \"MIGRATE_SYNC_LIGHT\"}, "        \
	"{2, \"MIGRATE_SYNC\"}), "
#define REASON_NAMES                                                                               \
	"__print_symbolic(REC->reason, {0, \"compaction\"}, {1, \"memory_failure\"}, "             \
	"{2, \"memory_hotplug\"}, {3, \"syscall_or_cpuset\"}, {4, \"mempolicy_mbind\"}, "          \
	"{5, \"numa_misplaced\"}, {6, \"contig_range\"}, {7, \"longterm_pin\"}, {8, "              \
	"\"demotion\"})"

static const char *const prints[NR_TRACE_EVENTS] = {
	[TRACE_mm_page_alloc] =
		"\"page=%p pfn=0x%lx order=%d migratetype=%d gfp_flags=%s\", " PAGE_OR_NONE
		", REC->order, REC->migratetype, (REC->gfp_flags) ? ",
	[TRACE_mm_page_free] = "\"page=%p pfn=0x%lx order=%d\", " PAGE_OF_REC ", REC->order",
	[TRACE_mm_page_free_batched] = "\"page=%p pfn=0x%lx order=0\", " PAGE_OF_REC,
	[TRACE_mm_page_alloc_zone_locked] =
		"\"page=%p pfn=0x%lx order=%u migratetype=%d percpu_refill=%d\", " PAGE_OR_NONE
		", REC->order, REC->migratetype, REC->percpu_refill",
	[TRACE_mm_page_pcpu_drain] = "\"page=%p pfn=0x%lx order=%d migratetype=%d\", " PAGE_OF_REC
				     ", REC->order, REC->migratetype",
	[TRACE_mm_page_alloc_extfrag] =
		"\"page=%p pfn=0x%lx alloc_order=%d fallback_order=%d pageblock_order=%d "
		"alloc_migratetype=%d "
		"fallback_migratetype=%d fragmenting=%d change_ownership=%d\", " PAGE_OF_REC
		", REC->alloc_order, REC->fallback_order, ",
	[TRACE_mm_migrate_pages] = "\"nr_succeeded=%lu nr_failed=%lu nr_thp_succeeded=%lu "
				   "nr_thp_failed=%lu nr_thp_split=%lu mode=%s reason=%s\", "
				   "REC->succeeded, REC->failed, REC->thp_succeeded, "
				   "REC->thp_failed, REC->thp_split, " MODE_NAMES REASON_NAMES,
	[TRACE_mm_migrate_pages_start] = "\"mode=%s reason=%s\", " MODE_NAMES REASON_NAMES,
	[TRACE_set_migration_pte] =
		"\"addr=%lx, pte=%lx order=%d\", REC->addr, REC->pte, REC->order",
	[TRACE_remove_migration_pte] =
		"\"addr=%lx, pte=%lx order=%d\", REC->addr, REC->pte, REC->order",
	[TRACE_mm_compaction_isolate_migratepages] = COMPACT_RANGE_PRINT,
	[TRACE_mm_compaction_isolate_freepages] = COMPACT_RANGE_PRINT,
	[TRACE_mm_compaction_migratepages] =
		"\"nr_migrated=%lu nr_failed=%lu\", REC->nr_migrated, REC->nr_failed",
	[TRACE_mm_compaction_begin] = "\"" COMPACT_ENDS "\", " COMPACT_ENDS_REC,
	[TRACE_mm_compaction_end] =
		"\"" COMPACT_ENDS " status=%s\", " COMPACT_ENDS_REC ", REC->status",
	[TRACE_mm_compaction_try_to_compact_pages] =
		"\"order=%d gfp_mask=%s priority=%d\", REC->order, REC->gfp_mask, REC->prio",
	[TRACE_mm_compaction_suitable] = "\"node=%d zone=%d order=%d ret=%d\", REC->nid, REC->idx, "
					 "REC->order, REC->ret",
	[TRACE_mm_compaction_deferred] = COMPACT_DEFER_PRINT,
	[TRACE_mm_compaction_defer_compaction] = COMPACT_DEFER_PRINT,
	[TRACE_mm_compaction_defer_reset] = COMPACT_DEFER_PRINT,
	[TRACE_mm_compaction_kcompactd_sleep] = "\"nid=%d\", REC->nid",
	[TRACE_mm_compaction_wakeup_kcompactd] = COMPACT_KCOMPACTD_PRINT,
	[TRACE_mm_compaction_kcompactd_wake] = COMPACT_KCOMPACTD_PRINT,
	[TRACE_cma_release] = "\"name=%s pfn=0x%lx page=%p count=%lu\", __get_str(name), "
			      "REC->pfn, REC->page, REC->count",
	[TRACE_cma_alloc_start] =
		"\"name=%s count=%lu align=%u\", __get_str(name), REC->count, REC->align",
	[TRACE_cma_alloc_finish] =
		"\"name=%s pfn=0x%lx page=%p count=%lu align=%u errorno=%d\", __get_str(name), "
		"REC->pfn, REC->page, REC->count, REC->align, REC->errorno",
	[TRACE_cma_alloc_busy_retry] =
		"\"name=%s pfn=0x%lx page=%p count=%lu align=%u\", __get_str(name), REC->pfn, "
		"REC->page, REC->count, REC->align",
};

/* A string's field says whether the machine's char is signed: it is on x86. */
static bool is_signed(const struct machine *m, const char *type)
{
	return type[0] == 'i' || (type[0] == '_' && machine_has(m, CONFIG_X86));
}

static void put_field(const struct machine *m, struct text *out, const struct field *f,
	unsigned offset, unsigned size)
{
	text_printf(out, "\tfield:%s %s;\toffset:%u;\tsize:%u;\tsigned:%d;\n", f->type, f->name,
		offset, size, is_signed(m, f->type));
}

static unsigned size_of(const struct machine *m, const char *type)
{
	bool word = !strcmp(type, "unsigned long") || strchr(type, '*');

	return word && machine_has(m, CONFIG_64BIT) ? 8 : 4;
}

static void put_flag_names(struct text *out)
{
	const char *comma = "";
	const char *name, *doc;
	gfp_t value;

	text_puts(out, "__print_flags(REC->gfp_flags, \"|\", ");
	/* Composites come behind the bits in the list and before them in what is printed. */
	for (unsigned pass = 0; pass < 2; pass++) {
		for (unsigned i = 0; gfp_nth(i, &name, &value, &doc); i++) {
			bool composite = name[0] != '_';

			if (composite == !pass) {
				text_printf(out, "%s{ 0x%xUL, \"%s\" }", comma, value, name);
				comma = ", ";
			}
		}
	}
	text_puts(out, " ) : \"none\"");
}

static void put_print(const struct machine *m, enum trace_event e, struct text *out)
{
	text_printf(out, "\nprint fmt: %s", prints[e]);
	if (e == TRACE_mm_page_alloc)
		put_flag_names(out);
	if (e == TRACE_mm_page_alloc_extfrag)
		text_printf(out,
			"%u, REC->alloc_migratetype, REC->fallback_migratetype, "
			"REC->fallback_order < %u, "
			"REC->change_ownership",
			m->pageblock_order, m->pageblock_order);
	text_putc(out, '\n');
}

int show_event_format(struct view *v, struct text *out)
{
	enum trace_event e = (enum trace_event)v->arg[1];
	char name[64];
	unsigned offset = 8;

	event_arg.print(v, v->arg[1], name, sizeof(name));
	text_printf(out, "name: %s\nID: %u\nformat:\n", name, FIRST_ID + (unsigned)e);
	text_puts(out,
		"\tfield:unsigned short common_type;\toffset:0;\tsize:2;\tsigned:0;\n"
		"\tfield:unsigned char common_flags;\toffset:2;\tsize:1;\tsigned:0;\n"
		"\tfield:unsigned char common_preempt_count;\toffset:3;\tsize:1;\tsigned:0;\n"
		"\tfield:int common_pid;\toffset:4;\tsize:4;\tsigned:1;\n\n");
	for (const struct field *f = fields[e]; f->type; f++) {
		unsigned size = size_of(v->m, f->type);

		offset = (offset + size - 1) / size * size;
		put_field(v->m, out, f, offset, size);
		offset += size;
	}
	put_print(v->m, e, out);
	return 0;
}

int show_event_id(struct view *v, struct text *out)
{
	text_printf(out, "%u\n", FIRST_ID + (unsigned)v->arg[1]);
	return 0;
}
