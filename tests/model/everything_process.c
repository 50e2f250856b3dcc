/* SPDX-License-Identifier: MIT
 *
 * The model of everything: memory of processes, files and shared memory.
 *
 *	slot of a process     anonymous        its pages' bytes
 *	                      shared           the bytes of a store
 *	                      private file     its own bytes once written, else the file's
 *	                      buffer           those of a dma-buf, while the CPUs have it (everything_buffer.c)
 *	store                 a file's bytes and size, or those of shared anonymous memory
 *
 * A page behind a file's end is a SIGBUS. What lies behind the end in the end's own page is nobody's: no act goes there.
 */
#include "model/everything.h"

#include "mm/move/pin.h"
#include "mm/page/contents.h"
#include "mm/page/page_alloc.h"
#include "mm/process/access.h"
#include "mm/process/file.h"
#include "mm/process/mm.h"
#include "mm/process/pgtables.h"
#include "mm/process/syscalls.h"
#include "mm/process/task.h"
#include "mm/process/vma_index.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#define RW (PROT_READ_ | PROT_WRITE_)

/* Some slots share a page table, some do not. */
uint64_t va_of(unsigned slot, unsigned page)
{
	return 0x1ff00000u + (uint64_t)slot * 0xc0000 + page * PAGE;
}

struct task *task_of(const struct everything *x, const struct process *p)
{
	struct task *t = task_find(x->m, p->pid);

	cr_assert(t);
	return t;
}

static struct inode *inode_of(const struct everything *x, const struct store *s)
{
	return machine_at(x->m, s->inode_at);
}

struct process *any_process(struct everything *x)
{
	struct process *p = &x->process[dice(x, TASKS)];

	while (!p->pid)
		p = &x->process[dice(x, TASKS)];
	return p;
}

static unsigned empty_slot(struct everything *x, const struct process *p)
{
	unsigned k = dice(x, SLOTS);

	return p->slot[k].kind ? SLOTS : k;
}

/* A mapped slot of the process, SLOTS if the dice say an empty one. */
unsigned full_slot(struct everything *x, const struct process *p)
{
	unsigned k = dice(x, SLOTS);

	return p->slot[k].kind ? k : SLOTS;
}

/* Where the bytes of a page are. */
static uint8_t *bytes_of(struct everything *x, struct slot *s, unsigned page)
{
	if (s->kind == SLOT_ANON || s->page[page].own)
		return s->page[page].bytes;
	if (s->kind == SLOT_BUFFER)
		return x->shared[s->store].bytes + (s->first + page) * PAGE;
	return x->store[s->store].bytes + page * PAGE;
}

/* How many bytes of it there are: less at the end of a file. */
static uint32_t limit_of(const struct everything *x, const struct slot *s, unsigned page)
{
	uint64_t size = x->store[s->store].size, at = (uint64_t)page * PAGE;

	if (s->kind == SLOT_ANON || s->kind == SLOT_BUFFER ||
		(s->kind == SLOT_SHARED && s->store >= FILES))
		return PAGE;
	if (at >= size)
		return 0;
	return size - at < PAGE ? (uint32_t)(size - at) : PAGE;
}

static void drop_unused_stores(struct everything *x)
{
	bool used[STORES] = {false};

	for (unsigned i = 0; i < TASKS; i++)
		for (unsigned k = 0; k < SLOTS && x->process[i].pid; k++)
			if (x->process[i].slot[k].kind == SLOT_SHARED)
				used[x->process[i].slot[k].store] = true;
	for (unsigned i = FILES; i < STORES; i++)
		x->store[i].used = used[i];
}

/* ---- mappings ---- */

/* A slot's pages are given up: the bytes of those that are pinned go to the pin. */
static void leave_pins(struct everything *x, struct slot *s)
{
	for (unsigned p = 0; p < PINS; p++) {
		unsigned at = 0;

		for (unsigned i = 0; i < SLOT_PAGES; i++)
			if (s->page[i].pin == p + 1) {
				if (!s->page[i].busy)
					memcpy(x->pin[p].bytes + at * PAGE, s->page[i].bytes, PAGE);
				s->page[i].pin = 0;
				at++;
			}
	}
	memset(s, 0, sizeof(*s));
}

