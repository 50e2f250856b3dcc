/* SPDX-License-Identifier: MIT
 *
 * Claim: the pages of files that are in memory are those that a 6.1 kernel would have, and are counted as it counts them.
 *
 *	read 1 byte at 0    |0 1 2 3|			the mark is on page 1
 *	read page 1         |0 1 2 3|4 ... 11|		on page 4
 *	fault at page 100   |84 ... 115|		on page 108
 */
#include "support/files.h"

#include "base/text.h"
#include "mm/core/link.h"
#include "mm/page/frame.h"
#include "mm/process/file.h"
#include "mm/slab/slab.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

static struct inode *create(
	struct machine *m, enum inode_kind kind, const char *path, uint64_t bytes)
{
	struct inode *i = inode_create(m, 0, kind, path, strlen(path), bytes, CONTENT_ZERO);

	cr_assert(i, "%s", m->why.sentence);
	return i;
}

static uint64_t node_stat(const struct machine *m, enum node_stat_item item)
{
	return node_at(m, 0)->stat[item];
}

static bool marked(const struct machine *m, const struct inode *i, uint64_t index)
{
	uint64_t pfn = page_cache_find(m, i, index);

	return pfn != NO_PFN && frame_of(m, pfn)->flags & FRAME_RECLAIM;
}

/* "0-3 5 7-8": the cached pages, a `*` behind one with the mark. */
static const char *cached(const struct machine *m, const struct inode *i)
{
	static char s[400];
	size_t len = 0;
	uint64_t index = 0;

	s[0] = '\0';
	while (page_cache_next(m, i, &index) != NO_PFN) {
		uint64_t first = index;

		while (page_cache_find(m, i, index + 1) != NO_PFN)
			index++;
		len += (size_t)snprintf(s + len, sizeof(s) - len, "%s%llu-%llu", len ? " " : "",
			(unsigned long long)first, (unsigned long long)index);
		for (uint64_t k = first; k <= index; k++)
			if (marked(m, i, k))
				len += (size_t)snprintf(
					s + len, sizeof(s) - len, "*%llu", (unsigned long long)k);
		index++;
	}
	return s;
}

/* ---- reading ahead ---- */

Test(page_cache, reads_ahead_as_the_kernel_does)
{
	static const struct {
		struct {
			uint64_t page, pages;
		} read[5];
		const char *cached;
	} rows[] = {
		{{{0, 1}}, "0-3*1"},
		{{{0, 1}, {1, 1}}, "0-11*4"},
		{{{0, 1}, {1, 1}, {2, 3}}, "0-27*12"},
		{{{0, 2}}, "0-3*2"},
		{{{0, 16}}, "0-31*16"},
		{{{0, 64}}, "0-95*64"},
		{{{0, 64}, {64, 64}}, "0-191*160"},
		{{{100, 1}}, "100-100"},
		{{{100, 1}, {101, 1}}, "100-104*102"},
		{{{100, 1}, {103, 1}}, "100-100 103-103"},
		{{{100, 3}, {50, 1}, {103, 1}}, "50-50 100-106*106"},
		{{{200, 1}, {200, 1}}, "200-200"},
		{{{254, 8}}, "254-255"},
	};

	for (unsigned r = 0; r < sizeof(rows) / sizeof(rows[0]); r++) {
		struct machine *m = files_machine();
		struct inode *i = create(m, INODE_FILE, "/f", 256 * PAGE_BYTES);
		struct file *f = file_open_inode(m, 0, i, FILE_RDONLY);

		for (unsigned k = 0; k < 5 && rows[r].read[k].pages; k++)
			vfs_read(m, 0, f, rows[r].read[k].page << PAGE_SHIFT, NULL,
				rows[r].read[k].pages << PAGE_SHIFT);
		cr_expect_str_eq(cached(m, i), rows[r].cached, "row %u: %s, not %s", r,
			cached(m, i), rows[r].cached);
		files_machine_check(m);
		hand_destroy(m);
	}
}

