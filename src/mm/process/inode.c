/* SPDX-License-Identifier: MIT
 *
 * Inodes: simulated files with a name, a size and a rule of contents (see file.h).
 *
 *	names:   hash of the path ──> inode ──next_name_at──> inode
 *	pages:   index ──radix──> pfn            frame.mapping ──mapping_object()──> inode
 *
 * An inode lives as long as it has a name (nlink) or someone holds it (open files, and mappings by way of them). A file
 * that lost its name keeps its path, since maps goes on showing it, with " (deleted)". What never had a name in a
 * directory (shared anonymous memory, memfd, SysV segments) has a path for maps alone.
 *
 * Truncation: the size changes first, then page tables forget the pages behind the new end, then the cache does, and last
 * what remains of the page that the end lies in is zeroed; what a rule says about bytes once cut off never comes back
 * (rule_bytes).
 *
 * Invariant: named inodes are in the table of names exactly once; `named` implies nlink.
 * Left out: directories, hard links, owners, times, quotas, the size limit of a tmpfs.
 * Follows fs/inode.c, mm/truncate.c and mm/shmem.c of 6.1.
 */
#include "mm/process/file_internal.h"

#include "base/text.h"
#include "mm/core/link.h"
#include "mm/dma/dma_buf.h"
#include "mm/page/contents.h"
#include "mm/process/mempolicy.h"
#include "mm/process/mm.h"
#include "mm/process/rmap.h"
#include "mm/process/vma.h"
#include "mm/slab/slab.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

typedef unsigned long long ull;

#define PATH_MOST      4095u
#define NAMES_LEAST    64u
#define EXT4_FIRST_INO 12u /* the first that mkfs leaves for files, behind lost+found */

/* ---- names ---- */

static uint64_t hash_name(const char *path, size_t len)
{
	uint64_t hash = 0xcbf29ce484222325ULL;

	for (size_t k = 0; k < len; k++)
		hash = (hash ^ (unsigned char)path[k]) * 0x100000001b3ULL;
	return hash ^ hash >> 32;
}

static uint64_t *bucket(const struct machine *m, const char *path, size_t len)
{
	const struct files *t = &m->processes.files;

	return (uint64_t *)machine_at(m, t->names_at) + (hash_name(path, len) & (t->names_cap - 1));
}

static void name_add(struct machine *m, struct inode *i)
{
	uint64_t *first = bucket(m, inode_path(m, i), i->path_bytes);

	i->named = true;
	i->next_name_at = *first;
	*first = machine_ref(m, i);
	m->processes.files.nr_named++;
}

static void name_del(struct machine *m, struct inode *i)
{
	uint64_t *at = bucket(m, inode_path(m, i), i->path_bytes);

	while (*at != machine_ref(m, i)) {
		assert(*at);
		at = &((struct inode *)machine_at(m, *at))->next_name_at;
	}
	*at = i->next_name_at;
	i->next_name_at = 0;
	i->named = false;
	m->processes.files.nr_named--;
}

/* Room for one more name: the table has as many places as names, or twice as many after it grew. */
static int names_reserve(struct machine *m)
{
	struct files *t = &m->processes.files;
	uint64_t old_at = t->names_at, old_cap = t->names_cap;

	if (t->nr_named < old_cap)
		return 0;
	uint64_t cap = old_cap ? old_cap * 2 : NAMES_LEAST;
	uint64_t at = heap_alloc(m, cap * sizeof(uint64_t));
	if (!at)
		return -m->why.err;
	t->names_at = at;
	t->names_cap = cap;
	t->nr_named = 0;
	for (uint64_t k = 0; k < old_cap; k++)
		for (uint64_t of = ((uint64_t *)machine_at(m, old_at))[k]; of;) {
			struct inode *i = machine_at(m, of);

			of = i->next_name_at;
			name_add(m, i);
		}
	heap_free(m, old_at, old_cap * sizeof(uint64_t));
	return 0;
}

struct inode *inode_lookup(const struct machine *m, const char *path, size_t len)
{
	if (!m->processes.files.names_at)
		return NULL;
	for (uint64_t at = *bucket(m, path, len); at;) {
		struct inode *i = machine_at(m, at);

		if (i->path_bytes == len && !memcmp(inode_path(m, i), path, len))
			return i;
		at = i->next_name_at;
	}
	return NULL;
}

const char *inode_path(const struct machine *m, const struct inode *i)
{
	return i->path_at ? machine_at(m, i->path_at) : "";
}

