/* SPDX-License-Identifier: MIT
 *
 * Open files, and read(2) and write(2) through the page cache.
 *
 *	read   for each page of the range that the file has: in the cache, or read with what is likely to be wanted next;
 *	       copied; marked as accessed once for each time the reader comes to it
 *	write  for each page: in the cache, or a new one, which is read first when only part of it is written; copied,
 *	       dirty; the file grows with each page
 *
 * A hole of SHMEM is read as zeroes and stays a hole. Whatever was done before memory ended is done: the count tells.
 *
 * Left out: O_DIRECT, vectors, locks, times, writeback: what is dirty stays in memory.
 * Follows mm/filemap.c (filemap_read(), generic_perform_write()) and mm/shmem.c of 6.1.
 */
#include "mm/process/file_internal.h"

#include "mm/core/link.h"
#include "mm/page/contents.h"
#include "mm/page/lru.h"
#include "mm/slab/slab.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

typedef unsigned long long ull;

/* ---- open files ---- */

struct file *file_open_inode(struct machine *m, unsigned cpu, struct inode *i, uint32_t flags)
{
	uint64_t at = heap_alloc(m, sizeof(struct file)), object;

	if (!at)
		return NULL;
	if (kmem_cache_alloc(m, cpu, KMEM_filp, &object)) {
		heap_free(m, at, sizeof(struct file));
		return NULL;
	}
	struct file *f = machine_at(m, at);
	*f = (struct file){.inode_at = machine_ref(m, i),
		.refcount = 1,
		.flags = flags & ~(uint32_t)(FILE_CREAT | FILE_EXCL | FILE_TRUNC | FILE_CLOEXEC),
		.ra = {.prev_pos = UINT64_MAX},
		.object = object};
	inode_get(i);
	m->processes.files.nr_open++;
	if (flags & FILE_TRUNC && (flags & FILE_ACCMODE) != FILE_RDONLY &&
		(i->kind == INODE_FILE || i->kind == INODE_SHMEM))
		inode_truncate(m, cpu, i, 0);
	return f;
}

static bool path_is(const char *path, size_t len, const char *name)
{
	return len == strlen(name) && !memcmp(path, name, len);
}

struct file *file_open(
	struct machine *m, unsigned cpu, const char *path, size_t len, uint32_t flags)
{
	struct inode *i = inode_lookup(m, path, len);
	bool device = path_is(path, len, "/dev/zero") || path_is(path, len, "/dev/mem");

	if (i && flags & FILE_CREAT && flags & FILE_EXCL) {
		refuse(&m->why, EEXIST, "%.200s is there already, and O_EXCL wants a new file",
			inode_path(m, i));
		return NULL;
	}
	if (!i && !device && !(flags & FILE_CREAT)) {
		refuse(&m->why, ENOENT, "there is no file %.*s (O_CREAT makes one)",
			(int)(len < 200 ? len : 200), path);
		return NULL;
	}
	if (i)
		return file_open_inode(m, cpu, i, flags);
	i = inode_create(m, cpu,
		!device		 ? INODE_FILE
		: path[5] == 'z' ? INODE_ZERO
				 : INODE_MEM,
		path, len, 0, CONTENT_ZERO);
	if (!i)
		return NULL;
	struct file *f = file_open_inode(m, cpu, i, flags);
	if (!f && !device)
		inode_unlink(m, cpu, i);
	return f;
}

void file_get(struct file *f)
{
	f->refcount++;
}

void file_put(struct machine *m, unsigned cpu, struct file *f)
{
	assert(f->refcount);
	if (--f->refcount)
		return;
	struct inode *i = machine_at(m, f->inode_at);

	kmem_cache_free(m, cpu, KMEM_filp, f->object);
	heap_free(m, machine_ref(m, f), sizeof(*f));
	m->processes.files.nr_open--;
	inode_put(m, cpu, i);
}

/* ---- read(2) ---- */

