/* SPDX-License-Identifier: MIT
 *
 * The leak scanner (see kmemleak.h): a tracing garbage collector that collects nothing.
 *
 *	white   count < min_count      nobody points to it (yet)
 *	grey    count >= min_count     reachable: its contents are looked through, too
 *	black   min_count -1           not looked at
 *
 *   1. every object is white, those with min_count 0 grey
 *   2. the roots are looked through, word by word: the kernel's data and bss, the names of sim/vars (they are the variables
 *      that a user of sim/ctl has), the kernel stacks of tasks, the CPUs' registers. A word that is an address inside an
 *      object, its begin or not, counts for it
 *   3. what has become grey is looked through in turn, until nothing new becomes grey
 *   4. a white object whose contents have changed since the last scan is given one more chance
 *   5. what is white and at least 5 s old is a leak
 *
 * Contents are those of the simulated RAM: a pointer that lies in an object was really written there. The free pointers
 * of slabs are garbled (CONFIG_SLAB_FREELIST_HARDENED), so they keep nothing alive.
 *
 * Left out: struct pages and per-CPU areas, which have no contents here, as roots; scan areas and excess references; the
 * early log's limits; that the scanner's own objects take memory.
 * Follows mm/kmemleak.c of 6.1.
 */
#include "mm/debug/kmemleak.h"

#include "base/text.h"
#include "mm/core/resource.h"
#include "mm/core/link.h"
#include "mm/page/address.h"
#include "mm/page/contents.h"
#include "mm/process/task.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#define MIN_AGE_NS   (5 * 1000000000ull) /* MSECS_MIN_AGE */
#define FIRST_SCAN_S 60u
#define SCAN_WAIT_S  600u
#define MEM_POOL     16000u /* CONFIG_DEBUG_KMEMLEAK_MEM_POOL_SIZE */

typedef unsigned long long ull;

static struct kmemleak_object *object_at(const struct machine *m, uint64_t at)
{
	return at ? machine_at(m, at) : NULL;
}

static bool is_white(const struct kmemleak_object *o)
{
	return o->min_count >= 0 && o->count < o->min_count;
}

static bool is_grey(const struct kmemleak_object *o)
{
	return o->min_count >= 0 && o->count >= o->min_count;
}

/* unreferenced_object() */
static bool is_leak(const struct machine *m, const struct kmemleak_object *o)
{
	return is_white(o) && o->made_ns + MIN_AGE_NS <= m->kmemleak.last_scan_ns;
}

/* ---- noting what is allocated ---- */

void kmemleak_init(struct machine *m, bool on)
{
	if (!on) {
		log_printf(m, "kmemleak: Kernel memory leak detector disabled");
		return;
	}
	m->kmemleak.enabled = true;
	log_printf(m, "kmemleak: Kernel memory leak detector initialized (mem pool available: %u)",
		MEM_POOL);
	log_printf(m, "kmemleak: Automatic memory scanning thread started");
	m->kmemleak.scan_wait_s = SCAN_WAIT_S;
	clock_schedule(m, TASK_KMEMLEAK, 0, m->clock.now_ns + FIRST_SCAN_S * 1000000000ull);
}

static void set_owner(struct machine *m, unsigned cpu, struct kmemleak_object *o)
{
	o->pid = task_current_name(m, cpu, o->comm, NULL);
	o->handle = stack_depot_save(m);
}

void kmemleak_alloc_slow(
	struct machine *m, unsigned cpu, uint64_t address, uint64_t bytes, int min_count)
{
	struct kmemleak *k = &m->kmemleak;
	struct refusal why = m->why;
	uint64_t at = heap_alloc(m, sizeof(struct kmemleak_object));
	int err = at ? object_index_insert(m, &k->index, address, bytes, at) : -ENOMEM;

	if (err) {
		log_printf(m, "kmemleak: Cannot %s",
			err == -EEXIST ? "insert an object into the object search tree "
					 "(overlaps existing)"
				       : "allocate a kmemleak_object structure");
		heap_free(m, at, sizeof(struct kmemleak_object));
		kmemleak_disable(m);
		m->why = why; /* the allocation itself has gone well */
		return;
	}
	struct kmemleak_object *o = object_at(m, at);

	o->start = address;
	o->bytes = bytes;
	o->min_count = min_count;
	o->made_ns = m->clock.now_ns;
	set_owner(m, cpu, o);
	link_add_tail(m, &k->objects, &o->all);
	if (!k->highest || address < k->lowest)
		k->lowest = address;
	if (address + bytes > k->highest)
		k->highest = address + bytes;
}

