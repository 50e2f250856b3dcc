/* SPDX-License-Identifier: MIT
 *
 * Fail the n-th page allocation of a call on a process, for n = 1, 2, ... until the call no longer notices.
 *
 *	call      ENOMEM ... ENOMEM  done
 *	n         1  2  3  ...  k    k + 1
 *
 * After each failure the process is as it was: the same mappings, the same pages in use, the same number of processes;
 * machine_check() finds nothing; and the same call goes through at once when allocations work again.
 */
#include "support/booted.h"

#include "base/text.h"
#include "mm/move/pin.h"
#include "mm/page/zone.h"
#include "mm/process/access.h"
#include "mm/process/file.h"
#include "mm/process/mm.h"
#include "mm/process/pgtables.h"
#include "mm/process/syscalls.h"
#include "mm/process/task.h"
#include "mm/process/vma.h"
#include "mm/process/vma_index.h"

#include <criterion/criterion.h>
#include <errno.h>

#define PAGE  4096ULL
#define BASE  0x30000000ULL
#define PAGES 64u

enum { RW = PROT_READ_ | PROT_WRITE_, ANON = MAP_PRIVATE_ | MAP_ANONYMOUS_, MOST = 200 };

struct subject {
	struct machine *m;
	struct task *t;
	uint64_t out;
};

static void arm(struct machine *m, unsigned n)
{
	struct fault_inject *f = &m->fail_page_alloc;

	f->probability = 100;
	f->min_order = 0;
	/* Two in a row, since slabs try a smaller one when a large one fails. */
	f->times = 2;
	f->space = n;
	f->ignore_gfp_wait = f->ignore_gfp_highmem = false;
}

static void disarm(struct machine *m)
{
	fault_inject_init(&m->fail_page_alloc);
}

/* What must stay: mappings and what they hold, in words. */
static void describe(const struct subject *s, struct text *out)
{
	struct mm *mm = task_mm(s->m, s->t);

	for (const struct vma *v = vma_first(s->m, &mm->vmas); v; v = vma_next(s->m, &mm->vmas, v))
		text_printf(out, "%llx-%llx %llx %llx\n", (unsigned long long)v->start,
			(unsigned long long)v->end,
			(unsigned long long)(v->flags & ~(uint64_t)VM_SOFTDIRTY),
			(unsigned long long)v->pgoff);
	text_printf(out, "total %llu rss %llu committed %llu tasks %u brk %llx fds %u\n",
		(unsigned long long)mm->total_vm, (unsigned long long)mm_rss(mm),
		(unsigned long long)s->m->processes.committed_pages, s->m->processes.tasks.nr,
		(unsigned long long)mm->brk, s->t->nr_fds);
}

/* A process with 64 pages of its own, half of them touched, a stack and a program. */
static struct subject subject(const char *preset)
{
	struct subject s = {.m = booted(preset, "ram", "512M", NULL)};
	struct task_access sum = {0};
	uint64_t done;

	cr_assert_eq(task_spawn(s.m, 0, "subject", 7, &s.t), 0, "%s", s.m->why.sentence);
	cr_assert_eq(sys_mmap(s.m, s.t, BASE, PAGES * PAGE, RW, ANON | MAP_FIXED_, NULL, 0, NULL,
			     &s.out),
		0);
	cr_assert_eq(task_touch(s.m, s.t, BASE, PAGES / 2 * PAGE, HW_STORE, PAGES, &sum, &done), 0);
	return s;
}

typedef int call_fn(struct subject *s);

static void fail_each(const char *preset, const char *name, call_fn *call)
{
	struct subject s = subject(preset);
	unsigned n = 0, failures = 0;

	for (; n < MOST; n++) {
		struct text before, after;

		text_init(&before);
		text_init(&after);
		describe(&s, &before);
		arm(s.m, n);
		int err = call(&s);

		disarm(s.m);
		if (!err) {
			text_finish(&before);
			text_finish(&after);
			break;
		}
		failures++;
		cr_expect(err == -ENOMEM || err == -EAGAIN, "%s on %s, allocation %u: %d %s", name,
			preset, n, err, s.m->why.sentence);
		describe(&s, &after);
		cr_expect_str_eq(text_str(&before), text_str(&after), "%s on %s, allocation %u",
			name, preset, n);
		booted_check(s.m);
		text_finish(&before);
		text_finish(&after);
	}
	cr_expect_lt(n, (unsigned)MOST, "%s never goes through", name);
	cr_expect_gt(failures, 0u, "%s on %s takes no page", name, preset);
	booted_check(s.m);
	machine_destroy(s.m);
}

/* ---- the calls; each makes enough of what it needs that some allocation is its own ---- */

