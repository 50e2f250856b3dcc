/* SPDX-License-Identifier: MIT
 *
 * A new program's stack, and what the kernel maps into every process.
 *
 *	stack top   | a word of zeroes | path | environment | arguments |          strings, ending with a zero byte each
 *	            | random bytes: up to align_stack |
 *	            | platform's name | 16 random bytes | up to 16 bytes |
 *	sp ->       | argc | argv ... 0 | envp ... 0 | auxiliary vector |           16-byte aligned
 *	            | 128 KiB further down is mapped already; more comes by faults |
 *
 * So a program finds its arguments, its parent's environment, and what the kernel has to tell it, in its own memory, and
 * proc/PID/cmdline is nothing but bytes from arg_start to arg_end.
 *
 * The special mappings lie above the stack, at a random place up to the end of its 2 MiB (x86-64) or of the address space
 * (ARM), or among the other mappings; in front of the vdso's code is its data. On ARM there is also a page of signal
 * trampolines; the page of vectors is the kernel's own, the same in all processes, and no mapping.
 *
 * Follows setup_arg_pages() of fs/exec.c, create_elf_tables(), arch/x86/entry/vdso/vma.c, arch/arm/kernel/process.c of 6.1.
 */
#include "mm/process/exec_internal.h"

#include "mm/process/mm.h"
#include "mm/process/syscalls.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#define VM_MAY	     ((uint64_t)(VM_MAYREAD | VM_MAYWRITE | VM_MAYEXEC))
#define STACK_EXPAND ((uint64_t)128 << 10)
#define ARG_MAX_     ((uint64_t)128 << 10)
#define ARG_MOST     ((uint64_t)6 << 20) /* three quarters of the default stack limit */
#define X86_64_UNIT  ((uint64_t)2 << 20) /* a page table's worth */

typedef unsigned long long ull;

static bool randomize(const struct exec *x)
{
	/* Where a recording says where the stack was, nothing more is moved. */
	return !x->p->stack_top && x->m->sysctls.value[SYSCTL_randomize_va_space] != 0;
}

/* ---- strings ---- */

/* A string's place is below the one before: x->p_at goes down. */
static int put_string(struct exec *x, const char *s, size_t len)
{
	x->p_at -= len + 1;
	int err = exec_put(x, x->p_at, s, len);

	return err ? err : exec_put(x, x->p_at + len, NULL, 1);
}

static uint64_t string_bytes(const char *const *strings)
{
	uint64_t bytes = 0;

	for (; strings && *strings; strings++)
		bytes += strlen(*strings) + 1;
	return bytes;
}

static int check_strings(struct exec *x, uint64_t bytes)
{
	uint64_t limit = x->t->rlim[RLIM_STACK].soft / 4;

	limit = limit < ARG_MOST ? limit : ARG_MOST;
	limit = limit > ARG_MAX_ ? limit : ARG_MAX_;
	bytes += (uint64_t)(x->argc + x->envc) * machine_word_bytes(x->m);
	if (bytes <= limit)
		return 0;
	return refuse(&x->m->why, E2BIG,
		"arguments and environment need %llu bytes; a quarter of the stack's limit, but "
		"from 128 KiB to 6 MiB, is allowed: %llu",
		(ull)bytes, (ull)limit);
}

/* From the last to the first. */
static int put_strings(struct exec *x, const char *const *strings, unsigned nr)
{
	int err = 0;

	while (nr-- && !err)
		err = put_string(x, strings[nr], strlen(strings[nr]));
	return err;
}

static uint64_t stack_top(struct exec *x)
{
	uint64_t top = mm_stack_top(x->m);

	if (x->p->stack_top)
		return page_align(x->p->stack_top);
	top -= mm_random(x->m, 1, mm_stack_rnd_bits(x->m));
	if (x->l->align_stack && randomize(x))
		top -= rng_below(&x->m->rng, x->l->align_stack);
	return page_align(top);
}

/* The mapping: the pages of the strings and 128 KiB, as far as the limit allows. */
static int map_stack(struct exec *x, uint64_t top)
{
	uint64_t limit = page_align_down(x->t->rlim[RLIM_STACK].soft),
		 start = page_align_down(x->p_at);
	uint64_t bytes = top - start;
	struct vma *v;

	if (bytes + STACK_EXPAND <= limit)
		bytes += STACK_EXPAND;
	else if (limit > bytes)
		bytes = limit;
	int err = do_mmap(x->m, x->cpu, x->mm, top - bytes, bytes,
		VM_READ | VM_WRITE | VM_STACK_FLAGS | VM_MAY, NULL, 0, VMA_PLAIN, &v);

	/* setup_arg_pages() gives it new flags, and this one is not among them. */
	if (!err)
		v->flags &= ~(uint64_t)VM_SOFTDIRTY;
	return err;
}

int exec_stack(struct exec *x)
{
	uint64_t top = stack_top(x), word = machine_word_bytes(x->m);
	uint64_t bytes = string_bytes(x->p->argv) + string_bytes(x->p->envp) + x->p->path_len + 1;
	int err = check_strings(x, bytes);

	if (err)
		return err;
	if (top > x->mm->task_size || top < bytes + word + STACK_EXPAND)
		return refuse(&x->m->why, EINVAL, "a stack cannot end at 0x%llx", (ull)top);
	x->p_at = top - word - bytes;
	err = map_stack(x, top);
	x->p_at = top - word;
	if (!err)
		err = put_string(x, x->p->path, x->p->path_len);
	x->execfn = x->mm->env_end = x->p_at;
	if (!err)
		err = put_strings(x, x->p->envp, x->envc);
	x->mm->env_start = x->mm->arg_end = x->p_at;
	if (!err)
		err = put_strings(x, x->p->argv, x->argc);
	x->mm->arg_start = x->p_at;
	return err;
}