/* The page of @index for a read that goes up to page @end; NO_PFN with *err 0: a hole of SHMEM. */
static uint64_t page_to_read(struct machine *m, unsigned cpu, struct inode *i, struct file_ra *ra,
	uint64_t index, uint64_t end, int *err)
{
	uint64_t pfn = page_cache_find(m, i, index);

	*err = 0;
	if (i->kind == INODE_SHMEM)
		return pfn;
	if (pfn == NO_PFN && !i->warm) {
		readahead_miss(m, cpu, i, ra, index, end - index);
		pfn = page_cache_find(m, i, index);
	}
	if (pfn == NO_PFN) {
		if (!i->warm)
			clock_charge(m, DISK_READ);
		*err = page_cache_add(m, cpu, i, index, i->warm ? PAGE_WARM : PAGE_READ, 0, &pfn);
		return *err ? NO_PFN : pfn;
	}
	if (frame_of(m, pfn)->flags & FRAME_RECLAIM)
		readahead_mark(m, cpu, i, ra, index, pfn, end - index);
	return pfn;
}

static void copy_out(struct machine *m, uint64_t pfn, uint64_t offset, void *data, uint64_t bytes)
{
	struct dram dram = machine_dram(m);

	if (!data)
		return;
	if (pfn == NO_PFN)
		memset(data, 0, bytes);
	else
		dram_read(&dram, (pfn << PAGE_SHIFT) + offset, data, bytes);
}

static int64_t read_device(
	struct machine *m, const struct inode *i, uint64_t offset, void *data, uint64_t bytes)
{
	struct dram dram = machine_dram(m);

	if (data && i->kind == INODE_ZERO)
		memset(data, 0, bytes);
	else if (data && dram_read(&dram, offset, data, bytes))
		return refuse(
			&m->why, EFAULT, "there is no RAM at physical address 0x%llx", (ull)offset);
	return (int64_t)bytes;
}

static int64_t read_cached(struct machine *m, unsigned cpu, struct inode *i, struct file_ra *ra,
	uint64_t offset, char *data, uint64_t bytes)
{
	uint64_t done = 0, end = pfn_up(offset + bytes);

	while (done < bytes && offset + done < i->bytes) {
		uint64_t at = offset + done, in_page = at % PAGE_BYTES, n = PAGE_BYTES - in_page;
		int err;

		n = n < bytes - done ? n : bytes - done;
		n = n < i->bytes - at ? n : i->bytes - at;
		uint64_t pfn = page_to_read(m, cpu, i, ra, at >> PAGE_SHIFT, end, &err);
		if (err)
			return done ? (int64_t)done : err;
		copy_out(m, pfn, in_page, data ? data + done : NULL, n);
		/* Several reads of one page in a row are one use of it. */
		bool same = i->kind == INODE_SHMEM
				    ? in_page != 0
				    : at >> PAGE_SHIFT == (ra->prev_pos - 1) >> PAGE_SHIFT;
		if (pfn != NO_PFN && !same)
			mark_page_accessed(m, pfn);
		done += n;
		ra->prev_pos = offset + done;
	}
	return (int64_t)done;
}

/* It has no file operations for that. */
static int64_t refuse_dmabuf(struct machine *m)
{
	return refuse(&m->why, EINVAL, "a dma-buf cannot be read and written, but mapped");
}

static int64_t do_read(struct machine *m, unsigned cpu, struct inode *i, struct file_ra *ra,
	uint64_t offset, void *data, uint64_t bytes)
{
	if (bytes > (uint64_t)INT64_MAX || offset > (uint64_t)INT64_MAX - bytes)
		return refuse(&m->why, EINVAL, "offset and length together are more than 2^63");
	if (i->kind == INODE_DMABUF)
		return refuse_dmabuf(m);
	if (i->kind != INODE_FILE && i->kind != INODE_SHMEM)
		return read_device(m, i, offset, data, bytes);
	return read_cached(m, cpu, i, ra, offset, data, bytes);
}

int64_t file_read(struct machine *m, unsigned cpu, struct inode *i, uint64_t offset, void *data,
	uint64_t bytes)
{
	return do_read(m, cpu, i, &i->ra, offset, data, bytes);
}

int64_t vfs_read(struct machine *m, unsigned cpu, struct file *f, uint64_t offset, void *data,
	uint64_t bytes)
{
	if ((f->flags & FILE_ACCMODE) == FILE_WRONLY)
		return refuse(&m->why, EBADF, "the file is open for writing only");
	return do_read(m, cpu, machine_at(m, f->inode_at), &f->ra, offset, data, bytes);
}