static void act_map(struct everything *x)
{
	struct process *p = any_process(x);
	unsigned k = empty_slot(x, p), kind = dice(x, 5), store = FILES;
	struct slot *s = &p->slot[k];
	struct file *f = NULL;
	uint64_t out;

	if (k == SLOTS)
		return;
	while (kind == 2 && store < STORES && x->store[store].used)
		store++;
	if (kind >= 3)
		store = dice(x, FILES);
	if (store == STORES)
		return;
	if (kind >= 3)
		f = file_open_inode(x->m, 0, inode_of(x, &x->store[store]), FILE_RDWR);
	unsigned pages = 1 + dice(x, SLOT_PAGES);
	unsigned flags = kind == 2 || kind == 3 ? MAP_SHARED_ : MAP_PRIVATE_;

	flags |= kind < 3 ? MAP_ANONYMOUS_ : 0;
	arm(x);
	int err = sys_mmap(x->m, task_of(x, p), va_of(k, 0), (uint64_t)pages * PAGE, RW,
		flags | MAP_FIXED_ | (kind == 4 || dice(x, 4) ? 0 : MAP_POPULATE_), f, 0, NULL,
		&out);
	bool failed = starved(x, err, false);

	if (f)
		file_put(x->m, 0, f);
	if (failed)
		return;
	expect(x, !err && out == va_of(k, 0));
	memset(s, 0, sizeof(*s));
	s->kind = kind < 2 ? SLOT_ANON : kind < 4 ? SLOT_SHARED : SLOT_PRIVATE_FILE;
	s->store = kind < 2 ? 0 : (uint8_t)store;
	s->pages = (uint8_t)pages;
	if (kind == 2) {
		memset(&x->store[store], 0, sizeof(x->store[store]));
		x->store[store].used = true;
	}
}

static void act_unmap(struct everything *x)
{
	struct process *p = any_process(x);
	unsigned k = full_slot(x, p);

	if (k == SLOTS)
		return;
	arm(x);
	int err = sys_munmap(x->m, task_of(x, p), va_of(k, 0), (uint64_t)p->slot[k].pages * PAGE);

	if (starved(x, err, false))
		return;
	expect(x, !err);
	leave_pins(x, &p->slot[k]);
	drop_unused_stores(x);
	shared_settle(x);
}

static bool is_mapped(const struct everything *x, const struct process *p, uint64_t va)
{
	const struct vma *v = vma_find(x->m, &task_mm(x->m, task_of(x, p))->vmas, va);

	return v && v->start <= va;
}

/* To another place, larger or smaller. */
static void act_remap(struct everything *x)
{
	struct process *p = any_process(x);
	unsigned from = full_slot(x, p), to = empty_slot(x, p), pages = 1 + dice(x, SLOT_PAGES);
	struct slot *s = &p->slot[from];
	uint64_t out;

	if (from == SLOTS || to == SLOTS)
		return;
	/* Shared anonymous memory has the size it was made with: behind that is a SIGBUS. */
	if ((s->kind == SLOT_SHARED && s->store >= FILES) || s->kind == SLOT_BUFFER || dice(x, 2))
		pages = s->pages;
	for (unsigned i = pages; i < SLOT_PAGES; i++)
		if (s->page[i].pin)
			return;
	arm(x);
	int err = sys_mremap(x->m, task_of(x, p), va_of(from, 0), (uint64_t)s->pages * PAGE,
		(uint64_t)pages * PAGE, MREMAP_MAYMOVE_ | MREMAP_FIXED_, va_of(to, 0), NULL, &out);
	bool failed = starved(x, err, false);

	/* What was to be cut off is gone by then. */
	if (pages < s->pages && (!failed || !is_mapped(x, p, va_of(from, pages)))) {
		memset(&s->page[pages], 0, (SLOT_PAGES - pages) * sizeof(s->page[0]));
		s->pages = (uint8_t)pages;
	}
	if (failed)
		return;
	expect(x, !err && out == va_of(to, 0));
	s->pages = (uint8_t)pages;
	p->slot[to] = *s;
	memset(s, 0, sizeof(*s));
}

