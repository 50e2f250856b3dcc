/* SPDX-License-Identifier: MIT
 *
 * Simulated files: inodes with a size and a rule of contents, open files, and the page cache.
 *
 * There are no directories: a path is a name. A file's page, when someone reads or maps it, is a page of the zone
 * allocator (GFP_HIGHUSER_MOVABLE) whose contents follow the rule, and stays in the cache (mm/filemap.c). A file of
 * kind SHMEM begins as holes of zeroes, and its pages are all there is of them (mm/shmem.c).
 */
#ifndef SIMM_MM_FILE_H
#define SIMM_MM_FILE_H

#include "mm/process/types.h"

struct text;

/* Linux's open flags (asm-generic; ARM's differ only in bits not used here). */
enum { FILE_RDONLY = 0, FILE_WRONLY = 1, FILE_RDWR = 2, FILE_ACCMODE = 3, FILE_CREAT = 0100, FILE_EXCL = 0200,
	FILE_TRUNC = 01000, FILE_APPEND = 02000, FILE_CLOEXEC = 02000000 };

/* ---- inodes ---- */

/* A new inode, without a name when @path is NULL (and then it lives as long as someone holds it). NULL: m->why
 * (EEXIST, ENAMETOOLONG: 4095 bytes; ENOMEM, EDQUOT). */
struct inode *inode_create(struct machine *m, unsigned cpu, enum inode_kind kind, const char *path, size_t len,
	uint64_t bytes, enum content_rule rule);
/* By name; NULL: none. */
struct inode *inode_lookup(const struct machine *m, const char *path, size_t len);
const char *inode_path(const struct machine *m, const struct inode *i);
/* The path as maps shows it: with " (deleted)" when it has no name any more. */
void inode_put_path(const struct machine *m, const struct inode *i, struct text *out);
void inode_get(struct inode *i);
/* The last reference of one without names frees it and its pages. */
void inode_put(struct machine *m, unsigned cpu, struct inode *i);
/* Drop a name. Errors: ENOENT. */
int inode_unlink(struct machine *m, unsigned cpu, struct inode *i);
/* ftruncate(): pages behind the end are unmapped everywhere and freed. Errors: EINVAL, EFBIG. */
int inode_truncate(struct machine *m, unsigned cpu, struct inode *i, uint64_t bytes);
/* The 64-bit word that CONTENT_PATTERN has at @offset (a multiple of 8). */
uint64_t file_word(const struct inode *i, uint64_t offset);

/* ---- open files ---- */

struct file *file_open_inode(struct machine *m, unsigned cpu, struct inode *i, uint32_t flags);
void file_get(struct file *f);
void file_put(struct machine *m, unsigned cpu, struct file *f);

/* ---- the page cache ---- */

/* The cached page of @index; NO_PFN: none. */
uint64_t page_cache_find(const struct machine *m, const struct inode *i, uint64_t index);
/* The first cached page at or after *@index (which gets its index); NO_PFN: none. */
uint64_t page_cache_next(const struct machine *m, const struct inode *i, uint64_t *index);
/* The page of @index, read or (SHMEM) made when it is not there. *@major: it came from the disk. Errors: ENXIO (behind
 * the end of the file: SIGBUS), ENOMEM, EDQUOT. For mappings @readaround reads what a mapping fault does around it. */
int page_cache_get(struct machine *m, unsigned cpu, struct inode *i, uint64_t index, bool readaround, bool *major,
	uint64_t *pfn);
/* Drop clean, unmapped pages of all files (drop_caches); SHMEM stays. Returns how many went. */
uint64_t page_cache_drop(struct machine *m, unsigned cpu);
/* read(2), write(2): bytes or -errno; @data is the machine's own buffer of up to @bytes. */
int64_t file_read(struct machine *m, unsigned cpu, struct inode *i, uint64_t offset, void *data, uint64_t bytes);
int64_t file_write(struct machine *m, unsigned cpu, struct inode *i, uint64_t offset, const void *data, uint64_t bytes);

/* Every cached page is its inode's, counters are the sums: violations, one line each. */
unsigned files_check(struct machine *m, struct text *out);

#endif