/* What do_read_fault() does at each page of a mapping: map what is there around it, else fault on the file. */
static void walk(
	struct machine *m, const struct vma *v, bool *mapped, unsigned *minor, unsigned *major)
{
	uint64_t pages = (v->end - v->start) >> PAGE_SHIFT, pfn;

	for (uint64_t k = 0; k < pages; k++) {
		int result = FILEMAP_HIT;

		if (mapped[k])
			continue;
		for (unsigned again = 0; again < 2 && !mapped[k]; again++) {
			uint64_t first = k & ~15ULL, at = first;

			for (; filemap_next_around(m, 0, v, &at, first + 15) != NO_PFN; at++)
				mapped[at] = true;
			if (!mapped[k])
				result = filemap_fault(m, 0, v, k, &pfn);
			cr_assert_geq(result, 0);
		}
		mapped[k] = true;
		*minor += result == FILEMAP_HIT;
		*major += result != FILEMAP_HIT;
	}
}

Test(page_cache, one_pass_over_a_cold_mapping_of_8_MiB)
{
	static const struct {
		uint64_t vm_flags;
		unsigned minor,
			major; /* 64 and 65 on real machines: experiment 15, "file map read 8 MiB cold" */
	} rows[] = {{0, 64, 65}, {VM_RAND_READ, 0, 2048}};

	for (unsigned r = 0; r < 2; r++) {
		struct machine *m = files_machine();
		struct inode *i = create(m, INODE_FILE, "/f", 2048 * PAGE_BYTES);
		struct file *f = file_open_inode(m, 0, i, FILE_RDONLY);
		struct vma v = {.end = 2048 * PAGE_BYTES,
			.file_at = machine_ref(m, f),
			.flags = rows[r].vm_flags};
		bool mapped[2048] = {0};
		unsigned minor = 0, major = 0;

		walk(m, &v, mapped, &minor, &major);
		cr_expect_eq(minor, rows[r].minor, "%u", minor);
		cr_expect_eq(major, rows[r].major, "%u", major);
		cr_expect_eq(i->nr_pages, 2048);
		cr_expect_eq(m->vm_event[EV_pgpgin] / 2, 8192);
		files_machine_check(m);
		hand_destroy(m);
	}
}

Test(page_cache, a_fault_in_the_middle_reads_around_it)
{
	struct machine *m = files_machine();
	struct inode *i = create(m, INODE_FILE, "/f", 200 * PAGE_BYTES);
	struct file *f = file_open_inode(m, 0, i, FILE_RDONLY);
	struct vma v = {.end = 200 * PAGE_BYTES, .file_at = machine_ref(m, f)};
	uint64_t pfn;

	cr_expect_eq(filemap_fault(m, 0, &v, 100, &pfn), FILEMAP_MAJOR);
	cr_expect_str_eq(cached(m, i), "84-115*108");
	cr_expect_eq(filemap_fault(m, 0, &v, 100, &pfn), FILEMAP_HIT);
	cr_expect_eq(filemap_fault(m, 0, &v, 108, &pfn), FILEMAP_RETRY);
	cr_expect_str_eq(cached(m, i), "84-147*116", "%s", cached(m, i));
	cr_expect_eq(filemap_fault(m, 0, &v, 199, &pfn), FILEMAP_MAJOR);
	cr_expect_eq(filemap_fault(m, 0, &v, 200, &pfn), -ENXIO);
	files_machine_check(m);
	hand_destroy(m);
}

Test(page_cache, a_warm_file_was_in_memory_already)
{
	struct machine *m = files_machine();
	struct inode *i = create(m, INODE_FILE, "/lib", 40 * PAGE_BYTES);
	struct file *f = file_open_inode(m, 0, i, FILE_RDONLY);
	struct vma v = {.end = 40 * PAGE_BYTES, .file_at = machine_ref(m, f)};
	bool mapped[40] = {0};
	unsigned minor = 0, major = 0;

	i->warm = true;
	walk(m, &v, mapped, &minor, &major);
	cr_expect_eq(minor, 3);
	cr_expect_eq(major, 0);
	cr_expect_eq(m->vm_event[EV_pgpgin], 0);
	files_machine_check(m);
	hand_destroy(m);
}

