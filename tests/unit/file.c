/* SPDX-License-Identifier: MIT
 *
 * Claim: a file is its name, its size and its rule until it is written, and then what was written.
 *
 *	name ──> inode <── open file        unlinked: the inode stays while it is open, as "/name (deleted)"
 */
#include "support/files.h"

#include "base/rng.h"
#include "base/text.h"
#include "mm/page/frame.h"
#include "mm/process/file.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct inode *create(
	struct machine *m, const char *path, uint64_t bytes, enum content_rule rule)
{
	return inode_create(m, 0, INODE_FILE, path, strlen(path), bytes, rule);
}

static bool shows_as(const struct machine *m, const struct inode *i, const char *want)
{
	struct text out;

	text_init(&out);
	inode_put_path(m, i, &out);
	bool same = !strcmp(text_str(&out), want);
	text_finish(&out);
	return same;
}

Test(file, names)
{
	struct machine *m = files_machine();
	struct inode *i = create(m, "/bin/ls", 100, CONTENT_ZERO);
	struct file *f = file_open(m, 0, "/bin/ls", 7, FILE_RDONLY);

	cr_assert(f);
	cr_expect_eq(inode_lookup(m, "/bin/ls", 7), i);
	cr_expect_null(inode_lookup(m, "/bin/l", 6));
	cr_expect_null(create(m, "/bin/ls", 1, CONTENT_ZERO));
	cr_expect_eq(m->why.err, EEXIST);
	cr_expect(shows_as(m, i, "/bin/ls"));
	cr_expect_eq(inode_unlink(m, 0, i), 0);
	cr_expect_eq(inode_unlink(m, 0, i), -ENOENT);
	cr_expect_null(inode_lookup(m, "/bin/ls", 7));
	cr_expect(shows_as(m, i, "/bin/ls (deleted)"));
	cr_expect(create(m, "/bin/ls", 200, CONTENT_ZERO), "another file may have the name now");
	files_machine_check(m);
	file_put(m, 0, f);
	cr_expect_eq(m->processes.files.nr, 1);
	files_machine_check(m);
	hand_destroy(m);
}

Test(file, a_thousand_names)
{
	struct machine *m = files_machine();
	char path[32];

	for (int pass = 0; pass < 2; pass++)
		for (int k = 0; k < 1000; k++) {
			int len = snprintf(path, sizeof(path), "/usr/lib/%d.so", k);
			struct inode *i = inode_lookup(m, path, (size_t)len);

			if (pass)
				cr_expect(i && i->bytes == (uint64_t)k);
			else
				cr_expect(!i && create(m, path, (uint64_t)k, CONTENT_ZERO));
		}
	files_machine_check(m);
	hand_destroy(m);
}

Test(file, opening)
{
	static const struct {
		const char *path;
		uint32_t flags;
		int err;
	} rows[] = {
		{"/none", FILE_RDONLY, ENOENT},
		{"/none", FILE_RDWR | FILE_CREAT, 0},
		{"/there", FILE_RDWR | FILE_CREAT | FILE_EXCL, EEXIST},
		{"/there", FILE_RDONLY | FILE_CREAT, 0},
		{"", FILE_CREAT, ENOENT},
		{"/dev/zero", FILE_RDWR, 0},
		{"/dev/mem", FILE_RDONLY, 0},
	};

	for (unsigned r = 0; r < sizeof(rows) / sizeof(rows[0]); r++) {
		struct machine *m = files_machine();

		create(m, "/there", 100, CONTENT_ZERO);
		struct file *f = file_open(m, 0, rows[r].path, strlen(rows[r].path), rows[r].flags);
		cr_expect_eq(f ? 0 : m->why.err, rows[r].err, "row %u: %s", r, m->why.sentence);
		files_machine_check(m);
		hand_destroy(m);
	}
}

Test(file, an_open_for_writing_may_empty_it)
{
	struct machine *m = files_machine();
	struct inode *i = create(m, "/f", 10000, CONTENT_ZERO);

	file_put(m, 0, file_open(m, 0, "/f", 2, FILE_RDONLY | FILE_TRUNC));
	cr_expect_eq(i->bytes, 10000);
	struct file *f = file_open(m, 0, "/f", 2, FILE_WRONLY | FILE_TRUNC | FILE_APPEND);
	cr_expect_eq(i->bytes, 0);
	cr_expect_eq(vfs_read(m, 0, f, 0, NULL, 1), -EBADF);
	cr_expect_eq(vfs_write(m, 0, f, 77, "ab", 2), 2);
	cr_expect_eq(vfs_write(m, 0, f, 77, "cd", 2), 2);
	cr_expect_eq(i->bytes, 4, "appended, wherever the position is");
	file_put(m, 0, f);
	files_machine_check(m);
	hand_destroy(m);
}

