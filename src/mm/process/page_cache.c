/* SPDX-License-Identifier: MIT
 *
 * The page cache: which pages of which files are in memory.
 *
 *	inode.pages:  index ──> pfn        frame: mapping = inode.id, index, one reference for being here
 *
 * A page comes when it is read, written or faulted on: a frame of GFP_HIGHUSER_MOVABLE, filled by the file's rule, put
 * on the inactive file list (SHMEM: the inactive anonymous one, since it would go to swap). It leaves by truncation, by
 * drop_caches when nobody maps it and it is clean, or with its inode.
 *
 *	                 nr_file_pages   nr_shmem   LRU list          dirty
 *	page of a FILE   yes             -          inactive file     nr_dirty, nr_zone_write_pending; nr_dirtied for ever
 *	page of SHMEM    yes             yes        inactive anon     only a flag: there is nothing to write it to
 *
 * Invariant: for each inode the radix tree, nr_pages and the frames agree (files_check()).
 * Left out: writeback, so what is dirty stays; shadow entries; large folios; pages of block devices (Buffers).
 * Follows mm/filemap.c, mm/truncate.c, mm/page-writeback.c of 6.1.
 */
#include "mm/process/file_internal.h"

#include "mm/core/link.h"
#include "mm/page/contents.h"
#include "mm/page/lru.h"
#include "mm/page/zone.h"
#include "mm/process/mempolicy.h"
#include "mm/process/rmap.h"
#include "mm/process/user_page.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

typedef unsigned long long ull;

#define WORDS (PAGE_BYTES / sizeof(uint64_t))

uint64_t file_word(const struct inode *i, uint64_t offset)
{
	return i->ino << 48 | (offset & (((uint64_t)1 << 48) - 1));
}

uint64_t page_cache_find(const struct machine *m, const struct inode *i, uint64_t index)
{
	uint32_t value = radix_get(m, &i->pages, index);

	return value ? (uint64_t)value - 1 : NO_PFN;
}

uint64_t page_cache_next(const struct machine *m, const struct inode *i, uint64_t *index)
{
	uint32_t value = radix_next(m, &i->pages, index);

	return value ? (uint64_t)value - 1 : NO_PFN;
}

static struct node *page_node(const struct machine *m, uint64_t pfn)
{
	return node_at(m, pfn_zone(m, pfn)->nid);
}

/* ---- a page comes ---- */

/* Bytes of the page that lie on the disk. */
static uint64_t bytes_on_disk(const struct inode *i, uint64_t index)
{
	uint64_t start = index << PAGE_SHIFT;

	if (start >= i->rule_bytes)
		return 0;
	return i->rule_bytes - start < PAGE_BYTES ? i->rule_bytes - start : PAGE_BYTES;
}

/* Give the frame the contents that the rule says. */
static int fill_page(struct machine *m, const struct inode *i, uint64_t index, uint64_t pfn)
{
	struct dram dram = machine_dram(m);
	uint64_t bytes = bytes_on_disk(i, index), word[WORDS];

	if (i->rule == CONTENT_ZERO || !bytes) {
		dram_zero(&dram, pfn << PAGE_SHIFT, PAGE_BYTES);
		return 0;
	}
	for (unsigned k = 0; k < WORDS; k++)
		word[k] = file_word(i, (index << PAGE_SHIFT) + k * sizeof(uint64_t));
	memset((char *)word + bytes, 0, PAGE_BYTES - bytes);
	return dram_write(&dram, pfn << PAGE_SHIFT, word, PAGE_BYTES, &m->why);
}

static void count_page(struct machine *m, const struct inode *i, uint64_t pfn, int64_t n)
{
	struct node *node = page_node(m, pfn);

	node->stat[ND_nr_file_pages] += (uint64_t)n;
	if (i->kind == INODE_SHMEM)
		node->stat[ND_nr_shmem] += (uint64_t)n;
}

/* What it takes before the page is anyone's: memory, what may be committed, contents, a place in the tree. */
static int prepare_page(struct machine *m, unsigned cpu, struct inode *i, uint64_t index,
	enum page_source source, gfp_t gfp, uint64_t *pfn)
{
	callstack_push(&m->callstack, i->kind == INODE_SHMEM ? CALLER_shmem : CALLER_page_cache);
	int err = alloc_page_cache(m, cpu, i, index, GFP_HIGHUSER_MOVABLE | gfp, pfn);
	callstack_pop(&m->callstack);

	if (err)
		return err;
	err = shmem_commit(m, i, 1);
	if (err) {
		free_pages_order(m, cpu, *pfn, 0);
		return err;
	}
	if (source != PAGE_OVERWRITE)
		err = fill_page(m, i, index, *pfn);
	if (!err)
		err = radix_set(m, &i->pages, index, (uint32_t)(*pfn + 1));
	if (err) {
		if (i->kind == INODE_SHMEM && i->noreserve)
			shmem_uncommit(m, i, 1);
		free_pages_order(m, cpu, *pfn, 0);
	}
	return err;
}

