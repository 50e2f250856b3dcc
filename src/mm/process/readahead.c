/* SPDX-License-Identifier: MIT
 *
 * Reading ahead: which pages come with the one that is asked for.
 *
 *	ra.start              ra.start + size - async_size        ra.start + size
 *	   |--------- window ----------|mark---- still unread ------------|
 *
 * A window is read at once; one page in it gets a mark (FRAME_RECLAIM, the kernel's PG_readahead). Whoever comes upon the
 * mark reads the next window, so a steady reader never waits.
 *
 * 1. A read(2) that misses: at the beginning of a file, right behind the last read, or where the pages before are
 *    cached, a stream is taken to begin: a window of the next power of two, two or four times that for small ones.
 *    Anywhere else just what is asked for is read.
 * 2. A read or a fault that finds the mark, or misses where the window ends: the next window, two or four times as large,
 *    up to 32 pages (128 KiB).
 * 3. A fault of a mapping that misses: 32 pages around, with the mark at three quarters; with MADV_SEQUENTIAL as a
 *    read; with MADV_RANDOM only the page; and only the page, too, after a hundred more misses than hits.
 *
 * So one pass over a cold mapped file takes for each 128 KiB one fault that reads and one that maps what is there: 65
 * major and 64 minor ones for 8 MiB, as a real kernel counts (a fault that reads ahead is repeated and counts as
 * major for the task).
 *
 * Left out: reads by huge pages, readahead(2) and fadvise, other sizes than 128 KiB.
 * Follows mm/readahead.c and mm/filemap.c of 6.1.
 */
#include "mm/process/file_internal.h"

#include "mm/dma/dma_buf.h"
#include "mm/page/frame.h"

#include <errno.h>

#define MMAP_LOTSAMISS 100u

/* page_cache_ra_unbounded(): read what is missing of [start, start + nr), with the mark @async pages before the end.
 * A page for which there is no memory ends it. */
static void read_pages(struct machine *m, unsigned cpu, struct inode *i, uint64_t start,
	uint64_t nr, uint64_t async)
{
	uint64_t pages = inode_size_pages(i), pfn;
	bool asked = false;

	if (start >= pages)
		return;
	/* The mark's place counts from where the file ends, when it ends inside the window. */
	uint64_t left = nr < pages - start ? nr : pages - start;
	for (uint64_t k = 0; k < left; k++) {
		if (page_cache_find(m, i, start + k) != NO_PFN)
			continue;
		if (!asked)
			clock_charge(m, DISK_READ);
		asked = true;
		if (page_cache_add(
			    m, cpu, i, start + k, PAGE_READ, __GFP_NORETRY | __GFP_NOWARN, &pfn)) {
			refusal_clear(&m->why);
			return;
		}
		if (k == left - async)
			frame_of(m, pfn)->flags |= FRAME_RECLAIM;
	}
}

static uint64_t round_up_power(uint64_t n)
{
	uint64_t power = 1;

	while (power < n)
		power *= 2;
	return power;
}

/* get_init_ra_size() */
static uint32_t first_size(uint64_t wanted, uint32_t most)
{
	uint64_t size = round_up_power(wanted);

	if (size <= most / 32)
		return (uint32_t)size * 4;
	if (size <= most / 4)
		return (uint32_t)size * 2;
	return most;
}

/* get_next_ra_size() */
static uint32_t next_size(const struct file_ra *ra, uint32_t most)
{
	if (ra->size < most / 16)
		return 4 * ra->size;
	if (ra->size <= most / 2)
		return 2 * ra->size;
	return most;
}

/* A window that would meet its own mark at once is the next one already. */
static void read_window(struct machine *m, unsigned cpu, struct inode *i, struct file_ra *ra,
	uint64_t index, uint32_t most)
{
	if (index == ra->start && ra->size == ra->async_size) {
		uint32_t more = next_size(ra, most);

		if (ra->size + more <= most) {
			ra->async_size = more;
			ra->size += more;
		} else {
			ra->size = most;
			ra->async_size = most / 2;
		}
	}
	read_pages(m, cpu, i, ra->start, ra->size, ra->async_size);
}

static void begin_stream(struct machine *m, unsigned cpu, struct inode *i, struct file_ra *ra,
	uint64_t index, uint64_t nr, uint32_t most)
{
	ra->start = index;
	ra->size = first_size(nr, most);
	ra->async_size = ra->size > nr ? ra->size - (uint32_t)nr : ra->size;
	read_window(m, cpu, i, ra, index, most);
}

/* The window that follows, when @index is where the present one's mark or end is. */
static bool next_window(struct file_ra *ra, uint64_t index, uint32_t most)
{
	if (index != ra->start + ra->size - ra->async_size && index != ra->start + ra->size)
		return false;
	ra->start += ra->size;
	ra->size = next_size(ra, most);
	ra->async_size = ra->size;
	return true;
}

/* try_context_readahead(): cached pages right before tell of a stream that this open file does not know. */
static bool stream_before(const struct machine *m, const struct inode *i, struct file_ra *ra,
	uint64_t index, uint64_t nr, uint32_t most)
{
	uint64_t before = 0;

	while (before < most && before < index &&
		page_cache_find(m, i, index - 1 - before) != NO_PFN)
		before++;
	if (before <= nr)
		return false;
	if (before >= index)
		before *= 2;
	ra->start = index;
	ra->size = (uint32_t)(before + nr < most ? before + nr : most);
	ra->async_size = 1;
	return true;
}

static uint32_t window_most(uint64_t nr)
{
	return nr > RA_PAGES ? (uint32_t)(nr < IO_PAGES ? nr : IO_PAGES) : RA_PAGES;
}

