/* SPDX-License-Identifier: MIT
 *
 * What the files of simulated files share: inode.c, file.c, page_cache.c, readahead.c, shmem.c.
 */
#ifndef SIMM_MM_FILE_INTERNAL_H
#define SIMM_MM_FILE_INTERNAL_H

#include "mm/machine.h"
#include "mm/page/page_alloc.h"
#include "mm/process/fault.h"
#include "mm/process/file.h"

#define RA_PAGES    32u	 /* read_ahead_kb of a disk: 128 KiB */
#define IO_PAGES    320u /* max_sectors_kb of a virtio disk: one request of the block layer */
#define DISK_SECTORS (PAGE_BYTES / 512)

/* An inode in the state of @like, with a path that is in no table of names. NULL: m->why. */
struct inode *inode_make(struct machine *m, unsigned cpu, const struct inode *like, const char *path, size_t len);

/* The largest size: ext4 with blocks of 4 KiB; what frame.index can name for the others. */
static inline uint64_t inode_bytes_most(enum inode_kind kind)
{
	return kind == INODE_FILE ? 0xffffffff000ULL : (uint64_t)1 << 55;
}

/* Why a page comes into the cache. */
enum page_source {
	PAGE_READ,	/* from the disk: pgpgin and its cost count, unless it is a hole */
	PAGE_WARM,	/* it is taken to have been there: the same contents for nothing */
	PAGE_OVERWRITE,	/* all of it will be written: contents do not matter */
};
/* A new page of @index, on the inactive LRU list, its contents by the rule or (holes, SHMEM) zero. @gfp is added to the
 * mapping's. The page was not there. Errors: ENOMEM, ENOSPC (SHMEM: nothing more may be committed), EDQUOT. */
int page_cache_add(struct machine *m, unsigned cpu, struct inode *i, uint64_t index, enum page_source source, gfp_t gfp,
	uint64_t *pfn);

/* page_cache_sync_ra(): @index is not there; read it and what is likely to be wanted, @nr pages of it for sure. Pages for
 * which there is no memory are left out: look again. */
void readahead_miss(struct machine *m, unsigned cpu, struct inode *i, struct file_ra *ra, uint64_t index, uint64_t nr);
/* page_cache_async_ra(): the page @pfn of @index has the mark where reading goes on. */
void readahead_mark(struct machine *m, unsigned cpu, struct inode *i, struct file_ra *ra, uint64_t index, uint64_t pfn,
	uint64_t nr);
/* Read-around of a mapping fault (do_sync_mmap_readahead()); @vm_flags: VM_RAND_READ, VM_SEQ_READ. */
void readahead_around(struct machine *m, unsigned cpu, struct inode *i, struct file_ra *ra, uint64_t index,
	uint64_t vm_flags);

/* What a change of size commits, or a page of a SHMEM inode that reserves nothing. Errors: ENOMEM. */
int shmem_resize(struct machine *m, struct inode *i, uint64_t bytes);
int shmem_commit(struct machine *m, struct inode *i, uint64_t pages);
void shmem_uncommit(struct machine *m, struct inode *i, uint64_t pages);

#endif