int page_cache_add(struct machine *m, unsigned cpu, struct inode *i, uint64_t index,
	enum page_source source, gfp_t gfp, uint64_t *pfn)
{
	assert(index < (uint64_t)1 << 44 && (i->kind == INODE_FILE || i->kind == INODE_SHMEM));
	assert(page_cache_find(m, i, index) == NO_PFN);
	int err = prepare_page(m, cpu, i, index, source, gfp, pfn);
	if (err)
		return err;
	struct frame *f = frame_of(m, *pfn);
	bool on_disk = i->kind == INODE_FILE && bytes_on_disk(i, index);

	f->mapping = i->id;
	f->index = index & (((uint64_t)1 << 44) - 1);
	f->flags |= FRAME_UPTODATE;
	if (i->kind == INODE_SHMEM)
		f->flags |= FRAME_SWAPBACKED;
	if (on_disk && source != PAGE_OVERWRITE)
		f->flags |= FRAME_MAPPEDTODISK;
	i->nr_pages++;
	count_page(m, i, *pfn, 1);
	if (on_disk && source == PAGE_READ) {
		count_event(m, EV_pgpgin, DISK_SECTORS);
		clock_charge(m, DISK_PAGE);
	}
	lru_add(m, *pfn);
	return 0;
}

/* ---- pages of a warm file that are not there ---- */

#define COLD_BLOCK 32u