void kmemleak_free_slow(struct machine *m, uint64_t address)
{
	uint64_t at = object_index_remove(m, &m->kmemleak.index, address);

	if (!at)
		return;
	link_del(m, &object_at(m, at)->all);
	heap_free(m, at, sizeof(struct kmemleak_object));
}

static struct kmemleak_object *exactly(const struct machine *m, uint64_t address)
{
	struct kmemleak_object *o = object_at(m, object_index_find(m, &m->kmemleak.index, address));

	return o && o->start == address ? o : NULL;
}

static void paint(struct machine *m, uint64_t address, int min_count)
{
	struct kmemleak_object *o = exactly(m, address);

	if (o)
		o->min_count = min_count;
}

void kmemleak_not_leak(struct machine *m, uint64_t address)
{
	paint(m, address, 0);
}

void kmemleak_ignore(struct machine *m, uint64_t address)
{
	paint(m, address, -1);
	kmemleak_no_scan(m, address);
}

void kmemleak_no_scan(struct machine *m, uint64_t address)
{
	struct kmemleak_object *o = exactly(m, address);

	if (o)
		o->flags |= KMEMLEAK_NO_SCAN;
}

const struct kmemleak_object *kmemleak_find(const struct machine *m, uint64_t address)
{
	return object_at(m, object_index_find(m, &m->kmemleak.index, address));
}

/* ---- looking through memory ---- */

/* Where kernel address @address lies in RAM, and how many bytes from there on do so; 0: nowhere. */
static uint64_t in_ram(struct machine *m, uint64_t address, uint64_t *pa)
{
	uint64_t in_page = PAGE_BYTES - address % PAGE_BYTES;
	uint64_t pfn = virt_to_pfn(m, address);

	if (pfn != NO_PFN) {
		*pa = (pfn << PAGE_SHIFT) + address % PAGE_BYTES;
		return in_page;
	}
	if (!m->kernel_map.root)
		return 0;
	struct hw_regime r = kernel_map_regime(m);
	struct dram dram = machine_dram(m);
	struct page_walk w;

	walk_tables(&r, &dram, address, &w);
	*pa = w.pa;
	return w.fault || !dram_is_ram(&dram, w.pa) ? 0 : in_page;
}

struct scan {
	struct machine *m;
	struct dram dram;
	uint64_t gray_tail; /* the last object of the list, 0: it is empty */
	uint64_t gray_head;
	unsigned pointer_bytes;
};

static void make_gray(struct scan *s, struct kmemleak_object *o)
{
	uint64_t at = machine_ref(s->m, o);

	o->next_gray = 0;
	if (s->gray_tail)
		object_at(s->m, s->gray_tail)->next_gray = at;
	else
		s->gray_head = at;
	s->gray_tail = at;
}

/* A word that may be an address of an object (update_refs()). */
static void scan_word(struct scan *s, uint64_t word)
{
	struct machine *m = s->m;
	struct kmemleak_object *o = object_at(m, object_index_find(m, &m->kmemleak.index, word));

	if (!o || !is_white(o))
		return;
	o->count++;
	if (is_grey(o))
		make_gray(s, o);
}

/* Words of one frame with contents. The filter lets next to nothing through of what is no pointer. */
static void scan_words(struct scan *s, const void *data, uint64_t bytes)
{
	uint64_t lowest = s->m->kmemleak.lowest, span = s->m->kmemleak.highest - lowest;

	if (s->pointer_bytes == 8) {
		const uint64_t *word = data;

		for (uint64_t i = 0; i < bytes / 8; i++)
			if (__builtin_expect(word[i] - lowest < span, 0))
				scan_word(s, word[i]);
		return;
	}
	const uint32_t *word = data;

	for (uint64_t i = 0; i < bytes / 4; i++)
		if (__builtin_expect(word[i] - lowest < span, 0))
			scan_word(s, word[i]);
}

/* scan_block() of physical memory: frames without contents hold no pointers. */
static void scan_ram(struct scan *s, uint64_t pa, uint64_t bytes)
{
	uint64_t end = (pa + bytes) & ~(uint64_t)(s->pointer_bytes - 1);

	pa = (pa + s->pointer_bytes - 1) & ~(uint64_t)(s->pointer_bytes - 1);
	while (pa < end) {
		uint64_t next = (pa | (PAGE_BYTES - 1)) + 1;

		next = next < end ? next : end;
		if (dram_has(&s->dram, pa))
			scan_words(s, dram_at(&s->dram, pa), next - pa);
		pa = next;
	}
}