static void act_forget(struct everything *x)
{
	struct process *p = any_process(x);
	unsigned k = full_slot(x, p);
	struct slot *s = &p->slot[k];

	if (k == SLOTS || s->kind == SLOT_SHARED || s->kind == SLOT_BUFFER)
		return;
	for (unsigned i = 0; i < s->pages; i++)
		if (s->page[i].pin)
			return;
	expect(x, !sys_madvise(x->m, task_of(x, p), va_of(k, 0), (uint64_t)s->pages * PAGE,
			  MADV_DONTNEED_LOCKED_));
	memset(s->page, 0, sizeof(s->page));
}

/* Behind a file's end is nothing that could be locked, and it says so. */
static void act_lock(struct everything *x)
{
	struct process *p = any_process(x);
	unsigned k = full_slot(x, p);

	/* Locking copies all pages of a private file at once; the model does not follow that. */
	if (k == SLOTS || p->slot[k].kind == SLOT_PRIVATE_FILE)
		return;
	uint64_t bytes = (uint64_t)p->slot[k].pages * PAGE;
	int err = dice(x, 2) ? sys_mlock(x->m, task_of(x, p), va_of(k, 0), bytes, 0)
			     : sys_munlock(x->m, task_of(x, p), va_of(k, 0), bytes);

	expect(x, !err || err == -ENOMEM || err == -EAGAIN);
}

static void act_fork(struct everything *x)
{
	struct process *p = any_process(x), *child = &x->process[dice(x, TASKS)];
	struct task *t;

	if (child->pid)
		return;
	for (unsigned i = 0; i < PINS; i++)
		if (x->pin[i].busy)
			return;
	arm(x);
	int err = task_clone(x->m, task_of(x, p), 0, 0, &t);

	if (starved(x, err, false))
		return;
	expect(x, !err);
	memcpy(child, p, sizeof(*child));
	child->pid = t->pid;
	t->cpu = dice(x, x->m->nr_cpus);
	for (unsigned k = 0; k < SLOTS; k++)
		for (unsigned i = 0; i < SLOT_PAGES; i++)
			child->slot[k].page[i].pin = 0;
}

static void act_exit(struct everything *x)
{
	struct process *p = any_process(x);
	unsigned alive = 0;

	for (unsigned i = 0; i < TASKS; i++)
		alive += x->process[i].pid != 0;
	if (alive < 2)
		return;
	task_kill(x->m, task_of(x, p));
	for (unsigned k = 0; k < SLOTS; k++)
		leave_pins(x, &p->slot[k]);
	p->pid = 0;
	drop_unused_stores(x);
	shared_settle(x);
}

/* ---- accesses ---- */

/* A page of a process, and whether it may be looked at; NULL: not now. */
static struct user_page *any_page(
	struct everything *x, struct process *p, unsigned *slot, unsigned *page)
{
	*slot = full_slot(x, p);
	if (*slot == SLOTS)
		return NULL;
	*page = dice(x, p->slot[*slot].pages);
	if (p->slot[*slot].kind == SLOT_BUFFER && x->shared[p->slot[*slot].store].with_devices)
		return NULL;
	return p->slot[*slot].page[*page].busy ? NULL : &p->slot[*slot].page[*page];
}

/* Before a write: a page of a private file becomes the process's own. */
static void make_own(struct everything *x, struct slot *s, unsigned page)
{
	struct user_page *g = &s->page[page];

	if (s->kind == SLOT_PRIVATE_FILE && !g->own) {
		memcpy(g->bytes, bytes_of(x, s, page), PAGE);
		memset(g->bytes + limit_of(x, s, page), 0, PAGE - limit_of(x, s, page));
		g->own = true;
	}
}

static void act_access(struct everything *x)
{
	struct process *p = any_process(x);
	unsigned k, page;
	struct user_page *g = any_page(x, p, &k, &page);
	struct slot *s = &p->slot[k];
	struct task_access a = {.a = {.bytes = 8, .kind = dice(x, 2) ? HW_STORE : HW_LOAD}};
	uint32_t at = dice(x, PAGE / 8) * 8;

	if (!g)
		return;
	uint32_t limit = limit_of(x, s, page);

	/* What lies behind a file's end in its last page is nobody's. */
	if (limit && at + 8 > limit)
		return;
	a.a.va = va_of(k, page) + at;
	uint64_t word = a.a.value = rng_next(&x->run.rng);

	arm(x);
	int err = task_access(x->m, task_of(x, p), &a);

	if (starved(x, err, false))
		return;
	expect(x, err == (limit ? 0 : -EFAULT));
	if (!limit)
		return;
	if (a.a.kind == HW_LOAD) {
		expect(x, !memcmp(&a.a.value, bytes_of(x, s, page) + at, 8));
		return;
	}
	make_own(x, s, page);
	memcpy(bytes_of(x, s, page) + at, &word, 8);
}