void readahead_miss(struct machine *m, unsigned cpu, struct inode *i, struct file_ra *ra,
	uint64_t index, uint64_t nr)
{
	uint32_t most = window_most(nr);
	uint64_t last_index =
		ra->prev_pos == UINT64_MAX ? UINT64_MAX >> PAGE_SHIFT : ra->prev_pos >> PAGE_SHIFT;

	if (!index) {
		begin_stream(m, cpu, i, ra, index, nr, most);
	} else if (next_window(ra, index, most)) {
		read_window(m, cpu, i, ra, index, most);
	} else if (nr > most || index - last_index <= 1) {
		begin_stream(m, cpu, i, ra, index, nr, most);
	} else if (stream_before(m, i, ra, index, nr, most)) {
		read_window(m, cpu, i, ra, index, most);
	} else {
		read_pages(m, cpu, i, index, nr, 0);
	}
}

void readahead_mark(struct machine *m, unsigned cpu, struct inode *i, struct file_ra *ra,
	uint64_t index, uint64_t pfn, uint64_t nr)
{
	uint32_t most = window_most(nr);
	struct frame *f = frame_of(m, pfn);
	uint64_t start = index + 1;

	/* The same bit, for reclaim. */
	if (f->flags & FRAME_WRITEBACK)
		return;
	f->flags &= ~(uint32_t)FRAME_RECLAIM;
	if (!index) {
		begin_stream(m, cpu, i, ra, index, nr, most);
		return;
	}
	if (!next_window(ra, index, most)) {
		/* Someone else's mark: go on where the cached pages end. */
		while (start - index <= most && page_cache_find(m, i, start) != NO_PFN)
			start++;
		if (start - index > most)
			return;
		ra->start = start;
		ra->size = (uint32_t)(start - index + nr);
		ra->size = next_size(ra, most);
		ra->async_size = ra->size;
	}
	read_window(m, cpu, i, ra, index, most);
}

void readahead_around(struct machine *m, unsigned cpu, struct inode *i, struct file_ra *ra,
	uint64_t index, uint64_t vm_flags)
{
	if (vm_flags & VM_RAND_READ)
		return;
	if (vm_flags & VM_SEQ_READ) {
		readahead_miss(m, cpu, i, ra, index, RA_PAGES);
		return;
	}
	if (ra->mmap_miss < MMAP_LOTSAMISS * 10)
		ra->mmap_miss++;
	if (ra->mmap_miss > MMAP_LOTSAMISS)
		return;
	ra->start = index > RA_PAGES / 2 ? index - RA_PAGES / 2 : 0;
	ra->size = RA_PAGES;
	ra->async_size = RA_PAGES / 4;
	read_pages(m, cpu, i, ra->start, ra->size, ra->async_size);
}

/* ---- faults ---- */

/* It is in the cache: does the fault read ahead? */
static bool found(struct machine *m, unsigned cpu, const struct vma *v, struct inode *i,
	struct file_ra *ra, uint64_t index, uint64_t pfn)
{
	if (v->flags & VM_RAND_READ)
		return false;
	ra->mmap_miss -= ra->mmap_miss > 0;
	if (!(frame_of(m, pfn)->flags & FRAME_RECLAIM))
		return false;
	readahead_mark(m, cpu, i, ra, index, pfn, RA_PAGES);
	return true;
}

int filemap_fault(
	struct machine *m, unsigned cpu, const struct vma *v, uint64_t index, uint64_t *pfn)
{
	struct file *f = machine_at(m, v->file_at);
	struct inode *i = machine_at(m, f->inode_at);
	bool major;

	if (i->kind == INODE_DMABUF)
		return dma_buf_fault(m, i, index, pfn);
	*pfn = page_cache_find(m, i, index);
	if (i->kind == INODE_FILE && index < inode_size_pages(i)) {
		if (*pfn != NO_PFN)
			return found(m, cpu, v, i, &f->ra, index, *pfn) ? FILEMAP_RETRY
									: FILEMAP_HIT;
		if (!i->warm) {
			readahead_around(m, cpu, i, &f->ra, index, v->flags);
			*pfn = page_cache_find(m, i, index);
			if (*pfn != NO_PFN)
				return FILEMAP_MAJOR;
		}
	}
	int err = page_cache_get(m, cpu, i, index, false, &major, pfn);
	if (err)
		return err;
	return major ? FILEMAP_MAJOR : FILEMAP_HIT;
}

uint64_t filemap_next_around(
	struct machine *m, unsigned cpu, const struct vma *v, uint64_t *index, uint64_t last)
{
	struct file *f = machine_at(m, v->file_at);
	struct inode *i = machine_at(m, f->inode_at);
	uint64_t pages = inode_size_pages(i), pfn;

	if (pages && last >= pages)
		last = pages - 1;
	for (; pages && *index <= last; ++*index) {
		if (!i->warm) {
			pfn = page_cache_next(m, i, index);
			if (pfn == NO_PFN || *index > last)
				return NO_PFN;
		} else {
			pfn = page_cache_find(m, i, *index);
			if (pfn == NO_PFN && inode_is_cold(m, i, *index))
				continue;
			if (pfn == NO_PFN && page_cache_add(m, cpu, i, *index, PAGE_WARM,
						     __GFP_NORETRY | __GFP_NOWARN, &pfn)) {
				refusal_clear(&m->why);
				return NO_PFN;
			}
		}
		if ((frame_of(m, pfn)->flags & (FRAME_UPTODATE | FRAME_RECLAIM | FRAME_LOCKED |
						       FRAME_HWPOISON)) != FRAME_UPTODATE)
			continue;
		f->ra.mmap_miss -= f->ra.mmap_miss > 0;
		return pfn;
	}
	return NO_PFN;
}