static int call_mmap(struct subject *s)
{
	/* Over the middle of what is there, so that it is cut twice. Slabs are full at some time. */
	for (unsigned i = 0; i < 64; i++) {
		int err = sys_mmap(s->m, s->t, 0x40000000 + i * 2 * PAGE, PAGE,
			i % 2 ? RW : PROT_READ_, ANON | MAP_FIXED_, NULL, 0, NULL, &s->out);

		if (err) {
			/* Undo this call's part, so that only the failed one is compared. */
			while (i--)
				sys_munmap(s->m, s->t, 0x40000000 + i * 2 * PAGE, PAGE);
			return err;
		}
	}
	return 0;
}

static int call_store(struct subject *s)
{
	/* A place whose tables are missing at every level. */
	struct task_access x = {
		.a = {.va = BASE + (PAGES - 1) * PAGE, .bytes = 4, .kind = HW_STORE}};

	return task_access(s->m, s->t, &x);
}

static int call_fork(struct subject *s)
{
	struct task *child;
	int err = task_clone(s->m, s->t, 0, 0, &child);

	if (!err)
		task_kill(s->m, child);
	return err;
}

static int call_exec(struct subject *s)
{
	struct program p;

	program_default(s->m, "/bin/other", 10, &p);
	return task_exec(s->m, s->t, &p);
}

/* Each with an inode and a file of its own: slabs of these are full at some time. */
static int call_shared(struct subject *s)
{
	enum { MANY = 40 };

	for (unsigned i = 0; i < MANY; i++) {
		int err = sys_mmap(s->m, s->t, 0x50000000 + i * PAGE, PAGE, RW,
			MAP_SHARED_ | MAP_ANONYMOUS_ | MAP_FIXED_, NULL, 0, NULL, &s->out);

		if (err) {
			sys_munmap(s->m, s->t, 0x50000000, MANY * PAGE);
			return err;
		}
	}
	return 0;
}

static int call_mremap(struct subject *s)
{
	return sys_mremap(s->m, s->t, BASE, PAGES * PAGE, 2 * PAGES * PAGE,
		MREMAP_MAYMOVE_ | MREMAP_FIXED_, 0x60000000, NULL, &s->out);
}

/* A device in place of what is there: its tables come before the other is gone. */
static int call_device(struct subject *s)
{
	struct file *mem = file_open(s->m, 0, "/dev/mem", 8, FILE_RDWR);

	if (!mem)
		return -s->m->why.err;
	int err = sys_mmap(s->m, s->t, BASE - 2 * PAGE, 5 << 20, RW, MAP_SHARED_ | MAP_FIXED_, mem,
		0xf0000000, NULL, &s->out);

	file_put(s->m, 0, mem);
	return err;
}

/* Pages move to others: each of those may not be there. */
static int call_migrate(struct subject *s)
{
	struct migrate_node_target there = {.nid = -1};
	struct migrate_target target = {.get = migrate_get_on_node, .data = &there};
	struct migrate_list list = {0};

	for (unsigned i = 0; i < 16; i++) {
		pte_t pte = pte_of(s->m, task_mm(s->m, s->t), BASE + i * PAGE);
		int err = migrate_isolate(s->m, &list, pte_pfn(s->m, pte));

		cr_assert_eq(err, 0, "%s", s->m->why.sentence);
	}
	int64_t left =
		migrate_pages(s->m, s->t->cpu, &list, &target, MIGRATE_SYNC, MR_COMPACTION, NULL);

	putback_movable_pages(s->m, s->t->cpu, &list);
	return (int)left;
}

/* The child gets copies of pinned pages at once. */
static int call_fork_pinned(struct subject *s)
{
	uint64_t pfn[8];
	pte_t pte = pte_of(s->m, task_mm(s->m, s->t), BASE);
	unsigned node = pfn_zone(s->m, pte_pfn(s->m, pte))->nid;

	if (!node_at(s->m, node)->stat[ND_nr_foll_pin_acquired])
		cr_assert_eq(pin_user_pages(s->m, s->t, BASE, 8, FOLL_WRITE_, pfn), 8);
	return call_fork(s);
}

static const char *const presets[] = {
	"pc-i386", "pc-x86_64", "arm-virt", "arm64-virt", "riscv64-virt"};

#define FAIL_TEST(name)                                                                            \
	Test(fault_process, name)                                                                  \
	{                                                                                          \
		for (unsigned i = 0; i < sizeof(presets) / sizeof(presets[0]); i++)                \
			fail_each(presets[i], #name, call_##name);                                 \
	}

FAIL_TEST(mmap)
FAIL_TEST(store)
FAIL_TEST(fork)
FAIL_TEST(fork_pinned)
FAIL_TEST(migrate)
FAIL_TEST(exec)
FAIL_TEST(mremap)
FAIL_TEST(shared)
FAIL_TEST(device)