static void scan_object(struct scan *s, const struct kmemleak_object *o)
{
	uint64_t at = o->start, end = o->start + o->bytes, pa;

	if (o->flags & KMEMLEAK_NO_SCAN)
		return;
	while (at < end) {
		uint64_t left = end - at, n = in_ram(s->m, at, &pa);

		if (n)
			scan_ram(s, pa, n < left ? n : left);
		at = (at | (PAGE_BYTES - 1)) + 1;
	}
}

static void scan_resource(struct scan *s, const char *name)
{
	uint64_t start, end;

	if (resource_range(s->m, name, &start, &end))
		scan_ram(s, start, end - start);
}

static void scan_vars(struct scan *s)
{
	char name[VAR_NAME_MAX + 12];
	uint64_t cookie = 0;
	struct var var;

	while (var_next(s->m, &s->m->vars, &cookie, name, &var))
		if (var.value - s->m->kmemleak.lowest <
			s->m->kmemleak.highest - s->m->kmemleak.lowest)
			scan_word(s, var.value);
}

static void scan_tasks(struct scan *s)
{
	uint32_t pid = 0;

	for (struct task *t; (t = task_next(s->m, &pid)); pid++)
		for (uint64_t i = 0, pfn; (pfn = task_stack_pfn(s->m, t, i)) != NO_PFN; i++)
			scan_ram(s, pfn << PAGE_SHIFT, PAGE_BYTES);
}

static void scan_registers(struct scan *s)
{
	for (unsigned cpu = 0; cpu < s->m->nr_cpus; cpu++) {
		const struct hw_cpu *c = machine_cpu_peek(s->m, cpu);

		for (unsigned i = 0; c && i < NR_HW_REGS; i++)
			scan_word(s, c->reg[i]);
	}
}

static void scan_gray(struct scan *s)
{
	while (s->gray_head) {
		struct kmemleak_object *o = object_at(s->m, s->gray_head);

		scan_object(s, o);
		s->gray_head = o->next_gray;
		o->next_gray = 0;
	}
	s->gray_tail = 0;
}

/* Have the contents changed since the last scan (update_checksum())? */
static bool changed(struct machine *m, struct kmemleak_object *o)
{
	struct dram dram = machine_dram(m);
	uint64_t sum = 0, pa; /* of zeroes it is 0, as the first one */

	for (uint64_t at = o->start, end = o->start + o->bytes; at < end;) {
		uint64_t left = end - at, n = in_ram(m, at, &pa);

		n = n < left ? n : left;
		for (uint64_t i = 0; n && dram_has(&dram, pa) && i < n; i++)
			sum = (sum ^ *((const uint8_t *)dram_at(&dram, pa) + i)) * 0x100000001b3;
		at = (at | (PAGE_BYTES - 1)) + 1;
	}
	uint32_t old = o->checksum;

	o->checksum = (uint32_t)(sum >> 32);
	return o->checksum != old;
}

static unsigned report_new(struct machine *m)
{
	unsigned nr = 0;

	link_for_each(m, &m->kmemleak.objects, l)
	{
		struct kmemleak_object *o = link_entry(l, struct kmemleak_object, all);

		if (!is_leak(m, o) || o->flags & KMEMLEAK_REPORTED)
			continue;
		o->flags |= KMEMLEAK_REPORTED;
		nr++;
	}
	return nr;
}

void kmemleak_scan(struct machine *m)
{
	struct kmemleak *k = &m->kmemleak;
	struct scan s = {.m = m, .dram = machine_dram(m), .pointer_bytes = machine_word_bytes(m)};

	k->last_scan_ns = m->clock.now_ns;
	link_for_each(m, &k->objects, l)
	{
		struct kmemleak_object *o = link_entry(l, struct kmemleak_object, all);

		o->count = 0;
		if (is_grey(o))
			make_gray(&s, o);
	}
	scan_resource(&s, "Kernel data");
	scan_resource(&s, "Kernel bss");
	scan_vars(&s);
	scan_registers(&s);
	if (!k->no_stack_scan)
		scan_tasks(&s);
	scan_gray(&s);
	link_for_each(m, &k->objects, l)
	{
		struct kmemleak_object *o = link_entry(l, struct kmemleak_object, all);

		if (is_white(o) && !(o->flags & KMEMLEAK_REPORTED) && changed(m, o)) {
			o->count = o->min_count;
			make_gray(&s, o);
		}
	}
	scan_gray(&s);
	unsigned nr = report_new(m);

	if (nr) {
		k->found_leaks = true;
		log_printf(m,
			"kmemleak: %u new suspected memory leaks (see /sys/kernel/debug/kmemleak)",
			nr);
	}
}

