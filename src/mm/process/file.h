/* SPDX-License-Identifier: MIT
 *
 * Simulated files: inodes with a size and a rule of contents, open files, and the page cache.
 *
 * There are no directories: a path is a name. A file's page, when someone reads or maps it, is a page of the zone
 * allocator (GFP_HIGHUSER_MOVABLE) whose contents follow the rule, and stays in the cache (mm/filemap.c). A file of
 * kind SHMEM begins as holes of zeroes, and its pages are all there is of them (mm/shmem.c).
 *
 * A page in the cache: frame.mapping is the inode's id, frame.index the page in the file; one reference is the cache's,
 * one each mapping's. FRAME_RECLAIM marks where reading ahead goes on (the kernel's PG_readahead is the same bit), and
 * FRAME_MAPPEDTODISK that the page came from the disk.
 */
#ifndef SIMM_MM_FILE_H
#define SIMM_MM_FILE_H

#include "mm/process/types.h"

struct text;

/* Linux's open flags (asm-generic; ARM's differ only in bits not used here). */
enum { FILE_RDONLY = 0, FILE_WRONLY = 1, FILE_RDWR = 2, FILE_ACCMODE = 3, FILE_CREAT = 0100, FILE_EXCL = 0200,
	FILE_TRUNC = 01000, FILE_APPEND = 02000, FILE_CLOEXEC = 02000000 };

/* ---- inodes (inode.c) ---- */

/* A new inode, without a name when @path is NULL (and then it lives as long as someone holds it). NULL: m->why
 * (EEXIST, ENAMETOOLONG: 4095 bytes; EFBIG; ENOMEM, EDQUOT). The caller holds no reference: inode_get() or an open file
 * is to follow when there is no name. */
struct inode *inode_create(struct machine *m, unsigned cpu, enum inode_kind kind, const char *path, size_t len,
	uint64_t bytes, enum content_rule rule);
/* The inode of a dma-buf, which the buffer's file is to hold. NULL: m->why. */
struct inode *dmabuf_inode(struct machine *m, unsigned cpu, uint64_t dma_buf_at, uint64_t bytes, uint64_t ino);
/* What maps shows of it: "/dmabuf:NAME". Errors: EDQUOT, ENOMEM. */
int dmabuf_inode_rename(struct machine *m, struct inode *i, const char *name);
/* By name; NULL: none. */
struct inode *inode_lookup(const struct machine *m, const char *path, size_t len);
/* The first inode (@i NULL), the next one, NULL at the end: oldest first. */
struct inode *inode_next(const struct machine *m, const struct inode *i);
const char *inode_path(const struct machine *m, const struct inode *i);
/* The path as maps shows it: with " (deleted)" when it has no name any more. */
void inode_put_path(const struct machine *m, const struct inode *i, struct text *out);
void inode_get(struct inode *i);
/* The last reference of one without names frees it and its pages. */
void inode_put(struct machine *m, unsigned cpu, struct inode *i);
/* Drop a name. Errors: ENOENT. */
int inode_unlink(struct machine *m, unsigned cpu, struct inode *i);
/* ftruncate(): pages behind the end are unmapped everywhere and freed. Errors: EINVAL, EFBIG, ENOMEM (SHMEM that grows
 * beyond what may be committed). */
int inode_truncate(struct machine *m, unsigned cpu, struct inode *i, uint64_t bytes);
/* The 64-bit word that CONTENT_PATTERN has at @offset (a multiple of 8): the low 16 bits of the inode's number above 48
 * bits of offset. */
uint64_t file_word(const struct inode *i, uint64_t offset);
/* i_size in pages, the last one counted whole. */
static inline uint64_t inode_size_pages(const struct inode *i)
{
	return (i->bytes >> 12) + !!(i->bytes & 4095);
}

/* ---- open files (file.c) ---- */

/* Takes a reference of @i; FILE_TRUNC of a file open for writing empties it. NULL: m->why (ENOMEM, EDQUOT). */
struct file *file_open_inode(struct machine *m, unsigned cpu, struct inode *i, uint32_t flags);
/* open(2): the file of that name, made (kind FILE, empty) when FILE_CREAT says so. /dev/zero and /dev/mem are always
 * there. NULL: m->why (ENOENT, EEXIST, and inode_create()'s). */
struct file *file_open(struct machine *m, unsigned cpu, const char *path, size_t len, uint32_t flags);
void file_get(struct file *f);
void file_put(struct machine *m, unsigned cpu, struct file *f);

/* read(2), write(2) through the page cache: bytes or -errno; @data is the machine's own buffer of up to @bytes. NULL:
 * nothing is copied out, zeroes are written. The file grows as it is written. */
int64_t file_read(struct machine *m, unsigned cpu, struct inode *i, uint64_t offset, void *data, uint64_t bytes);
int64_t file_write(struct machine *m, unsigned cpu, struct inode *i, uint64_t offset, const void *data, uint64_t bytes);
/* The same of an open file, with its own memory of what to read ahead. EBADF when it is not open for that. */
int64_t vfs_read(struct machine *m, unsigned cpu, struct file *f, uint64_t offset, void *data, uint64_t bytes);
int64_t vfs_write(struct machine *m, unsigned cpu, struct file *f, uint64_t offset, const void *data, uint64_t bytes);