/* ---- the special mappings ---- */

/* A wish for an address above the stack: any page of those up to a bound. */
static uint64_t above_stack(struct exec *x, uint64_t bytes)
{
	uint64_t first = page_align(x->p_at), end = mm_map_window(x->m);

	if (x->m->arch == ARCH_X86_64) {
		uint64_t unit_end = (first + bytes + X86_64_UNIT - 1) & ~(X86_64_UNIT - 1);

		end = unit_end < end ? unit_end : end;
	}
	if (end < bytes || end - bytes < first)
		return first;
	uint64_t slots = ((end - bytes - first) >> PAGE_SHIFT) + 1;

	return first + ((uint64_t)rng_below(&x->m->rng, (uint32_t)slots) << PAGE_SHIFT);
}

static int map_special(
	struct exec *x, uint64_t *at, unsigned pages, uint64_t flags, enum vma_kind kind)
{
	struct vma *v;
	int err = 0;

	if (pages)
		err = do_mmap(
			x->m, x->cpu, x->mm, *at, pages * PAGE_BYTES, flags, NULL, 0, kind, &v);
	*at += pages * PAGE_BYTES;
	return err;
}

int exec_specials(struct exec *x)
{
	const uint64_t code = VM_READ | VM_EXEC | VM_MAY | VM_DONTEXPAND;
	const struct exec_layout *l = x->l;
	uint64_t before = (l->sigpage + l->vvar) * PAGE_BYTES,
		 bytes = before + l->vdso * PAGE_BYTES;
	uint64_t at = l->above_stack ? above_stack(x, bytes) : 0;

	if (x->p->vdso)
		at = x->p->vdso > before ? x->p->vdso - before : 0;
	int err = get_unmapped_area(x->m, x->mm, at, bytes, &at);

	if (!err)
		err = map_special(x, &at, l->sigpage, code, VMA_SIGPAGE);
	if (!err)
		err = map_special(x, &at, l->vvar, l->vvar_flags, VMA_VVAR);
	x->mm->vdso = at;
	return err ? err : map_special(x, &at, l->vdso, code, VMA_VDSO);
}

/* ---- the tables below the strings ---- */

static int put_word(struct exec *x, uint64_t *at, uint64_t value)
{
	int err = exec_put(x, *at, &value, machine_word_bytes(x->m));

	*at += machine_word_bytes(x->m);
	return err;
}

/* Pointers to strings that lie from @string on, then 0. */
static int put_pointers(
	struct exec *x, uint64_t *at, const char *const *strings, unsigned nr, uint64_t string)
{
	int err = 0;

	for (unsigned i = 0; i < nr && !err; i++) {
		err = put_word(x, at, string);
		string += strlen(strings[i]) + 1;
	}
	return err ? err : put_word(x, at, 0);
}

struct aux {
	uint64_t type, value;
};

static unsigned auxv(const struct exec *x, struct aux *out)
{
	unsigned nr = 0;

#define AUX(type_, there, value_)                                                                  \
	if (there)                                                                                 \
		out[nr++] = (struct aux){type_, value_};
#include "mm/process/exec_aux.def"
	return nr;
}

static int put_tables(struct exec *x, const struct aux *aux, unsigned nr)
{
	uint64_t at = x->p_at;
	int err = put_word(x, &at, x->argc);

	if (!err)
		err = put_pointers(x, &at, x->p->argv, x->argc, x->mm->arg_start);
	if (!err)
		err = put_pointers(x, &at, x->p->envp, x->envc, x->mm->env_start);
	for (unsigned i = 0; i < nr && !err; i++) {
		err = put_word(x, &at, aux[i].type);
		if (!err)
			err = put_word(x, &at, aux[i].value);
	}
	return err;
}

int exec_tables(struct exec *x)
{
	uint64_t words = 1 + (uint64_t)x->argc + 1 + x->envc + 1, random[2];
	struct aux aux[32];
	int err = 0;

	if (x->l->align_stack) {
		if (randomize(x))
			x->p_at -= rng_below(&x->m->rng, x->l->align_stack);
		x->p_at &= ~(uint64_t)15;
	}
	if (*x->l->platform) {
		err = put_string(x, x->l->platform, strlen(x->l->platform));
		x->platform = x->p_at;
	}
	random[0] = rng_next(&x->m->rng);
	random[1] = rng_next(&x->m->rng);
	x->p_at -= sizeof(random);
	x->random = x->p_at;
	if (!err)
		err = exec_put(x, x->p_at, random, sizeof(random));
	unsigned nr = auxv(x, aux);

	assert(nr <= sizeof(aux) / sizeof(aux[0]));
	x->p_at -= (words + 2 * nr) * machine_word_bytes(x->m);
	x->p_at &= ~(uint64_t)15;
	x->mm->start_stack = x->p_at;
	return err ? err : put_tables(x, aux, nr);
}