/* ---- what is counted ---- */

Test(page_cache, a_file_is_cached_clean_and_dropped)
{
	struct machine *m = files_machine();
	struct inode *i = create(m, INODE_FILE, "/f", 300 * PAGE_BYTES);
	uint64_t free_pages = zone_stat_total(m, ZS_nr_free_pages), dropped;

	cr_expect_eq(file_read(m, 0, i, 0, NULL, 1 << 30), 300 * PAGE_BYTES);
	uint64_t pfn = page_cache_find(m, i, 7);
	const struct frame *page = frame_of(m, pfn);
	cr_expect_eq(page->refcount, 1);
	cr_expect_eq(page->mapping, i->id);
	cr_expect_eq(page->index, 7);
	cr_expect_eq(page->flags,
		FRAME_UPTODATE | FRAME_LRU | FRAME_MAPPEDTODISK | FRAME_REFERENCED | FRAME_MOVABLE);
	cr_expect_eq(node_stat(m, ND_nr_file_pages), 300);
	cr_expect_eq(node_stat(m, ND_nr_inactive_file), 300);
	cr_expect_eq(node_stat(m, ND_nr_dirty), 0);
	cr_expect_eq(m->vm_event[EV_pgpgin], 300 * 8);
	cr_expect_gt(kmem_cache_objects(m, KMEM_radix_tree_node), 5);
	file_read(m, 0, i, 7 * PAGE_BYTES, NULL, 1);
	cr_expect(page->flags & FRAME_ACTIVE);
	cr_expect_eq(node_stat(m, ND_nr_active_file), 1);
	dropped = page_cache_drop(m, 0);
	cr_expect_eq(dropped, 300);
	cr_expect_eq(node_stat(m, ND_nr_file_pages), 0);
	cr_expect_eq(kmem_cache_objects(m, KMEM_radix_tree_node), 0);
	kmem_cache_shrink_all(m, 0);
	drain_all_pages(m, NULL);
	cr_expect_eq(zone_stat_total(m, ZS_nr_free_pages), free_pages);
	files_machine_check(m);
	hand_destroy(m);
}

Test(page_cache, dirty_pages_stay)
{
	struct machine *m = files_machine();
	struct inode *i = create(m, INODE_FILE, "/f", 0);

	cr_expect_eq(file_write(m, 0, i, 0, "hello", 5), 5);
	cr_expect_eq(file_write(m, 0, i, 3 * PAGE_BYTES, NULL, 2 * PAGE_BYTES), 2 * PAGE_BYTES);
	cr_expect_eq(i->bytes, 5 * PAGE_BYTES);
	cr_expect_eq(node_stat(m, ND_nr_dirty), 3);
	cr_expect_eq(node_stat(m, ND_nr_dirtied), 3);
	cr_expect_eq(zone_stat_total(m, ZS_nr_zone_write_pending), 3);
	cr_expect_eq(m->vm_event[EV_pgpgin], 0);
	cr_expect_eq(page_cache_drop(m, 0), 0);
	files_machine_check(m);
	cr_expect_eq(inode_unlink(m, 0, i), 0);
	cr_expect_eq(node_stat(m, ND_nr_dirty), 0);
	cr_expect_eq(node_stat(m, ND_nr_file_pages), 0);
	files_machine_check(m);
	hand_destroy(m);
}