/* ---- the page cache (page_cache.c) ---- */

/* The cached page of @index; NO_PFN: none. */
uint64_t page_cache_find(const struct machine *m, const struct inode *i, uint64_t index);
/* The first cached page at or after *@index (which gets its index); NO_PFN: none. */
uint64_t page_cache_next(const struct machine *m, const struct inode *i, uint64_t *index);
/* The page of @index, read or (SHMEM) made when it is not there. *@major: it came from the disk. Errors: ENXIO (behind
 * the end of the file: SIGBUS), ENOMEM, EDQUOT. With @readaround what a mapping fault reads around it comes, too;
 * filemap_fault() knows the mapping's advice and is better for faults. */
int page_cache_get(struct machine *m, unsigned cpu, struct inode *i, uint64_t index, bool readaround, bool *major,
	uint64_t *pfn);
/* Pages of a `warm` inode that are not taken to be in the cache: their first read is a major fault, which brings in those
 * of the same 32 pages, too; until then nothing maps them by the way. Errors: ENOMEM, EDQUOT. */
int inode_set_cold(struct machine *m, struct inode *i, uint64_t index);
bool inode_is_cold(const struct machine *m, const struct inode *i, uint64_t index);
/* Drop clean, unmapped pages of all files (drop_caches); SHMEM stays. Returns how many went. */
uint64_t page_cache_drop(struct machine *m, unsigned cpu);
/* shrink_page_list() for one page that its caller has isolated: a clean page of a FILE that nobody holds beside the cache and
 * those who map it is unmapped everywhere and dropped, with the caller's reference. False: it is still there. */
bool page_cache_reclaim_clean(struct machine *m, unsigned cpu, uint64_t pfn);
/* set_page_dirty() of any page: a page of a FILE is counted in nr_dirty. */
void set_page_dirty(struct machine *m, uint64_t pfn);
/* unmap_mapping_pages(): pages [first, first + nr) leave all page tables, with their copies when @even_cows. */
void unmap_mapping_pages(struct machine *m, unsigned cpu, struct inode *i, uint64_t first, uint64_t nr, bool even_cows);
/* Take pages [first, last] out of the cache, dirty or not. None may be mapped. */
void truncate_inode_pages(struct machine *m, unsigned cpu, struct inode *i, uint64_t first, uint64_t last);

/* ---- faults and reading ahead (readahead.c) ---- */

enum filemap_result {
	FILEMAP_HIT,	/* it was there: a minor fault */
	FILEMAP_RETRY,	/* it was there, and the fault read ahead: the kernel drops its lock and repeats the fault, which
			 * the task counts as major (FAULT_FLAG_TRIED), vmstat's pgmajfault not */
	FILEMAP_MAJOR,	/* it came from the disk: pgmajfault, and the fault is repeated, too */
};
/* filemap_fault(), shmem_fault(): the page of @index for a fault in @v, read with what its advice (VM_SEQ_READ,
 * VM_RAND_READ) reads around it. enum filemap_result, or -ENXIO (SIGBUS), -ENOMEM, -EDQUOT. Counts nothing of the fault.
 * A repeated fault maps around anew, so do that after RETRY and MAJOR. */
int filemap_fault(struct machine *m, unsigned cpu, const struct vma *v, uint64_t index, uint64_t *pfn);
/* filemap_map_pages(): the first page of @v's file at or after *@index, up to @last, that a fault may map by the way: in
 * the cache, up to date, without a readahead mark; in *@index its index. Pages of `warm` inodes are brought in. NO_PFN: no
 * more. */
uint64_t filemap_next_around(struct machine *m, unsigned cpu, const struct vma *v, uint64_t *index, uint64_t last);

/* ---- shared memory (shmem.c) ---- */

/* shmem_file_setup(): a SHMEM inode without a name that maps shows as @name (memfd: "/memfd:NAME"; NULL: "/dev/zero", of a
 * shared anonymous mapping). Its size counts as committed unless @noreserve (memfd, tmpfs: each page when it comes). NULL:
 * m->why (ENOMEM, EINVAL). */
struct inode *shmem_file_setup(struct machine *m, unsigned cpu, const char *name, size_t len, uint64_t bytes,
	bool noreserve);

/* ---- SysV segments (shm.c) ---- */

enum { IPC_PRIVATE_ = 0, IPC_CREAT_ = 01000, IPC_EXCL_ = 02000, SHM_NORESERVE_ = 010000 };
enum { SHM_RDONLY_ = 010000, SHM_RND_ = 020000, SHM_REMAP_ = 040000, SHM_EXEC_ = 0100000 };
/* shmget(2): the segment of @key, made when it is not there and @flags say so. Errors: EEXIST, ENOENT, EINVAL (0 bytes, or
 * more than it has), ENOMEM. */
struct inode *shm_get(struct machine *m, unsigned cpu, uint32_t key, uint64_t bytes, unsigned flags);
/* By shmid, removed or not; NULL: none. */
struct inode *shm_find(const struct machine *m, uint64_t shmid);
/* shmctl(IPC_RMID): ends with the last mapping. */
void shm_remove(struct machine *m, unsigned cpu, struct inode *i);

/* Every cached page is its inode's, counters are the sums: violations, one line each. */
unsigned files_check(struct machine *m, struct text *out);

#endif