/* ---- contents ---- */

Test(file, a_pattern_tells_where_it_is)
{
	struct machine *m = files_machine();
	struct inode *i = create(m, "/f", 3 * PAGE_BYTES + 12, CONTENT_PATTERN);
	uint64_t word[3] = {0};

	cr_expect_eq(file_read(m, 0, i, 2 * PAGE_BYTES + 8, word, 16), 16);
	cr_expect_eq(word[0], (i->ino << 48) + 2 * PAGE_BYTES + 8);
	cr_expect_eq(word[1], file_word(i, 2 * PAGE_BYTES + 16));
	cr_expect_eq(file_read(m, 0, i, 3 * PAGE_BYTES + 8, word, 16), 4, "the file ends");
	cr_expect_eq(file_read(m, 0, i, 3 * PAGE_BYTES + 12, word, 16), 0);
	hand_destroy(m);
}

Test(file, zeroes_cost_no_host_memory)
{
	struct machine *m = files_machine();
	struct inode *i = create(m, "/f", 5000 * PAGE_BYTES, CONTENT_ZERO);
	uint64_t before = m->arena.touched_pages;

	file_read(m, 0, i, 0, NULL, UINT32_MAX);
	cr_expect_eq(i->nr_pages, 5000);
	cr_expect_lt(m->arena.touched_pages - before, 5000 * 80 / PAGE_BYTES);
	hand_destroy(m);
}

Test(file, what_was_cut_off_does_not_come_back)
{
	for (int cached = 0; cached < 2; cached++) {
		struct machine *m = files_machine();
		struct inode *i = create(m, "/f", 4 * PAGE_BYTES, CONTENT_PATTERN);
		uint64_t word[2];

		if (cached)
			file_read(m, 0, i, 0, NULL, 4 * PAGE_BYTES);
		cr_expect_eq(inode_truncate(m, 0, i, PAGE_BYTES + 8), 0);
		files_machine_check(m);
		cr_expect_eq(i->nr_pages, cached ? 2 : 0);
		cr_expect_eq(inode_truncate(m, 0, i, 4 * PAGE_BYTES), 0);
		cr_expect_eq(file_read(m, 0, i, PAGE_BYTES, word, 16), 16);
		cr_expect_eq(word[0], file_word(i, PAGE_BYTES));
		cr_expect_eq(word[1], 0);
		cr_expect_eq(file_read(m, 0, i, 3 * PAGE_BYTES, word, 16), 16);
		cr_expect_eq(word[0], 0);
		files_machine_check(m);
		hand_destroy(m);
	}
}

Test(file, sizes_that_cannot_be)
{
	struct machine *m = files_machine();
	struct inode *i = create(m, "/f", 10, CONTENT_ZERO);
	struct file *zero = file_open(m, 0, "/dev/zero", 9, FILE_RDWR);

	cr_expect_eq(inode_truncate(m, 0, i, 1ULL << 44), -EFBIG);
	cr_expect_eq(file_write(m, 0, i, (1ULL << 44) - 4, "hello", 5), -EFBIG);
	cr_expect_eq(file_write(m, 0, i, UINT64_MAX, "hello", 5), -EFBIG);
	cr_expect_eq(file_read(m, 0, i, UINT64_MAX, NULL, 5), -EINVAL);
	cr_expect_eq(inode_truncate(m, 0, machine_at(m, zero->inode_at), 0), -EINVAL);
	cr_expect_eq(i->bytes, 10);
	files_machine_check(m);
	hand_destroy(m);
}

/* Random reads, writes, truncations and drops against a plain array. */
Test(file, bytes_are_those_of_an_array)
{
	enum { MOST = 60000 };
	static const struct {
		enum inode_kind kind;
		enum content_rule rule;
	} rows[] = {{INODE_FILE, CONTENT_PATTERN}, {INODE_FILE, CONTENT_ZERO},
		{INODE_SHMEM, CONTENT_ZERO}};

	for (unsigned r = 0; r < 3; r++) {
		struct machine *m = files_machine();
		struct rng rng = {r + 1};
		uint64_t size = 20000;
		struct inode *i = inode_create(m, 0, rows[r].kind, "/f", 2, size, rows[r].rule);
		unsigned char *want = calloc(1, MOST), *data = calloc(1, MOST);

		for (uint64_t at = 0; rows[r].rule == CONTENT_PATTERN && at < size; at += 8) {
			uint64_t word = file_word(i, at);

			memcpy(want + at, &word, 8);
		}
		for (int step = 0; step < 3000; step++) {
			uint64_t at = rng_below(&rng, MOST),
				 n = rng_below(&rng, MOST - (uint32_t)at);

			switch (rng_below(&rng, 8)) {
			case 0:
			case 1:
				n %= 9000;
				memset(data, step & 255, n);
				memset(want + at, step & 255, n);
				cr_assert_eq(file_write(m, 0, i, at, data, n), (int64_t)n);
				size = n && at + n > size ? at + n : size;
				break;
			case 2:
				memset(want + at, 0, MOST - at);
				cr_assert_eq(inode_truncate(m, 0, i, at), 0);
				size = at;
				break;
			case 3:
				page_cache_drop(m, 0);
				break;
			default: {
				uint64_t there = at < size ? size - at : 0;

				there = n < there ? n : there;
				cr_assert_eq(file_read(m, 0, i, at, data, n), (int64_t)there);
				cr_assert_arr_eq(data, want + at, there, "step %d", step);
			}
			}
			cr_assert_eq(i->bytes, size);
		}
		files_machine_check(m);
		free(want);
		free(data);
		hand_destroy(m);
	}
}