/* Many bytes of a page at once, as write(2) to PID/mem. */
static void act_fill(struct everything *x)
{
	struct process *p = any_process(x);
	unsigned k, page;
	struct user_page *g = any_page(x, p, &k, &page);
	struct slot *s = &p->slot[k];
	uint8_t bytes[PAGE];

	/* A device's memory is not for access_process_vm(). */
	if (!g || !limit_of(x, s, page) || s->kind == SLOT_BUFFER)
		return;
	uint32_t at = dice(x, limit_of(x, s, page)), n = 1 + dice(x, limit_of(x, s, page) - at);

	scribble(x, bytes, n);
	int64_t got = access_process_vm(x->m, task_of(x, p)->cpu, task_mm(x->m, task_of(x, p)),
		va_of(k, page) + at, bytes, n, true);

	expect(x, got == n);
	make_own(x, s, page);
	memcpy(bytes_of(x, s, page) + at, bytes, n);
}

/* ---- files ---- */

/* A file has become shorter: private copies behind its end are gone, too. */
static void cut_mappings(struct everything *x, unsigned file)
{
	unsigned first = (unsigned)((x->store[file].size + PAGE - 1) / PAGE);

	for (unsigned i = 0; i < TASKS; i++)
		for (unsigned k = 0; k < SLOTS; k++) {
			struct slot *s = &x->process[i].slot[k];

			if (s->kind == SLOT_PRIVATE_FILE && s->store == file)
				for (unsigned g = first; g < SLOT_PAGES; g++)
					memset(&s->page[g], 0, sizeof(s->page[g]));
		}
}

static void act_truncate(struct everything *x)
{
	unsigned file = dice(x, FILES);
	struct store *s = &x->store[file];
	uint64_t size = dice(x, SLOT_PAGES * PAGE + 1), old = s->size;

	if (dice(x, 2))
		size -= size % PAGE;
	expect(x, !inode_truncate(x->m, dice(x, x->m->nr_cpus), inode_of(x, s), size));
	s->size = size;
	if (size < old) {
		memset(s->bytes + size, 0, sizeof(s->bytes) - size);
		cut_mappings(x, file);
	}
}

static void act_write(struct everything *x)
{
	struct store *s = &x->store[dice(x, FILES)];
	uint8_t bytes[3 * PAGE];
	uint32_t at = dice(x, SLOT_PAGES * PAGE), n = 1 + dice(x, sizeof(bytes));

	n = n > SLOT_PAGES * PAGE - at ? SLOT_PAGES * PAGE - at : n;
	scribble(x, bytes, n);
	arm(x);
	int64_t got = file_write(x->m, dice(x, x->m->nr_cpus), inode_of(x, s), at, bytes, n);

	if (got < 0 && starved(x, (int)got, false))
		return;
	expect(x, got > 0 && (got == n || starved(x, -ENOMEM, false)));
	memcpy(s->bytes + at, bytes, got > 0 ? (size_t)got : 0);
	if (got > 0 && at + (uint64_t)got > s->size)
		s->size = at + (uint64_t)got;
}

static void act_read(struct everything *x)
{
	struct store *s = &x->store[dice(x, FILES)];
	static uint8_t bytes[SLOT_PAGES * PAGE];
	uint32_t at = dice(x, SLOT_PAGES * PAGE), n = 1 + dice(x, SLOT_PAGES * PAGE - at);
	uint64_t want = at >= s->size ? 0 : s->size - at < n ? s->size - at : n;

	arm(x);
	int64_t got = file_read(x->m, dice(x, x->m->nr_cpus), inode_of(x, s), at, bytes, n);

	if (got < 0 && starved(x, (int)got, false))
		return;
	expect(x, got >= 0 && ((uint64_t)got == want || starved(x, -ENOMEM, false)));
	expect(x, got < 0 || !memcmp(bytes, s->bytes + at, (size_t)got));
}