void inode_put_path(const struct machine *m, const struct inode *i, struct text *out)
{
	text_put(out, inode_path(m, i), i->path_bytes);
	if (!i->named && i->kind != INODE_DMABUF)
		text_puts(out, " (deleted)");
}

struct inode *inode_next(const struct machine *m, const struct inode *i)
{
	const struct link *head = &m->processes.files.inodes;
	struct link *l = link_next(m, head, i ? &i->all : head);

	return l ? link_entry(l, struct inode, all) : NULL;
}

/* ---- made ---- */

static int refuse_new(struct machine *m, const char *path, size_t len)
{
	if (!len)
		return refuse(&m->why, ENOENT, "a file has a name of at least one byte");
	if (len > PATH_MOST)
		return refuse(&m->why, ENAMETOOLONG, "a path has at most %u bytes, this one %zu",
			PATH_MOST, len);
	if (memchr(path, '\0', len))
		return refuse(&m->why, EINVAL, "a path has no byte 0 in it");
	if (inode_lookup(m, path, len))
		return refuse(&m->why, EEXIST, "there is a file %.*s already",
			(int)(len < 200 ? len : 200), path);
	return names_reserve(m);
}

static int check_size(struct machine *m, enum inode_kind kind, uint64_t bytes)
{
	uint64_t most = inode_bytes_most(kind);

	if (bytes > most)
		return refuse(
			&m->why, EFBIG, "a file of this kind has at most %llu bytes", (ull)most);
	return 0;
}

static void set_number(struct machine *m, struct inode *i)
{
	struct files *t = &m->processes.files;

	/* /dev/vda, the kernel's own tmpfs, devtmpfs. */
	if (i->kind == INODE_FILE) {
		i->major = 254;
		i->ino = EXT4_FIRST_INO + t->next_ino++;
	} else if (i->kind == INODE_DMABUF) {
		i->minor = 11; /* a file system of their own, which numbers them */
	} else {
		i->minor = i->kind == INODE_SHMEM ? 1 : 5;
		i->ino = ++t->next_shmem_ino;
	}
}

/* The parts that cost memory. What was taken before a failure is given back by inode_free(). */
static int inode_fill(
	struct machine *m, unsigned cpu, struct inode *i, const char *path, size_t len)
{
	int err = kmem_cache_alloc(m, cpu, KMEM_inode_cache, &i->object);

	if (err)
		return err;
	i->path_at = heap_alloc(m, len + 1);
	if (!i->path_at)
		return -m->why.err;
	i->path_bytes = (uint32_t)len;
	memcpy(machine_at(m, i->path_at), path, len);
	i->id = mapping_id_alloc(m, machine_ref(m, i));
	return i->id ? 0 : -m->why.err;
}

static void inode_free(struct machine *m, unsigned cpu, struct inode *i)
{
	if (i->id)
		mapping_id_free(m, i->id);
	if (i->path_at)
		heap_free(m, i->path_at, i->path_bytes + 1);
	heap_free(m, i->cold_at, i->cap_cold * sizeof(uint64_t));
	shared_policies_free(m, i);
	kmem_cache_free(m, cpu, KMEM_inode_cache, i->object);
	heap_free(m, machine_ref(m, i), sizeof(*i));
}

struct inode *inode_make(
	struct machine *m, unsigned cpu, const struct inode *like, const char *path, size_t len)
{
	uint64_t at = heap_alloc(m, sizeof(struct inode));

	if (!at)
		return NULL;
	struct inode *i = machine_at(m, at);

	*i = *like;
	if (inode_fill(m, cpu, i, path, len)) {
		inode_free(m, cpu, i);
		return NULL;
	}
	i->rule_bytes = i->kind == INODE_FILE ? i->bytes : 0;
	i->ra.prev_pos = UINT64_MAX;
	set_number(m, i);
	link_add_tail(m, &m->processes.files.inodes, &i->all);
	m->processes.files.nr++;
	return i;
}

struct inode *inode_create(struct machine *m, unsigned cpu, enum inode_kind kind, const char *path,
	size_t len, uint64_t bytes, enum content_rule rule)
{
	struct inode like = {.kind = kind, .rule = rule, .bytes = bytes, .noreserve = true};

	if (check_size(m, kind, bytes))
		return NULL;
	if (!path)
		return inode_make(m, cpu, &like, "/dev/zero", strlen("/dev/zero"));
	if (refuse_new(m, path, len))
		return NULL;
	like.nlink = 1;
	struct inode *i = inode_make(m, cpu, &like, path, len);
	if (i)
		name_add(m, i);
	return i;
}

/* ---- of a dma-buf ---- */

static const char dmabuf_path[] = "/dmabuf:";

