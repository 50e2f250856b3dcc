/* SPDX-License-Identifier: MIT
 *
 * Seeded random programs of mlock, madvise, mprotect and mremap against a dumb model that knows of each page of a process
 * whether it is mapped, what may be done with it, which flags its mapping has, and what it holds.
 *
 *	page 0 | page 1 | ...	each: mapped? prot, locked, dont-fork, dont-dump; its value, or that it may have been lost
 *
 * A call that acts on a range stops where Linux does: at a hole (mprotect, mlock, munlock), at a locked page (DONTNEED,
 * FREE, COLD, PAGEOUT), or nowhere (flags; a hole is told at the end). What it did before that, the model does, too. A
 * page that was freed lazily and not written since may be lost when it is paged out: then a load says what became of it.
 *
 * Two processes, the second of them a fork of the first one's from time to time, so pages are shared and copied. After
 * each act errors are compared, and now and then every page's flags and bytes, VmLck, and machine_check(). One act breaks the
 * model on purpose; a program with it must be noticed.
 */
#include "support/model.h"
#include "support/process.h"

#include "mm/process/vma.h"

#include <criterion/criterion.h>
#include <criterion/logging.h>
#include <errno.h>
#include <string.h>

enum { PAGES = 48, TASKS = 2 };
#define BASE UINT64_C(0x20000000)

struct page {
	bool mapped, locked, dontfork, dontdump;
	uint8_t prot;
	bool lazy;	  /* freed lazily, not written since */
	bool may_be_lost; /* and paged out since */
	uint64_t value;
};

struct process {
	struct proc p;
	bool alive;
	struct page page[PAGES];
};

struct model {
	struct machine *m;
	struct model_run run;
	struct process process[TASKS];
};

static uint64_t va(unsigned page)
{
	return BASE + page * P;
}

struct range {
	unsigned first, end;
};

static struct range random_range(struct model *x)
{
	struct range r = {.first = dice(x, PAGES)};

	r.end = r.first + 1 + dice(x, 12);
	if (r.end > PAGES)
		r.end = PAGES;
	return r;
}

static uint64_t bytes(struct range r)
{
	return (r.end - r.first) * P;
}

/* The first page of the range that is not mapped; its end when all are. */
static unsigned first_hole(const struct process *q, struct range r)
{
	while (r.first < r.end && q->page[r.first].mapped)
		r.first++;
	return r.first;
}

/* ---- acts ---- */

static void do_map(struct model *x, struct process *q)
{
	struct range r = random_range(x);
	unsigned prot = dice(x, 4) ? RW : PROT_READ_;
	uint64_t at;

	expect(x, !sys_mmap(x->m, q->p.t, va(r.first), bytes(r), prot, PRIVATE | MAP_FIXED_, NULL,
			  0, NULL, &at));
	for (unsigned i = r.first; i < r.end; i++)
		q->page[i] = (struct page){.mapped = true, .prot = (uint8_t)prot};
}

static void do_unmap(struct model *x, struct process *q)
{
	struct range r = random_range(x);

	expect(x, !sys_munmap(x->m, q->p.t, va(r.first), bytes(r)));
	for (unsigned i = r.first; i < r.end; i++)
		q->page[i] = (struct page){0};
}

static void do_protect(struct model *x, struct process *q)
{
	static const unsigned prots[] = {PROT_NONE_, PROT_READ_, RW, RW, RX};
	struct range r = random_range(x);
	unsigned prot = prots[dice(x, 5)], hole = first_hole(q, r);

	int err = sys_mprotect(x->m, q->p.t, va(r.first), bytes(r), prot);
	expect(x, err == (hole < r.end ? -ENOMEM : 0));
	for (unsigned i = r.first; i < hole; i++)
		q->page[i].prot = (uint8_t)prot;
}

static void do_lock(struct model *x, struct process *q)
{
	struct range r = random_range(x);
	unsigned hole = first_hole(q, r);
	bool lock = dice(x, 2), none = false;

	int err = lock ? sys_mlock(x->m, q->p.t, va(r.first), bytes(r), 0)
		       : sys_munlock(x->m, q->p.t, va(r.first), bytes(r));
	for (unsigned i = r.first; i < hole; i++) {
		q->page[i].locked = lock;
		none |= !q->page[i].prot;
	}
	/* What has no access cannot be brought. */
	expect(x, err == (hole < r.end || (lock && none) ? -ENOMEM : 0));
}

static void advise_page(struct page *g, enum madvice advice)
{
	switch (advice) {
	case MADV_DONTNEED_:
		g->value = 0;
		g->lazy = g->may_be_lost = false;
		break;
	case MADV_FREE_:
		g->lazy = true;
		break;
	case MADV_PAGEOUT_:
		g->may_be_lost |= g->lazy;
		break;
	case MADV_DONTFORK_:
	case MADV_DOFORK_:
		g->dontfork = advice == MADV_DONTFORK_;
		break;
	case MADV_DONTDUMP_:
	case MADV_DODUMP_:
		g->dontdump = advice == MADV_DONTDUMP_;
		break;
	default:
		break;
	}
}

static void do_advise(struct model *x, struct process *q)
{
	static const enum madvice advices[] = {MADV_DONTNEED_, MADV_FREE_, MADV_COLD_,
		MADV_PAGEOUT_, MADV_DONTFORK_, MADV_DOFORK_, MADV_DONTDUMP_, MADV_DODUMP_};
	unsigned which = dice(x, 8);
	struct range r = random_range(x);
	bool hole = first_hole(q, r) < r.end, refused = false;

	int err = sys_madvise(x->m, q->p.t, va(r.first), bytes(r), advices[which]);
	for (unsigned i = r.first; i < r.end && !refused; i++) {
		refused = which < 4 && q->page[i].locked;
		if (!refused && q->page[i].mapped)
			advise_page(&q->page[i], advices[which]);
	}
	expect(x, err == (refused ? -EINVAL : hole ? -ENOMEM : 0));
}