/* ---- shared memory ---- */

Test(file, segments)
{
	struct machine *m = files_machine();
	struct inode *a = shm_get(m, 0, 0x1234, 10000, IPC_CREAT_);

	cr_assert(a);
	cr_expect(shows_as(m, a, "/SYSV00001234 (deleted)"));
	cr_expect_eq(m->processes.committed_pages, 3, "all of it, at once");
	cr_expect_eq(shm_get(m, 0, 0x1234, 5000, 0), a);
	cr_expect_null(shm_get(m, 0, 0x1234, 10001, 0));
	cr_expect_eq(m->why.err, EINVAL);
	cr_expect_null(shm_get(m, 0, 0x1234, 1, IPC_CREAT_ | IPC_EXCL_));
	cr_expect_eq(m->why.err, EEXIST);
	cr_expect_null(shm_get(m, 0, 0x99, 1, 0));
	cr_expect_eq(m->why.err, ENOENT);
	struct inode *b = shm_get(m, 0, IPC_PRIVATE_, 1, 0);
	cr_assert(b && b != a);
	cr_expect_eq(shm_find(m, b->ino), b);
	struct file *f = file_open_inode(m, 0, b, FILE_RDWR);
	vfs_write(m, 0, f, 0, "x", 1);
	shm_remove(m, 0, b);
	cr_expect_eq(shm_find(m, 1), b, "its mapping holds it");
	shm_remove(m, 0, b);
	cr_expect_eq(m->processes.committed_pages, 4);
	files_machine_check(m);
	file_put(m, 0, f);
	cr_expect_null(shm_find(m, 1));
	cr_expect_eq(m->processes.committed_pages, 3);
	shm_remove(m, 0, a);
	cr_expect_eq(m->processes.committed_pages, 0);
	cr_expect_eq(m->processes.files.nr, 0);
	files_machine_check(m);
	hand_destroy(m);
}

Test(file, more_than_may_be_committed)
{
	struct machine *m = files_machine();
	struct inode *memfd = shmem_file_setup(m, 0, "/memfd:x", 8, 100 * PAGE_BYTES, true);
	struct file *f = file_open_inode(m, 0, memfd, FILE_RDWR);
	uint64_t pfn;
	bool major;

	/* All promises stay below 4 pages. */
	m->sysctls.value[SYSCTL_overcommit_memory] = 2;
	m->sysctls.value[SYSCTL_overcommit_kbytes] = 16;
	cr_expect(shows_as(m, memfd, "/memfd:x (deleted)"));
	cr_expect_null(shmem_file_setup(m, 0, NULL, 0, 4 * PAGE_BYTES, false));
	cr_expect_eq(m->why.err, ENOMEM);
	cr_expect_eq(vfs_write(m, 0, f, 0, NULL, 5 * PAGE_BYTES), 3 * PAGE_BYTES);
	cr_expect_eq(vfs_write(m, 0, f, 5 * PAGE_BYTES, NULL, 1), -ENOSPC);
	cr_expect_eq(page_cache_get(m, 0, memfd, 9, false, &major, &pfn), -ENXIO, "SIGBUS");
	files_machine_check(m);
	file_put(m, 0, f);
	struct inode *shared = shmem_file_setup(m, 0, NULL, 0, 3 * PAGE_BYTES, false);
	f = file_open_inode(m, 0, shared, FILE_RDWR);
	cr_expect(shows_as(m, shared, "/dev/zero (deleted)"));
	cr_expect_eq(inode_truncate(m, 0, shared, 4 * PAGE_BYTES), -ENOMEM);
	cr_expect_eq(shared->bytes, 3 * PAGE_BYTES);
	cr_expect_eq(inode_truncate(m, 0, shared, PAGE_BYTES), 0);
	cr_expect_eq(m->processes.committed_pages, 1);
	file_put(m, 0, f);
	cr_expect_eq(m->processes.committed_pages, 0);
	files_machine_check(m);
	hand_destroy(m);
}
