/* SPDX-License-Identifier: MIT
 *
 * Accesses of a process: load, store, fetch in user mode, and touch, an access to each page of a range.
 *
 *	load buf+8          ──> task_access() ──> 0x2a cycles=212 tlb=miss fault=minor
 *	touch buf 10M       ──> task_touch(), a slice at a time ──> 2560 minor=2560 major=0 cycles=...
 *
 * An access that the kernel refuses is EFAULT, with the signal that the process would get: nobody handles it here. It
 * stays in status (SigPnd) until the process does something else.
 */
#include "view/calls_process.h"

#include "base/parse.h"
#include "mm/process/access.h"
#include "mm/process/fault.h"
#include "mm/process/task.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define PAGES_PER_SLICE 4096

typedef unsigned long long ull;

static const char *const tlb_words[] = {
	[HW_TLB_OFF] = "off",
	[HW_TLB_HIT] = "hit",
	[HW_TLB_HIT2] = "second",
	[HW_TLB_MISS] = "miss",
};

static const char *kind_word(enum hw_kind kind)
{
	return kind == HW_STORE ? "write" : kind == HW_FETCH ? "instruction fetch" : "read";
}

/* -EFAULT with a signal: the sentence tells which, as a handler would see it. */
static int refuse_signal(struct call *c, const struct hw_access *a, int err)
{
	const struct siginfo *s = &c->task->signal;

	if (err != -EFAULT || !s->signo)
		return refused_arg(c, err, 0);
	return refuse_at(&c->m->why, EFAULT, c->arg[0].column, (uint32_t)c->arg[0].len,
		"%s of 0x%llx: %s, code 0x%llx, address 0x%llx", kind_word(a->kind), (ull)a->va,
		siginfo_words(s), (ull)s->error_code, (ull)s->addr);
}

int call_task_access(struct call *c, enum hw_kind kind, uint64_t value, unsigned bytes)
{
	struct task_access x = {.a = {.va = c->arg[0].number,
					.value = value,
					.kind = (uint8_t)kind,
					.bytes = (uint8_t)bytes}};
	int err = task_access(c->m, c->task, &x);

	if (err)
		return refuse_signal(c, &x.a, err);
	uint64_t shown = x.a.value & (UINT64_MAX >> (64 - 8 * bytes));
	text_printf(c->result, "0x%llx cycles=%u tlb=%s", (ull)shown, x.cycles, tlb_words[x.tlb]);
	if (x.minor || x.major)
		text_printf(c->result, " fault=%s", x.major ? "major" : "minor");
	c->made = (struct var){.kind = VAR_NUMBER, .value = shown};
	return 0;
}

/* ---- touch ---- */

struct touch {
	uint64_t done; /* bytes */
	uint64_t pages, minor, major, cycles;
};

static int touch_kind(struct call *c, enum hw_kind *kind)
{
	const struct call_value *a = &c->arg[2];

	*kind = HW_STORE;
	if (!a->word || parse_is(a->word, a->len, "w"))
		return 0;
	if (parse_is(a->word, a->len, "r"))
		*kind = HW_LOAD;
	else if (parse_is(a->word, a->len, "x"))
		*kind = HW_FETCH;
	else
		return refuse_at(&c->m->why, EINVAL, a->column, (uint32_t)a->len,
			"touch reads (r), writes (w) or executes (x)");
	return 0;
}

static int touch_done(struct call *c, const struct touch *t, const char *stop)
{
	text_printf(c->result, "%llu minor=%llu major=%llu cycles=%llu", (ull)t->pages,
		(ull)t->minor, (ull)t->major, (ull)t->cycles);
	if (stop)
		text_printf(c->result, " stopped=%s", stop);
	c->made = (struct var){.kind = VAR_NUMBER, .value = t->pages};
	return 0;
}

int call_touch(struct call *c)
{
	const struct call_value *a = &c->arg[0], *length = &c->arg[1];
	uint64_t bytes = length->given || !a->named ? length->number
						    : a->var.bytes - (a->number - a->var.value);
	struct touch *t = c->run->state;
	struct task_access sum = {0};
	enum hw_kind kind;
	uint64_t done;
	int err = touch_kind(c, &kind);

	if (!err && (!bytes || a->number + bytes < a->number))
		err = refuse_at(&c->m->why, EINVAL, a->column, (uint32_t)a->len,
			"touch ADDR LENGTH: the range is empty, or goes beyond the last address");
	if (err)
		return err;
	if (!t)
		t = c->run->state = calloc(1, sizeof(*t));
	if (!t)
		return refuse(&c->m->why, ENOMEM, "the host has no memory for the call");
	if (c->run->interrupted)
		return t->done ? touch_done(c, t, "EINTR")
			       : refuse(&c->m->why, EINTR, "interrupted by a signal");
	err = task_touch(c->m, c->task, a->number + t->done, bytes - t->done, kind,
		session_slice(c->v->s, PAGES_PER_SLICE), &sum, &done);
	uint64_t from = (a->number + t->done) >> PAGE_SHIFT;
	t->done += done;
	if (done)
		t->pages += ((a->number + t->done - 1) >> PAGE_SHIFT) - from + 1;
	t->minor += sum.minor;
	t->major += sum.major;
	t->cycles += sum.cycles;
	if (err)
		return refuse_signal(c, &sum.a, err);
	if (t->done < bytes) {
		c->again = true;
		return 0;
	}
	return touch_done(c, t, NULL);
}

/* ---- copies of system calls ---- */

/* May the process itself access the page at @addr so? What copy_to_user() would find out by faulting. */
static bool may_access(struct machine *m, struct mm *mm, uint64_t addr, bool write)
{
	const struct vma *v = addr < mm->task_size ? find_extend_vma(m, mm, addr) : NULL;

	return v && v->flags & (write ? VM_WRITE : VM_READ);
}

int64_t copy_user(
	struct call *c, struct task *t, uint64_t addr, void *data, uint64_t bytes, bool write)
{
	struct mm *mm = task_mm(c->m, t);
	uint64_t done = 0;

	while (mm && done < bytes) {
		uint64_t at = addr + done, left = PAGE_BYTES - at % PAGE_BYTES, touched;
		uint64_t n = bytes - done < left ? bytes - done : left;
		struct task_access sum = {0};

		if (!may_access(c->m, mm, at, write))
			break;
		int err = task_touch(c->m, t, at, 1, write ? HW_STORE : HW_LOAD, 1, &sum, &touched);
		/* The kernel's own access: it gives EFAULT, not a signal. */
		t->signal = (struct siginfo){0};
		if (err == -EDQUOT)
			return err;
		if (err)
			break;
		int64_t got =
			access_process_vm(c->m, t->cpu, mm, at, (char *)data + done, n, write);
		if (got == -EDQUOT)
			return got;
		if (got <= 0)
			break;
		done += (uint64_t)got;
	}
	if (done || !bytes)
		return (int64_t)done;
	return refuse(&c->m->why, EFAULT, "the process may not %s at 0x%llx",
		write ? "write" : "read", (ull)addr);
}
