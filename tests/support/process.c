/* SPDX-License-Identifier: MIT
 *
 * A process on a booted machine (see process.h).
 */
#include "support/process.h"

#include "base/text.h"
#include "mm/core/link.h"
#include "mm/page/zone.h"
#include "mm/process/access.h"
#include "mm/process/file.h"
#include "mm/process/mm.h"
#include "mm/process/vma.h"
#include "mm/process/vma_index.h"
#include "support/booted.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* An address space with nothing in it but a stack. */
static struct mm *make_mm(struct machine *m)
{
	const uint64_t flags =
		VM_READ | VM_WRITE | VM_MAYREAD | VM_MAYWRITE | VM_MAYEXEC | VM_GROWSDOWN;
	struct mm *mm = mm_alloc(m, 0);
	struct vma *v;

	cr_assert(mm, "%s", m->why.sentence);
	mm_pick_layout(m, mm, 8 << 20);
	mm->start_stack = mm_stack_top(m) - 2 * P;
	int err =
		do_mmap(m, 0, mm, mm_stack_top(m) - 33 * P, 33 * P, flags, NULL, 0, VMA_PLAIN, &v);
	cr_assert_eq(err, 0, "%s", m->why.sentence);
	return mm;
}

struct proc proc_in(struct machine *m)
{
	struct proc p = {.m = m};

	cr_assert_eq(task_clone(p.m, task_find(p.m, 1), 0, 0, &p.t), 0, "%s", p.m->why.sentence);
	p.mm = make_mm(p.m);
	p.t->mm_at = machine_ref(p.m, p.mm);
	link_add(p.m, &p.mm->tasks, &p.t->in_mm);
	p.t->sp = p.mm->start_stack;
	return p;
}

struct proc proc_start_with(const char *preset, const char *cmdline)
{
	return proc_in(booted(preset, "cmdline", cmdline, NULL));
}

struct proc proc_start(const char *preset)
{
	return proc_start_with(preset, "");
}

void warm_stacks(struct machine *m)
{
	struct task *t[2];

	for (unsigned i = 0; i < 2; i++)
		cr_assert_eq(task_clone(m, task_find(m, 1), 0, 0, &t[i]), 0, "%s", m->why.sentence);
	for (unsigned i = 0; i < 2; i++)
		task_kill(m, t[i]);
}

void proc_check(struct proc *p)
{
	booted_check(p->m);
}

void proc_end(struct proc *p)
{
	proc_check(p);
	task_kill(p->m, p->t);
	proc_check(p);
	machine_destroy(p->m);
}

struct proc proc_fork(struct proc *p)
{
	struct proc child = {.m = p->m};

	cr_assert_eq(task_clone(p->m, p->t, 0, 0, &child.t), 0, "%s", p->m->why.sentence);
	child.mm = task_mm(p->m, child.t);
	return child;
}

/* Room for the mapping and for a page on either side. */
static uint64_t room(struct proc *p, uint64_t pages)
{
	uint64_t at;
	int err = sys_mmap(p->m, p->t, 0, (pages + 2) * P, PROT_NONE_, PRIVATE, NULL, 0, NULL, &at);

	cr_assert_eq(err, 0, "mmap: %s", p->m->why.sentence);
	cr_assert_eq(sys_munmap(p->m, p->t, at, (pages + 2) * P), 0);
	return at + P;
}

uint64_t proc_map(struct proc *p, uint64_t pages, unsigned prot, unsigned flags)
{
	uint64_t at = room(p, pages);
	int err = sys_mmap(p->m, p->t, at, pages * P, prot, flags | MAP_FIXED_, NULL, 0, NULL, &at);

	cr_assert_eq(err, 0, "mmap: %s", p->m->why.sentence);
	return at;
}

uint64_t proc_map_file(
	struct proc *p, uint64_t pages, unsigned prot, unsigned flags, unsigned open_flags)
{
	struct inode *i = inode_create(p->m, 0, INODE_FILE, NULL, 0, pages * P, CONTENT_PATTERN);
	struct file *f = file_open_inode(p->m, 0, i, open_flags);
	uint64_t at = room(p, pages);
	int err = sys_mmap(p->m, p->t, at, pages * P, prot, flags | MAP_FIXED_, f, 0, NULL, &at);

	cr_assert_eq(err, 0, "mmap: %s", p->m->why.sentence);
	file_put(p->m, 0, f);
	return at;
}

static int access_one(struct proc *p, enum hw_kind kind, uint64_t addr, uint64_t *value, bool wide,
	unsigned *minor)
{
	struct task_access x = {.a = {.va = addr,
					.kind = (uint8_t)kind,
					.bytes = wide ? 8 : 1,
					.value = value ? *value : 0}};
	int err = task_access(p->m, p->t, &x);

	if (value)
		*value = x.a.value;
	if (minor)
		*minor += x.minor;
	return err;
}