static void act_drop_caches(struct everything *x)
{
	(void)page_cache_drop(x->m, dice(x, x->m->nr_cpus));
}

/* ---- pins ---- */

static void act_pin(struct everything *x)
{
	struct process *p = any_process(x);
	unsigned k = full_slot(x, p), i = dice(x, PINS);
	struct slot *s = &p->slot[k];
	struct pin *n = &x->pin[i];

	if (k == SLOTS || n->used || s->kind != SLOT_ANON)
		return;
	unsigned first = dice(x, s->pages), nr = 1 + dice(x, PIN_PAGES);

	nr = nr > s->pages - first ? s->pages - first : nr;
	for (unsigned g = first; g < first + nr; g++)
		if (s->page[g].pin)
			return;
	arm(x);
	bool longterm = dice(x, 2);
	int64_t got = pin_user_pages(x->m, task_of(x, p), va_of(k, first), nr,
		FOLL_WRITE_ | (longterm ? FOLL_LONGTERM_ : 0), n->pfn);

	if (starved(x, got < 0 ? (int)got : got < nr ? -ENOMEM : 0, false) && got <= 0)
		return;
	expect(x, got > 0);
	for (unsigned g = 0; longterm && g < got; g++)
		expect(x, page_longterm_pinnable(x->m, n->pfn[g]));
	n->used = true;
	n->pages = got > 0 ? (uint8_t)got : 0;
	for (unsigned g = 0; g < n->pages; g++)
		s->page[first + g].pin = (uint8_t)(i + 1);
}

/* The process's page with this page of the pin; NULL: it has given it up. */
static struct user_page *pinned_page(struct everything *x, unsigned pin, unsigned page)
{
	for (unsigned i = 0; i < TASKS; i++)
		for (unsigned k = 0; k < SLOTS && x->process[i].pid; k++) {
			unsigned at = 0;

			for (unsigned g = 0; g < SLOT_PAGES; g++)
				if (x->process[i].slot[k].page[g].pin == pin + 1 && at++ == page)
					return &x->process[i].slot[k].page[g];
		}
	return NULL;
}

static void act_unpin(struct everything *x)
{
	unsigned i = dice(x, PINS);

	if (!x->pin[i].used || x->pin[i].busy)
		return;
	for (unsigned k = 0; k < x->pin[i].pages; k++) {
		struct user_page *g = pinned_page(x, i, k);
		const uint8_t *bytes = g ? g->bytes : x->pin[i].bytes + k * PAGE;

		same_phys(x, x->pin[i].pfn[k] << PAGE_SHIFT, bytes, PAGE);
	}
	for (unsigned k = 0; k < x->pin[i].pages; k++)
		expect(x, !unpin_user_page(x->m, dice(x, x->m->nr_cpus), x->pin[i].pfn[k]));
	for (unsigned k = x->pin[i].pages; k--;) {
		struct user_page *g = pinned_page(x, i, k);

		if (g)
			g->pin = 0;
	}
	memset(&x->pin[i], 0, sizeof(x->pin[i]));
}

void pin_take(struct everything *x, unsigned i)
{
	for (unsigned k = 0; k < x->pin[i].pages; k++) {
		struct user_page *g = pinned_page(x, i, k);

		if (g)
			memcpy(x->pin[i].bytes + k * PAGE, g->bytes, PAGE);
		if (g)
			g->busy = true;
	}
	x->pin[i].busy = true;
}

void pin_give_back(struct everything *x, unsigned i)
{
	for (unsigned k = 0; k < x->pin[i].pages; k++) {
		struct user_page *g = pinned_page(x, i, k);

		if (g)
			memcpy(g->bytes, x->pin[i].bytes + k * PAGE, PAGE);
		if (g)
			g->busy = false;
	}
	x->pin[i].busy = false;
}

/* ---- all of it ---- */

