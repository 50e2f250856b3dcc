/* SPDX-License-Identifier: MIT
 *
 * System calls that change an address space, as calls of PID/ctl: words and numbers to mm/process/syscalls.h.
 *
 *	buf = mmap NULL 10M rw-p          what a hand types
 *	mmap(NULL, 8192, PROT_READ|PROT_WRITE, MAP_PRIVATE|MAP_ANONYMOUS, -1, 0) = 0x7ffff7fc0000      what strace prints
 *
 * An address behind `=` is where the real system put it, and so where it goes here when that place is free.
 */
#include "view/arg_words.h"
#include "view/calls_process.h"

#include "base/parse.h"
#include "mm/process/syscalls.h"
#include "mm/process/task.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define ERRNO_MAX 4095u

/* ---- what they share ---- */

int answer_number(struct call *c, uint64_t value)
{
	text_dec(c->result, value, 0);
	c->made = (struct var){.kind = VAR_NUMBER, .value = value};
	return 0;
}

int answer_address(struct call *c, uint64_t address, uint64_t bytes)
{
	text_printf(c->result, "0x%llx", (unsigned long long)address);
	c->made = (struct var){.kind = VAR_ADDRESS, .value = address, .bytes = bytes};
	return 0;
}

int refused_arg(struct call *c, int err, unsigned i)
{
	const struct call_value *a = &c->arg[i];

	if (err && !c->m->why.span && a->given) {
		c->m->why.column = a->column;
		c->m->why.span = (uint32_t)a->len;
	}
	return err;
}

int answer_zero(struct call *c, int err)
{
	if (!err)
		text_putc(c->result, '0');
	return refused_arg(c, err, 0);
}

const uint64_t *recorded_address(const struct call *c)
{
	return c->recorded_given && c->recorded < -(uint64_t)ERRNO_MAX ? &c->recorded : NULL;
}

/* ---- mmap ---- */

/* A protection as maps spells it says private or shared by itself; flags that are left out follow from it. */
static unsigned mapping_flags(const struct call *c)
{
	const struct call_value *prot = &c->arg[2], *flags = &c->arg[3], *fd = &c->arg[4];
	bool says = prot->number >> 32;
	unsigned f = (unsigned)flags->number;

	if ((says || !flags->given) && !(f & MAP_TYPE_))
		f |= prot->number & PROT_SAYS_SHARED ? MAP_SHARED_ : MAP_PRIVATE_;
	if ((says || !flags->given) && (int64_t)fd->number < 0)
		f |= MAP_ANONYMOUS_;
	return f;
}

int call_mmap(struct call *c)
{
	unsigned flags = mapping_flags(c);
	struct file *file = NULL;
	uint64_t at;

	if (!(flags & MAP_ANONYMOUS_)) {
		file = task_file(c->m, c->task, c->arg[4].number);
		if (!file)
			return refused_arg(c, -c->m->why.err, 4);
	}
	int err = sys_mmap(c->m, c->task, c->arg[0].number, c->arg[1].number,
		(unsigned)c->arg[2].number, flags, file, c->arg[5].number, recorded_address(c),
		&at);
	return err ? refused_arg(c, err, 0) : answer_address(c, at, page_align(c->arg[1].number));
}

/* The length of what a name holds may be left out. */
static uint64_t length_of(const struct call *c, unsigned address, unsigned length)
{
	const struct call_value *a = &c->arg[address], *l = &c->arg[length];

	return l->given || !a->named ? l->number : a->var.bytes - (a->number - a->var.value);
}

int call_munmap(struct call *c)
{
	return answer_zero(c, sys_munmap(c->m, c->task, c->arg[0].number, length_of(c, 0, 1)));
}

int call_mprotect(struct call *c)
{
	return answer_zero(c, sys_mprotect(c->m, c->task, c->arg[0].number, c->arg[1].number,
				      (unsigned)c->arg[2].number));
}

int call_mremap(struct call *c)
{
	uint64_t at;
	int err = sys_mremap(c->m, c->task, c->arg[0].number, c->arg[1].number, c->arg[2].number,
		(unsigned)c->arg[3].number, c->arg[4].number, recorded_address(c), &at);

	return err ? refused_arg(c, err, 0) : answer_address(c, at, page_align(c->arg[2].number));
}

int call_brk(struct call *c)
{
	uint64_t now;
	int err = sys_brk(c->m, c->task, c->arg[0].number, &now);

	return err ? refused_arg(c, err, 0) : answer_address(c, now, 0);
}

int call_madvise(struct call *c)
{
	return answer_zero(c, sys_madvise(c->m, c->task, c->arg[0].number, c->arg[1].number,
				      (enum madvice)c->arg[2].number));
}

/* ---- mlock, mincore, msync ---- */

int call_mlock(struct call *c)
{
	return answer_zero(c, sys_mlock(c->m, c->task, c->arg[0].number, length_of(c, 0, 1), 0));
}

int call_mlock2(struct call *c)
{
	return answer_zero(c, sys_mlock(c->m, c->task, c->arg[0].number, c->arg[1].number,
				      (unsigned)c->arg[2].number));
}

int call_munlock(struct call *c)
{
	return answer_zero(c, sys_munlock(c->m, c->task, c->arg[0].number, length_of(c, 0, 1)));
}

int call_mlockall(struct call *c)
{
	return answer_zero(c, sys_mlockall(c->m, c->task, (unsigned)c->arg[0].number));
}

int call_munlockall(struct call *c)
{
	return answer_zero(c, sys_munlockall(c->m, c->task));
}

#define MINCORE_SHOWN 4096u
#define MINCORE_MOST  ((uint64_t)1 << 24)

int call_mincore(struct call *c)
{
	uint64_t pages = page_align(c->arg[1].number) >> PAGE_SHIFT, resident = 0;

	uint64_t room = pages < MINCORE_MOST ? pages : MINCORE_MOST;
	uint8_t *vec = calloc(room + 1, 1);

	if (!vec)
		return refuse(&c->m->why, ENOMEM, "the host has no memory for the call");
	int err = sys_mincore(c->m, c->task, c->arg[0].number, c->arg[1].number, vec, room);

	for (uint64_t i = 0; !err && i < pages; i++)
		resident += vec[i] & 1;
	if (!err) {
		text_printf(c->result,
			"0 resident=%llu pages=%llu vec=", (unsigned long long)resident,
			(unsigned long long)pages);
		for (uint64_t i = 0; i < pages && i < MINCORE_SHOWN; i++)
			text_putc(c->result, vec[i] & 1 ? '1' : '0');
		if (pages > MINCORE_SHOWN)
			text_puts(c->result, "...");
	}
	free(vec);
	return refused_arg(c, err, 0);
}

int call_msync(struct call *c)
{
	return answer_zero(c, sys_msync(c->m, c->task, c->arg[0].number, c->arg[1].number,
				      (unsigned)c->arg[2].number));
}