/* ---- write(2) ---- */

/* The page of @index, of which @bytes will be written. */
static int page_to_write(struct machine *m, unsigned cpu, struct inode *i, uint64_t index,
	uint64_t bytes, uint64_t *pfn)
{
	*pfn = page_cache_find(m, i, index);
	if (*pfn != NO_PFN) {
		if (i->kind == INODE_SHMEM)
			mark_page_accessed(m, *pfn);
		return 0;
	}
	if (i->kind == INODE_FILE && bytes < PAGE_BYTES && index << PAGE_SHIFT < i->rule_bytes)
		clock_charge(m, DISK_READ);
	int err = page_cache_add(m, cpu, i, index, bytes == PAGE_BYTES ? PAGE_OVERWRITE : PAGE_READ,
		__GFP_WRITE, pfn);
	if (!err && i->kind == INODE_SHMEM)
		frame_of(m, *pfn)->flags |= FRAME_REFERENCED;
	return err;
}

static int copy_in(
	struct machine *m, uint64_t pfn, uint64_t offset, const void *data, uint64_t bytes)
{
	struct dram dram = machine_dram(m);
	uint64_t pa = (pfn << PAGE_SHIFT) + offset;

	if (data)
		return dram_write(&dram, pa, data, bytes, &m->why);
	/* Zeroes cost nothing where there are none but zeroes. */
	if (bytes == PAGE_BYTES || dram_has(&dram, pa))
		dram_zero(&dram, pa, bytes);
	return 0;
}

static int64_t write_cached(struct machine *m, unsigned cpu, struct inode *i, uint64_t offset,
	const char *data, uint64_t bytes)
{
	uint64_t done = 0;

	while (done < bytes) {
		uint64_t at = offset + done, in_page = at % PAGE_BYTES, n = PAGE_BYTES - in_page,
			 pfn;

		n = n < bytes - done ? n : bytes - done;
		bool is_new = page_cache_find(m, i, at >> PAGE_SHIFT) == NO_PFN;
		int err = page_to_write(m, cpu, i, at >> PAGE_SHIFT, n, &pfn);

		if (!err)
			err = copy_in(m, pfn, in_page, data ? data + done : NULL, n);
		/* A page that was to be overwritten whole must not stay with what was in its frame. */
		if (err && is_new && page_cache_find(m, i, at >> PAGE_SHIFT) != NO_PFN)
			truncate_inode_pages(m, cpu, i, at >> PAGE_SHIFT, at >> PAGE_SHIFT);
		if (err)
			return done ? (int64_t)done : err;
		set_page_dirty(m, pfn);
		done += n;
		if (offset + done > i->bytes)
			i->bytes = offset + done;
	}
	return (int64_t)done;
}

int64_t file_write(struct machine *m, unsigned cpu, struct inode *i, uint64_t offset,
	const void *data, uint64_t bytes)
{
	uint64_t most = inode_bytes_most(i->kind);

	if (i->kind == INODE_DMABUF)
		return refuse_dmabuf(m);
	if (i->kind == INODE_ZERO)
		return (int64_t)bytes;
	if (i->kind == INODE_MEM) {
		struct dram dram = machine_dram(m);

		if (!data || !dram_write(&dram, offset, data, bytes, &m->why))
			return (int64_t)bytes;
		return refuse(
			&m->why, EFAULT, "there is no RAM at physical address 0x%llx", (ull)offset);
	}
	if (bytes && (offset >= most || bytes > most - offset))
		return refuse(
			&m->why, EFBIG, "a file of this kind has at most %llu bytes", (ull)most);
	return write_cached(m, cpu, i, offset, data, bytes);
}

int64_t vfs_write(struct machine *m, unsigned cpu, struct file *f, uint64_t offset,
	const void *data, uint64_t bytes)
{
	struct inode *i = machine_at(m, f->inode_at);

	if ((f->flags & FILE_ACCMODE) == FILE_RDONLY)
		return refuse(&m->why, EBADF, "the file is open for reading only");
	return file_write(m, cpu, i, f->flags & FILE_APPEND ? i->bytes : offset, data, bytes);
}