struct inode *dmabuf_inode(
	struct machine *m, unsigned cpu, uint64_t dma_buf_at, uint64_t bytes, uint64_t ino)
{
	struct inode like = {
		.kind = INODE_DMABUF, .bytes = bytes, .ino = ino, .dma_buf_at = dma_buf_at};

	return inode_make(m, cpu, &like, dmabuf_path, strlen(dmabuf_path));
}

int dmabuf_inode_rename(struct machine *m, struct inode *i, const char *name)
{
	size_t prefix = strlen(dmabuf_path), len = prefix + strlen(name);
	uint64_t at = heap_alloc(m, len + 1);

	if (!at)
		return -m->why.err;
	memcpy(machine_at(m, at), dmabuf_path, prefix);
	memcpy((char *)machine_at(m, at) + prefix, name, len - prefix);
	heap_free(m, i->path_at, i->path_bytes + 1);
	i->path_at = at;
	i->path_bytes = (uint32_t)len;
	return 0;
}

/* ---- held, unlinked ---- */

static void inode_evict(struct machine *m, unsigned cpu, struct inode *i)
{
	assert(!i->refcount && !i->nlink && !i->named);
	assert(link_list_empty(m, &i->mappings));
	if (i->kind == INODE_DMABUF)
		dma_buf_release(m, cpu, i);
	truncate_inode_pages(m, cpu, i, 0, UINT64_MAX);
	shmem_uncommit(m, i, i->committed_pages);
	link_del(m, &i->all);
	m->processes.files.nr--;
	inode_free(m, cpu, i);
}

void inode_get(struct inode *i)
{
	i->refcount++;
}

void inode_put(struct machine *m, unsigned cpu, struct inode *i)
{
	assert(i->refcount);
	if (!--i->refcount && !i->nlink)
		inode_evict(m, cpu, i);
}

int inode_unlink(struct machine *m, unsigned cpu, struct inode *i)
{
	if (!i->named)
		return refuse(&m->why, ENOENT, "%.200s has no name any more", inode_path(m, i));
	name_del(m, i);
	i->nlink--;
	if (!i->refcount && !i->nlink)
		inode_evict(m, cpu, i);
	return 0;
}

/* ---- truncated ---- */

void unmap_mapping_pages(struct machine *m, unsigned cpu, struct inode *i, uint64_t first,
	uint64_t nr, bool even_cows)
{
	uint64_t end = nr > UINT64_MAX - first ? UINT64_MAX : first + nr;

	link_for_each(m, &i->mappings, l)
	{
		struct vma *v = link_entry(l, struct vma, mapped);
		uint64_t from = v->pgoff, to = linear_page_index(v, v->end);

		from = from > first ? from : first;
		to = to < end ? to : end;
		if (from < to)
			zap_range(m, cpu, v, v->start + ((from - v->pgoff) << PAGE_SHIFT),
				v->start + ((to - v->pgoff) << PAGE_SHIFT), even_cows);
	}
}

/* What lies behind the end in the end's own page must read as zero when the file grows again. */
static void zero_partial_page(struct machine *m, struct inode *i)
{
	uint64_t offset = i->bytes % PAGE_BYTES;
	uint64_t pfn = offset ? page_cache_find(m, i, i->bytes >> PAGE_SHIFT) : NO_PFN;
	struct dram dram = machine_dram(m);

	if (pfn == NO_PFN)
		return;
	/* A frame without contents is zero already. */
	if (dram_has(&dram, pfn << PAGE_SHIFT))
		dram_zero(&dram, (pfn << PAGE_SHIFT) + offset, PAGE_BYTES - offset);
	set_page_dirty(m, pfn);
}

int inode_truncate(struct machine *m, unsigned cpu, struct inode *i, uint64_t bytes)
{
	uint64_t old_bytes = i->bytes;

	if (i->kind != INODE_FILE && i->kind != INODE_SHMEM)
		return refuse(&m->why, EINVAL, "%.200s is a device: it has no size that can be set",
			inode_path(m, i));
	int err = check_size(m, i->kind, bytes);
	if (!err)
		err = shmem_resize(m, i, bytes);
	if (err)
		return err;
	i->bytes = bytes;
	if (bytes >= old_bytes)
		return 0;
	i->rule_bytes = i->rule_bytes < bytes ? i->rule_bytes : bytes;
	uint64_t first = inode_size_pages(i);
	unmap_mapping_pages(m, cpu, i, first, UINT64_MAX, true);
	truncate_inode_pages(m, cpu, i, first, UINT64_MAX);
	zero_partial_page(m, i);
	return 0;
}
