/* SPDX-License-Identifier: MIT
 *
 * Memory that processes share without a file on a disk: shared anonymous mappings, memfd, SysV segments.
 *
 * Each is an inode of kind SHMEM. Its pages are on the anonymous LRU lists and count as Shmem and as Cached; nothing
 * drops them but truncation or the end of the inode. What it commits (Committed_AS, and the limit of overcommit_memory=2):
 *
 *	shared anonymous, SysV		its whole size when it is made, whoever maps it, until it ends
 *	memfd, tmpfs, SHM_NORESERVE	each page when it comes, until it goes
 *
 * Left out: swap, huge pages, the size limit of a tmpfs, seals. Follows mm/shmem.c of 6.1.
 */
#include "mm/process/file_internal.h"

#include "mm/core/link.h"
#include "mm/process/mm.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

typedef unsigned long long ull;

/* ---- what is committed ---- */

static int commit(struct machine *m, struct inode *i, uint64_t pages)
{
	int err = pages ? vm_commit(m, NULL, pages) : 0;

	if (!err)
		i->committed_pages += pages;
	return err;
}

static void uncommit(struct machine *m, struct inode *i, uint64_t pages)
{
	assert(pages <= i->committed_pages);
	if (pages)
		vm_uncommit(m, pages);
	i->committed_pages -= pages;
}

int shmem_commit(struct machine *m, struct inode *i, uint64_t pages)
{
	if (i->kind != INODE_SHMEM || !i->noreserve)
		return 0;
	return commit(m, i, pages)
		       ? refuse(&m->why, ENOSPC,
				 "%.200s: no more memory may be committed (overcommit_memory)",
				 inode_path(m, i))
		       : 0;
}

void shmem_uncommit(struct machine *m, struct inode *i, uint64_t pages)
{
	uncommit(m, i, pages);
}

int shmem_resize(struct machine *m, struct inode *i, uint64_t bytes)
{
	uint64_t pages = (bytes >> PAGE_SHIFT) + !!(bytes % PAGE_BYTES);

	if (i->kind != INODE_SHMEM || i->noreserve)
		return 0;
	if (pages > i->committed_pages)
		return commit(m, i, pages - i->committed_pages);
	uncommit(m, i, i->committed_pages - pages);
	return 0;
}

/* ---- made ---- */

struct inode *shmem_file_setup(struct machine *m, unsigned cpu, const char *name, size_t len,
	uint64_t bytes, bool noreserve)
{
	struct inode like = {.kind = INODE_SHMEM, .noreserve = noreserve};

	if (bytes > inode_bytes_most(INODE_SHMEM)) {
		refuse(&m->why, EINVAL, "shared memory has at most %llu bytes",
			(ull)inode_bytes_most(INODE_SHMEM));
		return NULL;
	}
	if (!name) {
		name = "/dev/zero";
		len = strlen(name);
	}
	struct inode *i = inode_make(m, cpu, &like, name, len);
	if (!i)
		return NULL;
	inode_get(i);
	if (shmem_resize(m, i, bytes)) {
		inode_put(m, cpu, i);
		return NULL;
	}
	i->bytes = bytes;
	/* Not inode_put(): the caller is to hold it. */
	i->refcount--;
	return i;
}