/* ---- its switches ---- */

void kmemleak_task(struct machine *m)
{
	struct kmemleak *k = &m->kmemleak;

	if (!k->enabled || !k->scan_wait_s)
		return;
	kmemleak_scan(m);
	clock_schedule(m, TASK_KMEMLEAK, 0, m->clock.now_ns + k->scan_wait_s * 1000000000ull);
}

void kmemleak_set_scan_wait(struct machine *m, uint32_t seconds)
{
	bool ran = m->kmemleak.scan_wait_s != 0;

	m->kmemleak.scan_wait_s = seconds;
	if (!seconds) {
		if (ran)
			log_printf(m, "kmemleak: Automatic memory scanning thread ended");
		return;
	}
	if (!ran)
		log_printf(m, "kmemleak: Automatic memory scanning thread started");
	clock_schedule(m, TASK_KMEMLEAK, 0, m->clock.now_ns + seconds * 1000000000ull);
}

static void drop_all(struct machine *m)
{
	struct kmemleak *k = &m->kmemleak;
	struct link *l;

	while ((l = link_next(m, &k->objects, &k->objects))) {
		struct kmemleak_object *o = link_entry(l, struct kmemleak_object, all);

		link_del(m, l);
		heap_free(m, machine_ref(m, o), sizeof(*o));
	}
	object_index_finish(m, &k->index);
	k->lowest = k->highest = 0;
	k->found_leaks = false;
}

void kmemleak_clear(struct machine *m)
{
	struct kmemleak *k = &m->kmemleak;

	if (!k->enabled) {
		drop_all(m);
		return;
	}
	link_for_each(m, &k->objects, l)
	{
		struct kmemleak_object *o = link_entry(l, struct kmemleak_object, all);

		if (o->flags & KMEMLEAK_REPORTED && is_leak(m, o))
			o->min_count = 0;
	}
	k->found_leaks = false;
}

void kmemleak_disable(struct machine *m)
{
	struct kmemleak *k = &m->kmemleak;

	if (!k->enabled)
		return;
	k->enabled = false;
	kmemleak_set_scan_wait(m, 0);
	log_printf(m, "kmemleak: Kernel memory leak detector disabled");
	if (k->found_leaks)
		log_printf(m,
			"kmemleak: Kmemleak disabled without freeing internal data. Reclaim the "
			"memory with \"echo clear > /sys/kernel/debug/kmemleak\".");
	else
		drop_all(m);
}

const struct kmemleak_object *kmemleak_next_leak(
	const struct machine *m, const struct kmemleak_object *o)
{
	const struct link *l = o ? &o->all : &m->kmemleak.objects;

	while ((l = link_next(m, &m->kmemleak.objects, l))) {
		const struct kmemleak_object *next =
			link_entry(l, const struct kmemleak_object, all);

		if (next->flags & KMEMLEAK_REPORTED && is_leak(m, next))
			return next;
	}
	return NULL;
}

void kmemleak_read(struct machine *m, uint64_t address, void *out, uint64_t bytes)
{
	struct dram dram = machine_dram(m);
	uint64_t done = 0, pa;

	memset(out, 0, bytes);
	while (done < bytes) {
		uint64_t n = in_ram(m, address + done, &pa), left = bytes - done;
		uint64_t in_page = PAGE_BYTES - (address + done) % PAGE_BYTES;

		if (n)
			(void)dram_read(&dram, pa, (char *)out + done, n < left ? n : left);
		done += in_page < left ? in_page : left;
	}
}

/* Every object is in the index, under its begin. */
unsigned kmemleak_check(struct machine *m, struct text *out)
{
	const struct kmemleak *k = &m->kmemleak;
	unsigned bad = 0;
	uint64_t nr = 0;

	link_for_each(m, &k->objects, l)
	{
		const struct kmemleak_object *o = link_entry(l, const struct kmemleak_object, all);

		nr++;
		if (object_index_find(m, &k->index, o->start) == machine_ref(m, o) &&
			object_index_find(m, &k->index, o->start + o->bytes - 1) ==
				machine_ref(m, o) &&
			o->start >= k->lowest && o->start + o->bytes <= k->highest)
			continue;
		text_printf(out, "kmemleak's object at 0x%llx is not found by its address\n",
			(ull)o->start);
		bad++;
	}
	if (nr != k->index.nr) {
		text_printf(out, "kmemleak's index has %llu objects, its list %llu\n",
			(ull)k->index.nr, (ull)nr);
		bad++;
	}
	return bad;
}