void process_begin(struct everything *x)
{
	struct task *t;

	cr_assert_eq(task_spawn(x->m, 0, "model", 5, &t), 0);
	x->process[0].pid = t->pid;
	for (unsigned i = 0; i < FILES; i++) {
		struct store *s = &x->store[i];
		char name[8];

		snprintf(name, sizeof(name), "/f%u", i);
		s->size = i == 3 ? 0 : (uint64_t)(SLOT_PAGES - i) * PAGE - i * 1000;
		struct inode *node = inode_create(x->m, 0, i == 3 ? INODE_SHMEM : INODE_FILE, name,
			3, s->size, i == 2 || i == 3 ? CONTENT_ZERO : CONTENT_PATTERN);

		cr_assert(node);
		s->used = true;
		s->inode_at = (uint64_t)((char *)node - (char *)machine_at(x->m, 0));
		for (uint64_t at = 0; i < 2 && at < s->size; at += 8) {
			uint64_t word = file_word(node, at);

			memcpy(s->bytes + at, &word, 8);
		}
	}
}

/* Its bytes are looked at by everything_buffer.c; here that the process has these pages, or none yet. */
static void look_at_buffer(struct everything *x, const struct process *p, unsigned k)
{
	const struct slot *s = &p->slot[k];

	for (unsigned i = 0; i < s->pages; i++) {
		pte_t pte = pte_of(x->m, task_mm(x->m, task_of(x, p)), va_of(k, i));

		expect(x, !pte_present(x->m, pte) ||
				  pte_pfn(x->m, pte) == shared_pfn(x, s->store, s->first + i));
	}
}

static void look_at_slot(struct everything *x, struct process *p, unsigned k)
{
	struct slot *s = &p->slot[k];
	struct mm *mm = task_mm(x->m, task_of(x, p));
	static uint8_t got[PAGE];

	for (unsigned i = 0; i < s->pages; i++) {
		uint32_t n = limit_of(x, s, i);

		if (s->page[i].busy)
			continue;
		expect(x, access_process_vm(x->m, 0, mm, va_of(k, i), got, n ? n : 1, false) ==
				  (n ? (int64_t)n : -EIO));
		expect(x, !memcmp(got, bytes_of(x, s, i), n));
		x->compared += n;
	}
}

void process_look(struct everything *x)
{
	for (unsigned i = 0; i < TASKS; i++)
		for (unsigned k = 0; k < SLOTS && x->process[i].pid; k++)
			if (x->process[i].slot[k].kind == SLOT_BUFFER)
				look_at_buffer(x, &x->process[i], k);
			else
				look_at_slot(x, &x->process[i], k);
	for (unsigned i = 0; i < FILES; i++) {
		static uint8_t got[SLOT_PAGES * PAGE];
		struct store *s = &x->store[i];

		expect(x, file_read(x->m, 0, inode_of(x, s), 0, got, sizeof(got)) ==
				  (int64_t)s->size);
		expect(x, !memcmp(got, s->bytes, s->size));
		x->compared += s->size;
	}
	for (unsigned i = 0; i < PINS; i++)
		for (unsigned k = 0; k < x->pin[i].pages && !x->pin[i].busy; k++) {
			struct user_page *g = pinned_page(x, i, k);

			same_phys(x, x->pin[i].pfn[k] << PAGE_SHIFT,
				g ? g->bytes : x->pin[i].bytes + k * PAGE, PAGE);
		}
}

void process_end(struct everything *x)
{
	for (unsigned n = 0; n < 1000; n++)
		act_unpin(x);
	for (unsigned i = 0; i < TASKS; i++)
		if (x->process[i].pid)
			task_kill(x->m, task_of(x, &x->process[i]));
	memset(x->process, 0, sizeof(x->process));
	shared_settle(x);
	for (unsigned i = 0; i < FILES; i++)
		expect(x, !inode_unlink(x->m, 0, inode_of(x, &x->store[i])));
}

const struct act process_acts[] = {{"map", act_map, 4}, {"unmap", act_unmap, 2},
	{"remap", act_remap, 2}, {"forget", act_forget, 1}, {"lock", act_lock, 2},
	{"fork", act_fork, 3}, {"exit", act_exit, 1}, {"access", act_access, 16},
	{"fill", act_fill, 10}, {"truncate", act_truncate, 2}, {"write", act_write, 4},
	{"read", act_read, 3}, {"drop_caches", act_drop_caches, 1}, {"pin", act_pin, 3},
	{"unpin", act_unpin, 2}, {NULL, NULL, 0}};
