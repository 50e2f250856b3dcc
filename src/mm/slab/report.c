/* SPDX-License-Identifier: MIT
 *
 * What the kernel says in its log when a debugged object is not as it should be.
 *
 *	=============================================================================
 *	BUG kmalloc-64 (Not tainted): Poison overwritten
 *	-----------------------------------------------------------------------------
 *
 *	0xffff888003c41048-0xffff888003c41048 @offset=72. First byte 0x2a instead of 0x6b
 *	Allocated in kmalloc+0x0/0x0 age=0 cpu=0 pid=0
 *	 kmalloc+0x0/0x0
 *	Freed in kfree+0x0/0x0 age=0 cpu=0 pid=0
 *	 kfree+0x0/0x0
 *	Slab 0xffffea00000f1040 objects=21 used=1 fp=0xffff888003c41100 flags=0x200(slab|...)
 *	Object 0xffff888003c41040 @offset=64 fp=0xffff888003c41100
 *
 *	Redzone  ffff888003c41000: bb bb bb bb bb bb bb bb bb bb bb bb bb bb bb bb  ................
 *	Object   ffff888003c41040: 6b 6b 6b 6b 6b 6b 6b 6b 2a 6b 6b 6b 6b 6b 6b 6b  kkkkkkkk*kkkkkkk
 *	...
 *	FIX kmalloc-64: Restoring Poison 0xffff888003c41048-0xffff888003c41048=0x6b
 *
 * Addresses are as they are: slub_debug switches their hashing off. A report sets a bit of proc/sys/kernel/tainted.
 * Left out: the call trace that follows (dump_stack()): the lines of Allocated and Freed have the stacks.
 * Follows mm/slub.c of 6.1 (slab_bug(), print_trailer(), print_section()), lib/hexdump.c, kernel/panic.c (print_tainted()).
 */
#include "mm/slab/internal.h"

#include "base/text.h"
#include "mm/page/mem_map.h"
#include "mm/page/page_flags.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>

#define TAINT_BAD_PAGE 5
#define HEX_ROW	       16u
#define BYTES_BEFORE   16u

/* "Not tainted", or "Tainted: G    B             ". */
static void print_tainted(const struct machine *m, char out[40])
{
	static const char letters[] = "PFSRMBUDAWCIOELKXTN";
	uint64_t mask = (uint64_t)m->sysctls.value[SYSCTL_tainted];
	char flags[sizeof(letters)];

	for (unsigned i = 0; i < sizeof(letters); i++)
		flags[i] = !letters[i] ? '\0' : mask >> i & 1 ? letters[i] : i ? ' ' : 'G';
	if (mask)
		snprintf(out, 40, "Tainted: %s", flags);
	else
		snprintf(out, 40, "Not tainted");
}

static void slab_bug(struct machine *m, const struct kmem_cache *s, const char *what)
{
	char tainted[40];

	print_tainted(m, tainted);
	log_printf(m, "============================================================================"
		      "=");
	log_printf(m, "BUG %s (%s): %s", s->name, tainted, what);
	log_printf(m, "----------------------------------------------------------------------------"
		      "-");
	log_printf(m, "%s", "");
}

static void add_taint(struct machine *m)
{
	m->sysctls.value[SYSCTL_tainted] |= 1 << TAINT_BAD_PAGE;
}

void slab_fix(struct machine *m, const struct kmem_cache *s, const char *fmt, ...)
{
	char what[160];
	va_list args;

	va_start(args, fmt);
	vsnprintf(what, sizeof(what), fmt, args);
	va_end(args);
	log_printf(m, "FIX %s: %s", s->name, what);
}

void slab_print_section(struct machine *m, const char *text, uint64_t address, uint64_t bytes)
{
	for (uint64_t at = 0; at < bytes; at += HEX_ROW) {
		unsigned n = bytes - at < HEX_ROW ? (unsigned)(bytes - at) : HEX_ROW, len = 0;
		char hex[3 * HEX_ROW + 1], ascii[HEX_ROW + 1];
		uint8_t byte[HEX_ROW];

		slab_read(m, address + at, byte, n);
		for (unsigned i = 0; i < n; i++) {
			len += (unsigned)snprintf(
				hex + len, sizeof(hex) - len, "%s%02x", i ? " " : "", byte[i]);
			ascii[i] = isascii(byte[i]) && isprint(byte[i]) ? (char)byte[i] : '.';
		}
		ascii[n] = '\0';
		log_printf(m, "%s%0*llx: %-*s  %s", text, machine_word_digits(m),
			(ull)(address + at), (int)(3 * HEX_ROW - 1), hex, ascii);
	}
}