unsigned proc_use(struct proc *p, enum hw_kind kind, uint64_t addr, uint64_t pages)
{
	unsigned minor = 0;

	for (uint64_t i = 0; i < pages; i++) {
		int err = access_one(p, kind, addr + i * P, NULL, false, &minor);

		cr_assert_eq(err, 0, "0x%llx: %s", (unsigned long long)(addr + i * P),
			p->m->why.sentence);
	}
	return minor;
}

int proc_load(struct proc *p, uint64_t addr, uint64_t *value)
{
	*value = 0;
	return access_one(p, HW_LOAD, addr, value, true, NULL);
}

int proc_store(struct proc *p, uint64_t addr, uint64_t value)
{
	return access_one(p, HW_STORE, addr, &value, true, NULL);
}

/* ---- what it looks like ---- */

static const struct {
	uint64_t flag;
	const char *letters;
} shown[] = {{VM_LOCKED, "lo"}, {VM_ACCOUNT, "ac"}, {VM_DONTCOPY, "dc"}, {VM_WIPEONFORK, "wf"},
	{VM_DONTDUMP, "dd"}, {VM_HUGEPAGE, "hg"}, {VM_NOHUGEPAGE, "nh"}, {VM_MERGEABLE, "mg"},
	{VM_SEQ_READ, "sr"}, {VM_RAND_READ, "rr"}};

static void put_vma(struct text *out, const struct vma *v, uint64_t base, bool account)
{
	text_printf(out, "%s%llu-%llu %c%c%c%c", out->len ? ", " : "",
		(unsigned long long)((v->start - base) / P),
		(unsigned long long)((v->end - base) / P), v->flags & VM_READ ? 'r' : '-',
		v->flags & VM_WRITE ? 'w' : '-', v->flags & VM_EXEC ? 'x' : '-',
		v->flags & VM_MAYSHARE ? 's' : 'p');
	for (unsigned i = 0; i < sizeof(shown) / sizeof(shown[0]); i++)
		if (v->flags & shown[i].flag && (account || shown[i].flag != VM_ACCOUNT))
			text_printf(out, " %s", shown[i].letters);
}

const char *proc_maps(const struct proc *p, uint64_t addr, uint64_t pages)
{
	static char s[1024];
	const struct vma_index *x = &p->mm->vmas;
	struct text out;

	text_init(&out);
	for (const struct vma *v = vma_find(p->m, x, addr); v && v->start < addr + pages * P;
		v = vma_next(p->m, x, v))
		put_vma(&out, v, addr, false);
	snprintf(s, sizeof(s), "%s", text_str(&out));
	text_finish(&out);
	return s;
}

char *proc_state(const struct proc *p)
{
	const struct mm *mm = p->mm;
	struct text out;

	text_init(&out);
	for (const struct vma *v = vma_first(p->m, &mm->vmas); v;
		v = vma_next(p->m, &mm->vmas, v)) {
		put_vma(&out, v, 0, true);
		text_printf(&out, " 0x%llx +%llu", (unsigned long long)v->flags,
			(unsigned long long)v->pgoff);
	}
	text_printf(&out,
		"\ntotal %llu locked %llu data %llu exec %llu stack %llu rss %llu %llu "
		"%llu committed %llu\n",
		(unsigned long long)mm->total_vm, (unsigned long long)mm->locked_vm,
		(unsigned long long)mm->data_vm, (unsigned long long)mm->exec_vm,
		(unsigned long long)mm->stack_vm, (unsigned long long)mm->rss[MM_FILEPAGES],
		(unsigned long long)mm->rss[MM_ANONPAGES],
		(unsigned long long)mm->rss[MM_SHMEMPAGES],
		(unsigned long long)p->m->processes.committed_pages);
	char *s = strdup(text_str(&out));

	text_finish(&out);
	return s;
}

struct vma *proc_vma(const struct proc *p, uint64_t addr)
{
	struct vma *v = vma_find(p->m, &p->mm->vmas, addr);

	return v && v->start <= addr ? v : NULL;
}

uint64_t proc_node_stat(const struct proc *p, enum node_stat_item item)
{
	return node_stat_total(p->m, item);
}

/* ---- failing allocations ---- */

void proc_fail(struct proc *p, uint64_t n)
{
	p->m->fail_page_alloc = (struct fault_inject){
		.probability = 100, .interval = 1, .times = 2, .space = n + 1};
}

bool proc_failed(const struct proc *p)
{
	return p->m->fail_page_alloc.times < 2;
}

void proc_fail_no_more(struct proc *p)
{
	fault_inject_init(&p->m->fail_page_alloc);
}

void proc_refuse_some(struct proc *p, int err, int (*call)(struct proc *p, uint64_t at))
{
	unsigned refused = 0;

	for (unsigned i = 0; i < 200; i++) {
		uint64_t at = proc_map(p, 8, RW, PRIVATE);

		proc_use(p, HW_STORE, at, 8);
		char *before = proc_state(p);
		proc_fail(p, 0);
		int got = call(p, at);
		proc_fail_no_more(p);
		char *after = proc_state(p);
		if (got) {
			cr_assert_eq(got, err, "%d", got);
			cr_assert_str_eq(after, before);
			refused++;
		}
		free(before);
		free(after);
	}
	cr_expect_geq(refused, 3);
}