/* The first of the sorted pages that is not below @index. */
static uint32_t cold_place(const struct machine *m, const struct inode *i, uint64_t index)
{
	const uint64_t *cold = machine_at(m, i->cold_at);
	uint32_t low = 0, high = i->nr_cold;

	while (low < high) {
		uint32_t mid = (low + high) / 2;

		if (cold[mid] < index)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

bool inode_is_cold(const struct machine *m, const struct inode *i, uint64_t index)
{
	uint32_t at = i->nr_cold ? cold_place(m, i, index) : 0;

	return at < i->nr_cold && ((const uint64_t *)machine_at(m, i->cold_at))[at] == index;
}

int inode_set_cold(struct machine *m, struct inode *i, uint64_t index)
{
	if (inode_is_cold(m, i, index))
		return 0;
	if (i->nr_cold == i->cap_cold) {
		uint32_t cap = i->cap_cold ? i->cap_cold * 2 : 8;
		uint64_t at = i->cold_at ? heap_grow(m, i->cold_at, i->cap_cold * sizeof(uint64_t),
						   cap * sizeof(uint64_t))
					 : heap_alloc(m, cap * sizeof(uint64_t));

		if (!at)
			return -m->why.err;
		i->cold_at = at;
		i->cap_cold = cap;
	}
	uint64_t *cold = machine_at(m, i->cold_at);
	uint32_t place = i->nr_cold ? cold_place(m, i, index) : 0;
	memmove(cold + place + 1, cold + place, (i->nr_cold - place) * sizeof(*cold));
	cold[place] = index;
	i->nr_cold++;
	return 0;
}

/* Reading a cold page reads around it: the others of its block are in the cache then, too. */
static void warm_up(struct machine *m, struct inode *i, uint64_t index)
{
	uint64_t *cold = machine_at(m, i->cold_at);
	uint64_t first = index & ~(uint64_t)(COLD_BLOCK - 1);
	uint32_t from = cold_place(m, i, first), to = cold_place(m, i, first + COLD_BLOCK);

	memmove(cold + from, cold + to, (i->nr_cold - to) * sizeof(*cold));
	i->nr_cold -= to - from;
}

int page_cache_get(struct machine *m, unsigned cpu, struct inode *i, uint64_t index,
	bool readaround, bool *major, uint64_t *pfn)
{
	struct file_ra ra = {.prev_pos = UINT64_MAX};

	*major = false;
	if (index >= inode_size_pages(i) || (i->kind != INODE_FILE && i->kind != INODE_SHMEM))
		return refuse(&m->why, ENXIO, "page %llu is behind the end of %.200s (%llu bytes)",
			(ull)index, inode_path(m, i), (ull)i->bytes);
	*pfn = page_cache_find(m, i, index);
	if (*pfn != NO_PFN)
		return 0;
	if (i->kind == INODE_SHMEM) {
		int err = page_cache_add(m, cpu, i, index, PAGE_READ, 0, pfn);

		return err == -ENOSPC
			       ? refuse(&m->why, ENXIO, "%.200s: no more memory may be committed",
					 inode_path(m, i))
			       : err;
	}
	if (i->warm && !inode_is_cold(m, i, index))
		return page_cache_add(m, cpu, i, index, PAGE_WARM, 0, pfn);
	*major = true;
	if (i->warm)
		warm_up(m, i, index);
	else if (readaround)
		readahead_around(m, cpu, i, &ra, index, 0);
	*pfn = page_cache_find(m, i, index);
	if (*pfn != NO_PFN)
		return 0;
	clock_charge(m, DISK_READ);
	return page_cache_add(m, cpu, i, index, PAGE_READ, 0, pfn);
}

/* ---- dirty ---- */

static void count_dirty(struct machine *m, uint64_t pfn, int64_t n)
{
	page_node(m, pfn)->stat[ND_nr_dirty] += (uint64_t)n;
	pfn_zone(m, pfn)->stat[ZS_nr_zone_write_pending] += (uint64_t)n;
}

void set_page_dirty(struct machine *m, uint64_t pfn)
{
	struct frame *f = frame_of(m, pfn);

	if (f->flags & FRAME_DIRTY)
		return;
	f->flags |= FRAME_DIRTY;
	if (f->flags & (FRAME_ANON | FRAME_SWAPBACKED) || !f->mapping)
		return;
	/* It is no mark of reading ahead any more, but one of reclaim's (folio_clear_reclaim()). */
	f->flags &= ~(uint32_t)FRAME_RECLAIM;
	count_dirty(m, pfn, 1);
	page_node(m, pfn)->stat[ND_nr_dirtied]++;
}

/* ---- a page goes ---- */

/* filemap_remove_folio(), and the cache's reference dropped. */
static void remove_page(
	struct machine *m, unsigned cpu, struct inode *i, uint64_t index, uint64_t pfn)
{
	struct frame *f = frame_of(m, pfn);

	assert(f->mapping == i->id && f->index == index && !f->mapcount);
	radix_erase(m, &i->pages, index);
	i->nr_pages--;
	count_page(m, i, pfn, -1);
	if (f->flags & FRAME_DIRTY && i->kind == INODE_FILE)
		count_dirty(m, pfn, -1);
	if (i->kind == INODE_SHMEM && i->noreserve)
		shmem_uncommit(m, i, 1);
	lru_release(m, &pfn, 1);
	/* Whoever else holds the page keeps a page of nobody. */
	f->flags &= FRAME_MOVABLE;
	f->mapping = 0;
	f->index = 0;
	user_page_put(m, cpu, pfn);
}

void truncate_inode_pages(
	struct machine *m, unsigned cpu, struct inode *i, uint64_t first, uint64_t last)
{
	uint64_t pfn;

	for (uint64_t index = first; index <= last; index++) {
		pfn = page_cache_next(m, i, &index);
		if (pfn == NO_PFN || index > last)
			return;
		remove_page(m, cpu, i, index, pfn);
	}
}

/* deactivate_file_folio(): what could not be dropped now will be a good candidate later. */
static void deactivate_file_page(struct machine *m, uint64_t pfn)
{
	struct frame *f = frame_of(m, pfn);
	bool active = f->flags & FRAME_ACTIVE;

	if (!(f->flags & FRAME_LRU) || f->flags & FRAME_UNEVICTABLE || f->mapcount)
		return;
	lru_move(m, pfn, FRAME_ACTIVE | FRAME_REFERENCED, 0);
	if (f->flags & FRAME_DIRTY)
		f->flags |= FRAME_RECLAIM;
	count_event(m, EV_pgdeactivate, active);
}

/* invalidate_mapping_pages(): one reference is the cache's own. */
static uint64_t invalidate_pages(struct machine *m, unsigned cpu, struct inode *i)
{
	uint64_t dropped = 0, pfn, index = 0;

	for (; (pfn = page_cache_next(m, i, &index)) != NO_PFN; index++) {
		const struct frame *f = frame_of(m, pfn);

		if (f->flags & (FRAME_DIRTY | FRAME_WRITEBACK | FRAME_LOCKED) || f->refcount > 1) {
			deactivate_file_page(m, pfn);
			continue;
		}
		remove_page(m, cpu, i, index, pfn);
		dropped++;
	}
	return dropped;
}

uint64_t page_cache_drop(struct machine *m, unsigned cpu)
{
	uint64_t dropped = 0;

	for (struct inode *i = inode_next(m, NULL); i; i = inode_next(m, i))
		if (i->kind == INODE_FILE)
			dropped += invalidate_pages(m, cpu, i);
	return dropped;
}

bool page_cache_reclaim_clean(struct machine *m, unsigned cpu, uint64_t pfn)
{
	struct frame *f = frame_of(m, pfn);
	const uint32_t stays = FRAME_ANON | FRAME_SWAPBACKED | FRAME_DIRTY | FRAME_WRITEBACK |
			       FRAME_LOCKED | FRAME_UNEVICTABLE;

	/* Its references: the caller's, the cache's, one of each mapping. */
	if (!f->mapping || f->flags & stays || f->refcount != f->mapcount + 2)
		return false;
	struct inode *i = mapping_object(m, f->mapping);
	uint64_t index = f->index;

	if (f->mapcount)
		unmap_mapping_pages(m, cpu, i, index, 1, false);
	/* An entry may have known better that it was written to. */
	if (f->flags & FRAME_DIRTY || f->refcount != 2)
		return false;
	remove_page(m, cpu, i, index, pfn);
	user_page_put(m, cpu, pfn);
	return true;
}
