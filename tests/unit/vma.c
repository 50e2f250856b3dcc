/* SPDX-License-Identifier: MIT
 *
 * Claims about cutting and joining mappings. Acts on pages, in order, and the mappings that are there afterwards:
 *
 *	m0-4w    map pages 0-3 readable and writable (r: readable only)	   u2-3    unmap page 2
 *	p2-4r    make pages 2, 3 readable only				   t0      store into page 0
 *
 *	"m0-4w p2-3r"  ->  "0-2w 2-3r 3-4w"
 */
#include "support/booted.h"
#include "support/naked.h"

#include "base/text.h"
#include "mm/process/access.h"
#include "mm/process/file.h"
#include "mm/process/vma.h"
#include "mm/process/vma_index.h"

#include <criterion/criterion.h>
#include <stdlib.h>

#define BASE 0x20000000ULL
#define PAGE 4096ULL

struct row {
	const char *acts, *result, *why;
};

static void act(struct machine *m, struct task *t, const char *word)
{
	char *end;
	uint64_t from = BASE + strtoul(word + 1, &end, 10) * PAGE;
	uint64_t to = *end == '-' ? BASE + strtoul(end + 1, &end, 10) * PAGE : from + PAGE;
	unsigned prot = *end == 'w' ? NAKED_RW : PROT_READ_;
	struct task_access sum = {0};
	uint64_t done;
	int err = -1;

	if (*word == 'm')
		err = naked_map(m, t, from, to - from, prot) != from;
	else if (*word == 'u')
		err = sys_munmap(m, t, from, to - from);
	else if (*word == 'p')
		err = sys_mprotect(m, t, from, to - from, prot);
	else if (*word == 't')
		err = task_touch(m, t, from, to - from, HW_STORE, 100, &sum, &done);
	cr_assert_eq(err, 0, "%s: %s", word, m->why.sentence);
}

static void act_all(struct machine *m, struct task *t, const char *acts)
{
	for (const char *word = acts; word; word = strchr(word, ' '))
		act(m, t, *word == ' ' ? ++word : word);
}

static void picture(struct machine *m, const struct task *t, struct text *out)
{
	const struct vma_index *x = &task_mm(m, t)->vmas;

	text_clear(out);
	for (const struct vma *v = vma_first(m, x); v; v = vma_next(m, x, v))
		text_printf(out, "%s%u-%u%c", out->len ? " " : "",
			(unsigned)((v->start - BASE) / PAGE), (unsigned)((v->end - BASE) / PAGE),
			v->flags & VM_WRITE ? 'w' : 'r');
}

static void run_rows(const struct row *rows, unsigned n)
{
	struct machine *m = booted("pc-x86_64", "ram", "128M", NULL);
	struct text out;

	text_init(&out);
	for (unsigned i = 0; i < n; i++) {
		struct task *t = naked(m);

		act_all(m, t, rows[i].acts);
		picture(m, t, &out);
		cr_expect_str_eq(text_str(&out), rows[i].result, "%s: %s, not %s (%s)",
			rows[i].acts, text_str(&out), rows[i].result, rows[i].why);
		booted_check(m);
		task_kill(m, t);
	}
	cr_expect_eq(m->processes.committed_pages, 0);
	booted_check(m);
	text_finish(&out);
	machine_destroy(m);
}

#define RUN(rows) run_rows(rows, sizeof(rows) / sizeof((rows)[0]))

Test(vma, the_eight_cases)
{
	static const struct row rows[] = {
		{"m0-2w m4-6w m2-4w", "0-6w", "1: both neighbours"},
		{"m0-2w m2-4w", "0-4w", "2: the one before"},
		{"m2-4w m0-2w", "0-4w", "3: the one behind"},
		{"m0-4r m4-6w p2-4w", "0-2r 2-6w", "4: the boundary moves down"},
		{"m0-2w m2-6r p2-4w", "0-4w 4-6r", "5: the boundary moves up"},
		{"m0-2w m2-4r m4-6w p2-4w", "0-6w", "6: one of three vanishes into both"},
		{"m0-2w m2-4r p2-4w", "0-4w", "7: into the one before"},
		{"m2-4r m4-6w p2-4w", "2-6w", "8: into the one behind"},
		{"m0-2w m4-6r m2-4w", "0-4w 4-6r", "unlike: only the one before"},
		{"m0-2r m4-6w m2-4w", "0-2r 2-6w", "unlike: only the one behind"},
		{"m0-2w m3-5w", "0-2w 3-5w", "a hole keeps them apart"},
	};

	RUN(rows);
}

Test(vma, cut_and_joined_again)
{
	static const struct row rows[] = {
		{"m0-6w p2-4r", "0-2w 2-4r 4-6w", "the middle"},
		{"m0-6w p2-4r p2-4w", "0-6w", "and back"},
		{"m0-6w p0-2r", "0-2r 2-6w", "the begin"},
		{"m0-6w p4-6r", "0-4w 4-6r", "the end"},
		{"m0-6w u2-4", "0-2w 4-6w", "a hole"},
		{"m0-6w u2-4 m2-4w", "0-6w", "filled"},
		{"m0-6w m2-4r", "0-2w 2-4r 4-6w", "mapped over"},
		{"m0-6w m2-4w", "0-6w", "mapped over with the same"},
		{"m0-3w m3-6r u2-4", "0-2w 4-6r", "over a boundary"},
		{"m0-2w m3-4r m5-7w u1-6", "0-1w 6-7w", "several, and holes"},
		{"m0-6w t0-6 p2-4r t0 t5 p2-4w", "0-6w", "with pages in it"},
		{"m0-6w t0-6 u2-4 m2-4w", "0-6w", "pieces of one remember where they come from"},
		{"m0-8w t0-8 p2-4r p6-8r p0-8w", "0-8w", "one call over four"},
	};

	RUN(rows);
}