/* All of one mapping: pages with equal flags need not be one, so it may be refused, and then nothing has moved. */
static void do_move(struct model *x, struct process *q)
{
	struct range r = random_range(x);
	unsigned to = dice(x, PAGES), nr = r.end - r.first, flags = MREMAP_MAYMOVE_ | MREMAP_FIXED_;
	const struct vma *v = proc_vma(&q->p, va(r.first));
	bool overlap = to < r.end && r.first < to + nr;
	uint64_t out;

	if (to + nr > PAGES || !v || v->end < va(r.end))
		return;
	int err = sys_mremap(
		x->m, q->p.t, va(r.first), bytes(r), bytes(r), flags, va(to), NULL, &out);
	expect(x, err == (overlap ? -EINVAL : 0));
	if (err)
		return;
	memmove(q->page + to, q->page + r.first, nr * sizeof(struct page));
	memset(q->page + r.first, 0, nr * sizeof(struct page));
}

static void do_store(struct model *x, struct process *q)
{
	unsigned i = dice(x, PAGES);
	struct page *g = &q->page[i];
	uint64_t value = rng_next(&x->run.rng);
	bool may = g->mapped && g->prot & PROT_WRITE_;

	expect(x, proc_store(&q->p, va(i), value) == (may ? 0 : -EFAULT));
	if (!may)
		return;
	g->value = value;
	g->lazy = g->may_be_lost = false;
}

/* Locks are not inherited, and what is dontfork is not there. */
static void do_fork(struct model *x)
{
	struct process *parent = &x->process[0], *child = &x->process[1];

	if (child->alive)
		task_kill(x->m, child->p.t);
	child->alive = !child->alive;
	if (!child->alive)
		return;
	child->p = proc_fork(&parent->p);
	memcpy(child->page, parent->page, sizeof(child->page));
	for (unsigned i = 0; i < PAGES; i++) {
		if (child->page[i].dontfork)
			child->page[i] = (struct page){0};
		child->page[i].locked = false;
	}
}

/* ---- comparing ---- */

static void compare_page(struct model *x, struct process *q, unsigned i)
{
	struct page *g = &q->page[i];
	const struct vma *v = proc_vma(&q->p, va(i));
	uint64_t value;

	expect(x, g->mapped == !!v);
	if (!v)
		return;
	expect(x, (v->flags & VM_ACCESS_FLAGS) == g->prot);
	expect(x, !!(v->flags & VM_LOCKED) == g->locked);
	expect(x, !!(v->flags & VM_DONTCOPY) == g->dontfork);
	expect(x, !!(v->flags & VM_DONTDUMP) == g->dontdump);
	if (!g->prot)
		return;
	expect(x, !proc_load(&q->p, va(i), &value));
	if (g->may_be_lost && !value)
		g->value = 0;
	expect(x, value == g->value);
}

static void compare(struct model *x)
{
	for (unsigned t = 0; t < TASKS; t++) {
		struct process *q = &x->process[t];
		uint64_t locked = 0;

		if (!q->alive)
			continue;
		for (unsigned i = 0; i < PAGES; i++) {
			compare_page(x, q, i);
			locked += q->page[i].locked;
		}
		expect(x, q->p.mm->locked_vm == locked);
	}
}

static void step(struct model *x)
{
	struct process *q = &x->process[x->process[1].alive && dice(x, 2)];

	switch (dice(x, 14)) {
	case 0:
	case 1:
		do_map(x, q);
		break;
	case 2:
		do_unmap(x, q);
		break;
	case 3:
		do_protect(x, q);
		break;
	case 4:
	case 5:
		do_lock(x, q);
		break;
	case 6:
	case 7:
	case 8:
		do_advise(x, q);
		break;
	case 9:
		do_move(x, q);
		break;
	case 10:
		if (!dice(x, 4))
			do_fork(x);
		break;
	default:
		do_store(x, q);
	}
}

/* Returns how often machine and model disagreed. */
static unsigned run(const char *preset, uint64_t seed, unsigned steps, bool break_it)
{
	struct model x = {.run = {.rng = {seed}}};

	x.process[0] = (struct process){.p = proc_start(preset), .alive = true};
	x.m = x.process[0].p.m;
	for (unsigned i = 0; i < steps && !x.run.wrong; i++) {
		step(&x);
		if (break_it && i == steps / 2)
			x.process[0].page[dice(&x, PAGES)].mapped ^= true;
		if (i % 16 == 0)
			compare(&x);
		if (i % 128 == 0)
			proc_check(&x.process[0].p);
	}
	compare(&x);
	if (x.run.wrong && !break_it)
		cr_log_info("%s seed %llu: line %d", preset, (unsigned long long)seed,
			x.run.first_line);
	if (x.process[1].alive)
		task_kill(x.m, x.process[1].p.t);
	proc_end(&x.process[0].p);
	return x.run.wrong;
}

Test(advice, machine_and_model_agree)
{
	static const char *const presets[] = {
		"pc-x86_64", "pc-i386", "pc-i386-pae", "arm-virt", "arm64-virt", "riscv64-virt"};

	for (unsigned i = 0; i < sizeof(presets) / sizeof(presets[0]); i++)
		for (uint64_t seed = 1; seed <= 3; seed++)
			cr_expect_eq(run(presets[i], seed * 100 + i, 6000, false), 0,
				"%s seed %llu", presets[i], (unsigned long long)(seed * 100 + i));
}

Test(advice, a_broken_model_is_noticed)
{
	cr_expect_gt(run("pc-x86_64", 1, 400, true), 0);
}
