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
 * A SysV segment holds itself by nlink, as a name does, until IPC_RMID; then its mappings are all that hold it.
 *
 * Left out: swap, huge pages, the size limit of a tmpfs, seals, SHM_LOCK, permissions of segments, namespaces.
 * Follows mm/shmem.c and ipc/shm.c of 6.1.
 */
#include "mm/process/file_internal.h"

#include "mm/core/link.h"
#include "mm/process/mm.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

typedef unsigned long long ull;

#define OVERCOMMIT_NEVER 2

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

/* ---- SysV ---- */

static struct inode *shm_by_key(const struct machine *m, uint32_t key)
{
	for (struct inode *i = inode_next(m, NULL); i && key; i = inode_next(m, i))
		if (i->shm && i->nlink && i->shm_key == key)
			return i;
	return NULL;
}

struct inode *shm_find(const struct machine *m, uint64_t shmid)
{
	for (struct inode *i = inode_next(m, NULL); i; i = inode_next(m, i))
		if (i->shm && i->nlink && i->ino == shmid)
			return i;
	return NULL;
}

static struct inode *shm_create(
	struct machine *m, unsigned cpu, uint32_t key, uint64_t bytes, bool noreserve)
{
	char name[16];
	int len = snprintf(name, sizeof(name), "/SYSV%08x", key);
	struct inode *i = shmem_file_setup(m, cpu, name, (size_t)len, bytes, noreserve);

	if (!i)
		return NULL;
	i->shm = true;
	i->shm_key = key;
	i->nlink = 1;
	i->ino = m->processes.files.next_shmid++;
	return i;
}

struct inode *shm_get(struct machine *m, unsigned cpu, uint32_t key, uint64_t bytes, unsigned flags)
{
	struct inode *i = shm_by_key(m, key);
	bool noreserve = flags & SHM_NORESERVE_ &&
			 m->sysctls.value[SYSCTL_overcommit_memory] != OVERCOMMIT_NEVER;

	if (i && flags & IPC_CREAT_ && flags & IPC_EXCL_)
		refuse(&m->why, EEXIST, "a segment of key 0x%x is there already", key);
	else if (i && bytes > i->bytes)
		refuse(&m->why, EINVAL, "the segment of key 0x%x has %llu bytes", key,
			(ull)i->bytes);
	else if (i)
		return i;
	else if (key && !(flags & IPC_CREAT_))
		refuse(&m->why, ENOENT, "there is no segment of key 0x%x (IPC_CREAT makes one)",
			key);
	else if (!bytes)
		refuse(&m->why, EINVAL, "a segment has at least one byte");
	else
		return shm_create(m, cpu, key, bytes, noreserve);
	return NULL;
}

void shm_remove(struct machine *m, unsigned cpu, struct inode *i)
{
	assert(i->shm && i->nlink);
	i->shm_key = IPC_PRIVATE_;
	inode_get(i);
	i->nlink = 0;
	inode_put(m, cpu, i);
}
