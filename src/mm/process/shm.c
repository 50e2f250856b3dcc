/* SPDX-License-Identifier: MIT
 *
 * SysV shared memory: segments that are found by a key or an id, and attached as shared mappings.
 *
 *	shmget		finds a segment by its key, or makes one: an inode of kind SHMEM (shmem.c)
 *	shmat		maps all of it
 *	shmdt		unmaps what is left of one shmat: the mappings of its file that lie where they would lie if nothing had
 *			been cut out of them, from the address on. So parts that mprotect made, or that munmap left, go together
 *	IPC_RMID	the key is gone; what maps the segment is all that holds it. Until the last one goes it can be attached
 *			by its id
 *
 * A segment holds itself by nlink, as a name does, until IPC_RMID.
 *
 * Left out: SHM_LOCK, IPC_STAT, permissions, namespaces. Follows ipc/shm.c of 6.1.
 */
#include "mm/process/file_internal.h"

#include "mm/machine.h"
#include "mm/process/limits.h"
#include "mm/process/mm.h"
#include "mm/process/syscalls.h"
#include "mm/process/vma.h"
#include "mm/process/vma_index.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>

typedef unsigned long long ull;

/* ---- segments ---- */

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
		if (i->shm && i->ino == shmid)
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
	assert(i->shm);
	/* Removed already, and attached still: Linux marks it again. */
	if (!i->nlink)
		return;
	i->shm_key = IPC_PRIVATE_;
	inode_get(i);
	i->nlink = 0;
	inode_put(m, cpu, i);
}

/* ---- attached ---- */

/* SHMLBA: ARM's caches may be indexed by these bits of an address. */
static uint64_t attach_align(const struct machine *m)
{
	return m->arch == ARCH_ARM ? 4 * PAGE_BYTES : PAGE_BYTES;
}

/* Where the segment is to be mapped, and is it free? *@addr is rounded. */
static int check_place(
	struct machine *m, const struct mm *mm, uint64_t bytes, unsigned flags, uint64_t *addr)
{
	uint64_t align = attach_align(m);

	if (*addr % align && !(flags & SHM_RND_))
		return refuse(&m->why, EINVAL,
			"the address is no multiple of %llu, and SHM_RND was not given",
			(ull)align);
	*addr -= *addr % align;
	if (!*addr && flags & SHM_REMAP_)
		return refuse(&m->why, EINVAL, "SHM_REMAP needs an address");
	if (!*addr || flags & SHM_REMAP_)
		return 0;
	if (*addr + bytes < *addr || vma_find_in(m, &mm->vmas, *addr, *addr + bytes))
		return refuse(&m->why, EINVAL,
			"something is mapped in the %llu bytes from 0x%llx on (SHM_REMAP takes its "
			"place)",
			(ull)bytes, (ull)*addr);
	return 0;
}

int sys_shmat(struct machine *m, struct task *t, uint64_t shmid, uint64_t addr, unsigned flags,
	const uint64_t *at, uint64_t *out)
{
	struct mm *mm = caller_mm(m, t);
	struct inode *i = shm_find(m, shmid);
	unsigned prot = PROT_READ_ | (flags & SHM_RDONLY_ ? 0 : PROT_WRITE_) |
			(flags & SHM_EXEC_ ? PROT_EXEC_ : 0);

	if (!mm)
		return -ESRCH;
	if (!i)
		return refuse(&m->why, EINVAL, "there is no such segment of shared memory");
	/* Also one that is rounded down to 0 was asked for. */
	unsigned fixed = addr ? MAP_FIXED_ : 0;
	int err = check_place(m, mm, i->bytes, flags, &addr);
	if (err)
		return err;
	struct file *f = file_open_inode(
		m, t->cpu, i, flags & SHM_RDONLY_ ? (uint32_t)FILE_RDONLY : (uint32_t)FILE_RDWR);
	if (!f)
		return -m->why.err;
	err = sys_mmap(m, t, addr, i->bytes, prot, MAP_SHARED_ | fixed, f, 0, at, out);
	/* The mapping holds the file from here on. */
	file_put(m, t->cpu, f);
	return err;
}

/* Does @v lie where that page of a segment attached at @addr lies? */
static bool is_part(const struct machine *m, const struct vma *v, uint64_t addr)
{
	const struct inode *i = v->file_at ? vma_inode(m, v) : NULL;

	return i && i->shm && (v->start - addr) >> PAGE_SHIFT == v->pgoff;
}

int sys_shmdt(struct machine *m, struct task *t, uint64_t addr)
{
	struct mm *mm = caller_mm(m, t);
	uint64_t file_at = 0, end = UINT64_MAX, next;
	int err = 0;

	if (!mm)
		return -ESRCH;
	for (uint64_t from = addr; !err && from < end; from = next) {
		const struct vma *v =
			addr % PAGE_BYTES ? NULL : vma_find_in(m, &mm->vmas, from, end);

		if (!v)
			break;
		next = v->end;
		if (v->start < addr || v->end > end || !is_part(m, v, addr) ||
			(file_at && v->file_at != file_at))
			continue;
		file_at = v->file_at;
		end = addr + (inode_size_pages(vma_inode(m, v)) << PAGE_SHIFT);
		err = sys_munmap(m, t, v->start, v->end - v->start);
	}
	if (!err && !file_at)
		return refuse(&m->why, EINVAL, "no segment of shared memory is attached at 0x%llx",
			(ull)addr);
	return err;
}