Test(page_cache, shared_memory_counts_as_shmem)
{
	struct machine *m = files_machine();
	struct inode *i = create(m, INODE_SHMEM, "/dev/shm/s", 10 * PAGE_BYTES);
	char data[8] = "xxxxxxx";
	uint64_t pfn;
	bool major;

	cr_expect_eq(file_read(m, 0, i, 5, data, 8), 8);
	cr_expect_eq(data[0], 0);
	cr_expect_eq(i->nr_pages, 0, "reading a hole takes no page");
	cr_expect_eq(file_write(m, 0, i, PAGE_BYTES, "abc", 3), 3);
	cr_expect_eq(page_cache_get(m, 0, i, 4, true, &major, &pfn), 0);
	cr_expect_not(major);
	cr_expect_eq(frame_of(m, pfn)->flags,
		FRAME_UPTODATE | FRAME_LRU | FRAME_SWAPBACKED | FRAME_MOVABLE);
	cr_expect_eq(page_cache_get(m, 0, i, 10, true, &major, &pfn), -ENXIO);
	cr_expect_eq(node_stat(m, ND_nr_shmem), 2);
	cr_expect_eq(node_stat(m, ND_nr_file_pages), 2);
	cr_expect_eq(node_stat(m, ND_nr_inactive_anon), 2);
	cr_expect_eq(node_stat(m, ND_nr_dirty), 0, "there is nothing to write it to");
	cr_expect_eq(m->processes.committed_pages, 2);
	cr_expect_eq(page_cache_drop(m, 0), 0);
	cr_expect_eq(file_read(m, 0, i, PAGE_BYTES + 1, data, 2), 2);
	cr_expect_eq(data[0], 'b');
	files_machine_check(m);
	inode_unlink(m, 0, i);
	cr_expect_eq(m->processes.committed_pages, 0);
	files_machine_check(m);
	hand_destroy(m);
}

/* ---- no memory ---- */

static void play(struct machine *m, unsigned *failures)
{
	struct inode *i =
		inode_create(m, 0, INODE_FILE, "/a", 2, 1000 * PAGE_BYTES, CONTENT_PATTERN);
	struct inode *s = shmem_file_setup(m, 0, "/memfd:s", 8, 0, true);
	struct file *f = s ? file_open_inode(m, 0, s, FILE_RDWR) : NULL;

	*failures += !i + !s + !f;
	if (s && !f) {
		inode_get(s);
		inode_put(m, 0, s);
	}
	if (i) {
		*failures += file_read(m, 0, i, 0, NULL, 70 * PAGE_BYTES) != 70 * PAGE_BYTES;
		*failures +=
			file_write(m, 0, i, 4096 * PAGE_BYTES + 1, NULL, PAGE_BYTES) != PAGE_BYTES;
	}
	if (f)
		*failures += vfs_write(m, 0, f, 0, NULL, 70 * PAGE_BYTES) != 70 * PAGE_BYTES;
	files_machine_check(m);
	if (f)
		file_put(m, 0, f);
	if (i)
		inode_unlink(m, 0, i);
	files_machine_check(m);
	cr_expect_eq(m->processes.files.nr, 0);
	cr_expect_eq(m->processes.files.nr_open, 0);
}

Test(page_cache, every_nth_allocation_fails)
{
	struct machine *boot = files_machine();
	unsigned n = 0, failures;

	/* A slab that is kept keeps its map. */
	kmem_cache_shrink_all(boot, 0);

	do {
		struct machine *m = hand_copy(boot);

		m->fail_page_alloc = (struct fault_inject){
			.probability = 100, .interval = 1, .times = 1, .space = n};
		failures = 0;
		play(m, &failures);
		for (unsigned id = 0; id < NR_KMEM_CACHES; id++)
			cr_expect_eq(kmem_cache_objects(m, id), 0);
		kmem_cache_shrink_all(m, 0);
		cr_expect_eq(m->heap.used_bytes,
			boot->heap.used_bytes + m->processes.files.names_cap * 8 +
				m->processes.mappings.cap * 8,
			"n %u", n);
		hand_destroy(m);
		n++;
	} while (failures || n < 150);
	cr_expect_gt(n, 150);
	hand_destroy(boot);
}
