/* SPDX-License-Identifier: MIT
 *
 * Migration: a page's contents, its users and its place on the LRU lists go to another page frame (mm/migrate.c of 6.1).
 *
 *	who wants it away          takes it off its list          moves the whole list
 *	compaction, CMA      ──>   migrate_isolate()        ──>   migrate_pages(list, where to)   ──>  what is left on the list
 *	move_pages, mbind          (or a sentence: why not)       up to ten passes                     did not move:
 *	a long-term pin                                                                                putback_movable_pages()
 *
 * What can move: a page of the LRU lists that nobody holds but those who map it and the page cache; and a page of the
 * kernel that was allocated as movable and is known by one name of sim/ctl or one pfn of a recording, which follows it
 * (holder.h). Whoever else holds a reference, a pin above all, keeps the page where it is.
 *
 * How a page of processes moves: its entries in all page tables become migration entries, and every CPU forgets the old
 * ones (unmap); no reference but the expected ones may be left then; the contents are copied; the page cache's slot and
 * what the frame knows change over; the migration entries become entries of the new page, as young, dirty, writable and
 * exclusive as they were. If a step cannot be, the entries become those of the old page again.
 *
 * A page moves whole within one call: no act ever meets a migration entry. migrate_pages() may be called with a few pages
 * at a time, so that a long act can be cut into slices between pages.
 */
#ifndef SIMM_MM_MIGRATE_H
#define SIMM_MM_MIGRATE_H

#include "mm/move/types.h"
#include "mm/page/frame_list.h"

struct text;

/* How hard to try. ASYNC never waits: here it differs only for pages being written back. */
enum migrate_mode { MIGRATE_ASYNC, MIGRATE_SYNC_LIGHT, MIGRATE_SYNC };

enum migrate_reason {
	MR_COMPACTION,
	MR_MEMORY_FAILURE,
	MR_MEMORY_HOTPLUG,
	MR_SYSCALL,
	MR_MEMPOLICY_MBIND,
	MR_NUMA_MISPLACED,
	MR_CONTIG_RANGE,
	MR_LONGTERM_PIN,
	MR_DEMOTION,
	NR_MIGRATE_REASONS
};

/* "MIGRATE_SYNC", "contig_range": as tracepoints print them. */
const char *migrate_mode_name(enum migrate_mode mode);
const char *migrate_reason_name(enum migrate_reason reason);

/* ---- can it leave? (isolate.c) ---- */

enum page_movable {
	PAGE_FREE,    /* nobody has it: there is nothing to move */
	PAGE_MOVABLE, /* migrate_isolate() takes it */
	PAGE_UNMOVABLE,
};
/* What holds now for the page of the block at @pfn that @pfn is part of; in @out (may be NULL) the reason as the rest of a
 * sentence about it: "a page of a process, mapped 2 times", "pinned: ...". Changes nothing. */
enum page_movable page_movable_reason(struct machine *m, uint64_t pfn, struct text *out);

/* Isolate a page of the LRU lists, held by others or not, or a movable page of the kernel, and append it to @list; LRU
 * pages are counted in nr_isolated_anon or _file. Until the list is empty again (by one of the functions below) nothing
 * else may be done to the machine. Errors: EBUSY. */
int migrate_isolate(struct machine *m, struct migrate_list *list, uint64_t pfn);
/* All of @list to where they came from. */
void putback_movable_pages(struct machine *m, unsigned cpu, struct migrate_list *list);

/* ---- move them (migrate.c) ---- */

/* Where pages go. */
struct migrate_target {
	/* A fresh page for what is in @old_pfn, with one reference. 0, or -errno with m->why. */
	int (*get)(
		struct machine *m, unsigned cpu, void *data, uint64_t old_pfn, uint64_t *new_pfn);
	/* Take back one that was not used; NULL: it is freed. */
	void (*put)(struct machine *m, unsigned cpu, void *data, uint64_t new_pfn);
	void *data;
};

struct migrate_result {
	uint64_t nr_succeeded, nr_failed;
	unsigned passes;
};

/* Move the pages of @list. Returns how many did not (they stay on @list), or -ENOMEM, -EDQUOT when the target had no more
 * pages (all that did not move stay on @list). @result may be NULL. Counts pgmigrate_success and pgmigrate_fail. */
int64_t migrate_pages(struct machine *m, unsigned cpu, struct migrate_list *list,
	const struct migrate_target *target, enum migrate_mode mode, enum migrate_reason reason,
	struct migrate_result *result);

/* A target that allocates on a node: @data points to one of these (alloc_migration_target()). */
struct migrate_node_target {
	int nid;	      /* -1: the old page's */
	uint32_t gfp;	      /* added to GFP_HIGHUSER_MOVABLE | __GFP_NOWARN */
	uint32_t gfp_without; /* taken away from it: __GFP_RECLAIM */
};
int migrate_get_on_node(
	struct machine *m, unsigned cpu, void *data, uint64_t old_pfn, uint64_t *new_pfn);

/* ---- its steps (remap.c) ---- */

/* try_to_migrate(): all entries that map @pfn become migration entries. Those of a pinned page stay. */
void try_to_migrate(struct machine *m, unsigned cpu, uint64_t pfn);
/* remove_migration_ptes(): the migration entries for @old_pfn become entries of @new_pfn (which may be the same), which has
 * the old page's mapping and index. */
void remove_migration_ptes(struct machine *m, unsigned cpu, uint64_t old_pfn, uint64_t new_pfn);

/* The references of an isolated page that nobody maps: the isolation's, and the page cache's (folio_expected_refs()). */
unsigned migrate_expected_refs(const struct frame *f);
#endif