static void print_stack(struct machine *m, depot_stack_handle_t handle)
{
	struct text stack;

	text_init(&stack);
	stack_depot_print(m, handle, 1, &stack);
	for (const char *line = text_str(&stack), *end; (end = strchr(line, '\n')); line = end + 1)
		log_printf(m, "%.*s", (int)(end - line), line);
	text_finish(&stack);
}

static void print_track(struct machine *m, const char *what, const struct slab_track *t)
{
	char name[64] = "";

	if (!t->addr)
		return;
	stack_depot_innermost(m, t->handle, name);
	log_printf(m, "%s in %s+0x0/0x0 age=%llu cpu=%u pid=%u", what,
		*name ? name : "start_kernel", (ull)(machine_jiffies(m, m->clock.now_ns) - t->when),
		t->cpu, t->pid);
	if (t->handle)
		print_stack(m, t->handle);
	else
		log_printf(m, "object allocation/free stack trace missing");
}

void slab_print_tracking(struct machine *m, const struct kmem_cache *s, uint64_t object)
{
	struct slab_track t;

	if (!(s->flags & SLAB_STORE_USER))
		return;
	slab_get_track(m, s, object, TRACK_ALLOC, &t);
	print_track(m, "Allocated", &t);
	slab_get_track(m, s, object, TRACK_FREE, &t);
	print_track(m, "Freed", &t);
}

static void print_slab_info(struct machine *m, const struct kmem_cache *s, uint64_t pfn)
{
	const struct frame *f = frame_of(m, pfn);
	struct slab_counts c = slab_counts(f);
	uint64_t first = slab_first_object(m, s, pfn);
	struct text flags;

	text_init(&flags);
	page_flags_print(m, pfn, &flags);
	log_printf(m, "Slab 0x%0*llx objects=%u used=%u fp=0x%0*llx flags=%s",
		machine_word_digits(m), (ull)pfn_to_page_unchecked(m, pfn), c.objects, c.inuse,
		machine_word_digits(m), (ull)first, text_str(&flags));
	text_finish(&flags);
}

static void print_trailer(
	struct machine *m, const struct kmem_cache *s, uint64_t pfn, uint64_t object)
{
	uint64_t start = slab_address(m, pfn), from = slab_info_bytes(m, s),
		 to = s->size - s->red_left_pad;

	slab_print_tracking(m, s, object);
	print_slab_info(m, s, pfn);
	log_printf(m, "Object 0x%0*llx @offset=%llu fp=0x%0*llx", machine_word_digits(m),
		(ull)object, (ull)(object - start), machine_word_digits(m),
		(ull)slab_get_free_pointer(m, s, object));
	log_printf(m, "%s", "");
	if (s->flags & SLAB_RED_ZONE)
		slab_print_section(m, "Redzone  ", object - s->red_left_pad, s->red_left_pad);
	else if (object > start + BYTES_BEFORE)
		slab_print_section(m, "Bytes b4 ", object - BYTES_BEFORE, BYTES_BEFORE);
	slab_print_section(
		m, "Object   ", object, s->object_size < PAGE_BYTES ? s->object_size : PAGE_BYTES);
	if (s->flags & SLAB_RED_ZONE)
		slab_print_section(
			m, "Redzone  ", object + s->object_size, s->inuse - s->object_size);
	slab_print_section(m, "Padding  ", object + from, to - from);
}

void slab_object_err(struct machine *m, const struct kmem_cache *s, uint64_t pfn, uint64_t object,
	const char *reason)
{
	slab_bug(m, s, reason);
	print_trailer(m, s, pfn, object);
	add_taint(m);
}

void slab_err(struct machine *m, const struct kmem_cache *s, uint64_t pfn, const char *fmt, ...)
{
	char what[100];
	va_list args;

	va_start(args, fmt);
	vsnprintf(what, sizeof(what), fmt, args);
	va_end(args);
	slab_bug(m, s, what);
	print_slab_info(m, s, pfn);
	add_taint(m);
}

void slab_report_bytes(struct machine *m, const struct kmem_cache *s, uint64_t pfn, uint64_t object,
	const char *what, uint64_t first, uint64_t last, uint8_t value)
{
	char line[64];
	uint8_t byte;

	snprintf(line, sizeof(line), "%s overwritten", what);
	slab_bug(m, s, line);
	slab_read(m, first, &byte, 1);
	log_printf(m, "0x%0*llx-0x%0*llx @offset=%llu. First byte 0x%x instead of 0x%x",
		machine_word_digits(m), (ull)first, machine_word_digits(m), (ull)last,
		(ull)(first - slab_address(m, pfn)), byte, value);
	print_trailer(m, s, pfn, object);
	add_taint(m);
}
