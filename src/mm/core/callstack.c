/* SPDX-License-Identifier: MIT
 *
 * Saved call stacks (see callstack.h).
 *
 *	m->callstack    [ mmap ] [ populate ] [ anonymous_page ]        pushed on the way in, popped on the way out
 *	                     │
 *	                     v  stack_depot_save(), when a page or an object is to remember who took it
 *	depot           1 │ mmap populate anonymous_page        each different stack once; what is remembered is its number
 *	                2 │ kmalloc
 *
 * The simulated kernel is no code that could be unwound: a caller is a row of callstack.def, with the functions that Linux
 * has between it and the next one, or a call of calls.def. So the names are the kernel's and the offsets are not there.
 *
 * Invariant: a stack is in the depot once; nothing is ever taken out of it, as in Linux.
 * Follows lib/stackdepot.c and kernel/stacktrace.c of 6.1.
 */
#include "mm/core/callstack.h"

#include "base/text.h"
#include "mm/machine.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

enum entry { ENTRY_NONE, ENTRY_FAULT, ENTRY_SYSCALL };

#define DEPOT_LEAST 32u
#define NAME_MOST   64u

static const struct {
	enum entry entry;
	const char *functions;
} callers[NR_CALLERS] = {
#define CALLER(id, entry, functions) {entry, functions},
#include "mm/core/callstack.def"
};

static const char *const calls[] = {
#define CALL(name, ...) #name,
#include "calls.def"
#undef CALL
};
#define NR_CALLS (sizeof(calls) / sizeof(calls[0]))

/* How user mode gets in. The first word of a system call's is what its name follows. */
static const struct {
	const char *fault, *prefix, *syscall;
} entries[NR_ARCHS] = {
	[ARCH_I386] = {"do_user_addr_fault exc_page_fault handle_exception", "__ia32_sys_",
		"__do_fast_syscall_32 do_fast_syscall_32 do_SYSENTER_32 entry_SYSENTER_32"},
	[ARCH_X86_64] = {"do_user_addr_fault exc_page_fault asm_exc_page_fault", "__x64_sys_",
		"do_syscall_64 entry_SYSCALL_64_after_hwframe"},
	[ARCH_ARM] = {"do_page_fault do_DataAbort __dabt_usr", "sys_", "ret_fast_syscall"},
	[ARCH_ARM64] = {"do_page_fault do_translation_fault do_mem_abort el0_da "
			"el0t_64_sync_handler el0t_64_sync",
		"__arm64_sys_",
		"invoke_syscall el0_svc_common do_el0_svc el0_svc el0t_64_sync_handler "
		"el0t_64_sync"},
	[ARCH_RISCV64] = {"do_page_fault ret_from_exception", "sys_", "ret_from_syscall"},
};

static struct callstack *depot_stack(const struct machine *m, depot_stack_handle_t handle)
{
	return (struct callstack *)machine_at(m, m->stack_depot.at) + handle;
}

static uint32_t hash_of(const struct callstack *s)
{
	uint64_t hash = s->depth;

	for (unsigned i = 0; i < CALLSTACK_MOST; i++)
		hash = (hash ^ s->at[i]) * 0x9e3779b97f4a7c15;
	return (uint32_t)(hash >> 32);
}

/* The place of @s in the index: where its handle is, or goes. */
static uint32_t *place_of(const struct machine *m, const struct callstack *s)
{
	const struct stack_depot *d = &m->stack_depot;
	uint32_t *index = machine_at(m, d->index_at), mask = 2 * d->cap - 1, i = hash_of(s) & mask;

	while (index[i] && memcmp(depot_stack(m, index[i]), s, sizeof(*s)) != 0)
		i = (i + 1) & mask;
	return &index[i];
}

static bool grow(struct machine *m)
{
	struct stack_depot *d = &m->stack_depot;
	uint32_t cap = d->cap ? 2 * d->cap : DEPOT_LEAST;
	uint64_t index_at = heap_alloc(m, 2 * cap * sizeof(uint32_t));
	uint64_t at = index_at ? heap_grow(m, d->at, d->cap * sizeof(struct callstack),
					 cap * sizeof(struct callstack))
			       : 0;

	if (!at) {
		heap_free(m, index_at, 2 * cap * sizeof(uint32_t));
		return false;
	}
	heap_free(m, d->index_at, 2 * d->cap * sizeof(uint32_t));
	*d = (struct stack_depot){.at = at, .index_at = index_at, .nr = d->nr, .cap = cap};
	for (uint32_t i = 1; i < d->nr; i++)
		*place_of(m, depot_stack(m, i)) = i;
	return true;
}

depot_stack_handle_t stack_depot_save(struct machine *m)
{
	struct stack_depot *d = &m->stack_depot;
	struct refusal why = m->why;

	if (!m->callstack.depth)
		return 0;
	uint32_t *place = d->cap ? place_of(m, &m->callstack) : NULL;
	if (place && *place)
		return *place;
	if (!d->nr)
		d->nr = 1;
	if (d->nr >= d->cap) {
		if (!grow(m)) {
			m->why = why; /* not what the caller asked for */
			return 0;
		}
		place = place_of(m, &m->callstack);
	}
	*depot_stack(m, d->nr) = m->callstack;
	*place = d->nr;
	return d->nr++;
}

/* ---- in words ---- */

/* Gives each function to @put until that is content; false when it was not. */
static bool words(
	const char *functions, bool (*put)(void *arg, const char *name, size_t len), void *arg)
{
	while (*functions) {
		size_t len = strcspn(functions, " ");

		if (put(arg, functions, len))
			return true;
		functions += len + (functions[len] == ' ');
	}
	return false;
}

static bool each_function(const struct machine *m, depot_stack_handle_t handle,
	bool (*put)(void *arg, const char *name, size_t len), void *arg)
{
	const struct callstack *s = depot_stack(m, handle);
	unsigned depth = s->depth < CALLSTACK_MOST ? s->depth : CALLSTACK_MOST;

	for (unsigned i = depth; i-- > 0;) {
		unsigned caller = s->at[i] - 1u, call = (caller - NR_CALLERS) / 2;
		char name[NAME_MOST];
		bool done;

		if (caller < NR_CALLERS) {
			done = words(callers[caller].functions, put, arg) ||
			       (callers[caller].entry == ENTRY_FAULT &&
				       words(entries[m->arch].fault, put, arg));
		} else {
			bool syscall = (caller - NR_CALLERS) % 2;

			assert(call < NR_CALLS);
			snprintf(name, sizeof(name), "%s%s", syscall ? entries[m->arch].prefix : "",
				calls[call]);
			done = words(name, put, arg) ||
			       (syscall && words(entries[m->arch].syscall, put, arg));
		}
		if (done)
			return true;
	}
	return false;
}

struct printer {
	struct text *out;
	unsigned indent;
};

static bool put_line(void *arg, const char *name, size_t len)
{
	const struct printer *p = arg;

	text_fill(p->out, ' ', p->indent);
	text_printf(p->out, "%.*s+0x0/0x0\n", (int)len, name);
	return false;
}

void stack_depot_print(
	const struct machine *m, depot_stack_handle_t handle, unsigned indent, struct text *out)
{
	struct printer p = {.out = out, .indent = indent};

	if (handle)
		each_function(m, handle, put_line, &p);
}

static bool keep_name(void *arg, const char *name, size_t len)
{
	snprintf(arg, NAME_MOST, "%.*s", (int)len, name);
	return true;
}

void stack_depot_innermost(const struct machine *m, depot_stack_handle_t handle, char *name)
{
	*name = 0;
	if (handle)
		each_function(m, handle, keep_name, name);
}