/* What 6.1 does with anonymous pages of two origins: the two sides cannot be one. */
Test(vma, pages_of_two_origins)
{
	static const struct row rows[] = {
		{"m0-2w t0 m4-6w t4 m2-4w", "0-2w 2-6w", "mmap prefers the one behind"},
		{"m0-2w t0 m2-4r m4-6w t4 p2-4w", "0-4w 4-6w", "mprotect the one before"},
		{"m2-4w t2 p2-4r m0-2w p2-4w", "0-2w 2-4w",
			"6.1: a neighbour that has no page at all is not joined"},
		{"m0-2w t0 m2-4w", "0-4w", "new memory has none: joined"},
		{"m2-4w t2 m0-2w", "0-4w", "below, too"},
		{"m0-2w t0 m4-6w m2-4w", "0-6w", "one side has none"},
		{"m0-2w t0 m2-4r t0 p2-4w t2", "0-4w",
			"neighbours share an origin as soon as they could be one"},
	};

	RUN(rows);
}

/* In the child of a fork pages have two possible origins, so new memory is not joined with what was inherited. */
Test(vma, a_fork_leaves_a_seam)
{
	struct machine *m = booted("pc-x86_64", "ram", "128M", NULL);
	struct task *t = naked(m), *child;
	struct text out;

	text_init(&out);
	act_all(m, t, "m0-4w t0-4");
	cr_assert_eq(task_clone(m, t, 0, 0, &child), 0, "%s", m->why.sentence);
	act_all(m, child, "m4-6w");
	picture(m, child, &out);
	cr_expect_str_eq(text_str(&out), "0-4w 4-6w");
	act_all(m, t, "m4-6w");
	picture(m, t, &out);
	cr_expect_str_eq(text_str(&out), "0-6w", "in the parent it is as before");
	act_all(m, child, "p1-2r p1-2w");
	picture(m, child, &out);
	cr_expect_str_eq(
		text_str(&out), "0-4w 4-6w", "pieces of the inherited one have the same origin");
	booted_check(m);
	text_finish(&out);
	machine_destroy(m);
}

static void map_file(struct machine *m, struct task *t, struct file *f, unsigned page,
	unsigned pages, unsigned offset, unsigned flags)
{
	uint64_t at;

	cr_assert_eq(sys_mmap(m, t, BASE + page * PAGE, pages * PAGE, NAKED_RW, flags | MAP_FIXED_,
			     f, offset * PAGE, NULL, &at),
		0, "%s", m->why.sentence);
}

/* The same open file, and pages that go on. */
Test(vma, files)
{
	struct machine *m = booted("pc-x86_64", "ram", "128M", NULL);
	struct inode *i = inode_create(m, 0, INODE_FILE, "/data", 5, 64 * PAGE, CONTENT_ZERO);
	struct file *f = file_open_inode(m, 0, i, FILE_RDWR),
		    *again = file_open_inode(m, 0, i, FILE_RDWR);
	static const struct {
		unsigned offset, flags;
		bool other;
		const char *result;
	} rows[] = {{2, MAP_PRIVATE_, false, "0-4w"}, {3, MAP_PRIVATE_, false, "0-2w 2-4w"},
		{2, MAP_SHARED_, false, "0-2w 2-4w"}, {2, MAP_PRIVATE_, true, "0-2w 2-4w"}};
	struct text out;

	text_init(&out);
	for (unsigned k = 0; k < 4; k++) {
		struct task *t = naked(m);

		map_file(m, t, f, 0, 2, 0, MAP_PRIVATE_);
		map_file(m, t, rows[k].other ? again : f, 2, 2, rows[k].offset, rows[k].flags);
		picture(m, t, &out);
		cr_expect_str_eq(text_str(&out), rows[k].result, "row %u", k);
		cr_assert_eq(sys_munmap(m, t, BASE + PAGE, PAGE), 0);
		const struct vma *v = vma_find(m, &task_mm(m, t)->vmas, BASE + PAGE);
		cr_expect_eq(v->pgoff, rows[k].offset == 2 || k
					       ? v->start == BASE + 2 * PAGE ? rows[k].offset : 2
					       : 2);
		task_kill(m, t);
		cr_expect_eq(f->refcount, 1, "mappings gave their references back");
	}
	booted_check(m);
	text_finish(&out);
	machine_destroy(m);
}

/* vm_stat_account(): what a mapping counts as. */
Test(vma, counted_by_kind)
{
	static const struct {
		uint64_t flags;
		unsigned data, exec, stack;
	} rows[] = {{VM_READ | VM_WRITE, 1, 0, 0}, {VM_READ, 0, 0, 0}, {VM_READ | VM_EXEC, 0, 1, 0},
		{VM_READ | VM_WRITE | VM_EXEC, 1, 0, 0}, {VM_READ | VM_WRITE | VM_SHARED, 0, 0, 0},
		{VM_READ | VM_WRITE | VM_GROWSDOWN, 0, 0, 1},
		{VM_READ | VM_EXEC | VM_SHARED, 0, 1, 0}};

	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct mm mm = {0};

		vm_stat_account(&mm, rows[i].flags, 1);
		cr_expect(mm.total_vm == 1 && mm.data_vm == rows[i].data &&
				  mm.exec_vm == rows[i].exec && mm.stack_vm == rows[i].stack,
			"row %u", i);
		vm_stat_account(&mm, rows[i].flags, -1);
		cr_expect_eq(mm.total_vm + mm.data_vm + mm.exec_vm + mm.stack_vm, 0);
	}
}
