/* SPDX-License-Identifier: MIT
 *
 * sys/kernel/debug/kmemleak: the leaks that were found, and the scanner's commands.
 *
 *	unreferenced object 0xffff888001234500 (size 64):
 *	  comm "hog", pid 101, jiffies 4294893296 (age 12.300s)
 *	  hex dump (first 32 bytes):
 *	    00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00  ................
 *	    ...
 *	  backtrace:
 *	    [<0000000000000000>] kmalloc+0x0/0x0
 *
 * Written: scan, clear, scan=on, scan=off, scan=SECONDS, stack=on, stack=off, off, dump=ADDRESS.
 * Format and words: print_unreferenced(), kmemleak_write(), dump_object_info() of mm/kmemleak.c of 6.1.
 */
#include "view/files.h"

#include "base/parse.h"
#include "mm/debug/kmemleak.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>

#define HEX_ROW	 16u
#define HEX_MOST (2 * HEX_ROW)

typedef unsigned long long ull;

static void put_hex(struct machine *m, const struct kmemleak_object *o, struct text *out)
{
	unsigned len = o->bytes < HEX_MOST ? (unsigned)o->bytes : HEX_MOST;
	uint8_t byte[HEX_MOST];

	kmemleak_read(m, o->start, byte, len);
	text_printf(out, "  hex dump (first %u bytes):\n", len);
	for (unsigned row = 0; row < len; row += HEX_ROW) {
		unsigned n = len - row < HEX_ROW ? len - row : HEX_ROW;

		text_puts(out, "   ");
		for (unsigned i = 0; i < n; i++)
			text_printf(out, " %02x", byte[row + i]);
		text_fill(out, ' ', 3 * (HEX_ROW - n) + 2);
		for (unsigned i = 0; i < n; i++)
			text_putc(out, isprint(byte[row + i]) ? (char)byte[row + i] : '.');
		text_putc(out, '\n');
	}
}

static void put_backtrace(
	const struct machine *m, const struct kmemleak_object *o, struct text *out)
{
	struct text stack;

	text_init(&stack);
	stack_depot_print(m, o->handle, 0, &stack);
	text_puts(out, "  backtrace:\n");
	for (const char *line = text_str(&stack), *end; (end = strchr(line, '\n')); line = end + 1)
		text_printf(out, "    [<%0*d>] %.*s\n", machine_word_digits(m), 0,
			(int)(end - line), line);
	text_finish(&stack);
}

int show_kmemleak(struct view *v, struct text *out)
{
	struct machine *m = v->m;

	for (const struct kmemleak_object *o = NULL; (o = kmemleak_next_leak(m, o));) {
		uint64_t age_ms = (m->clock.now_ns - o->made_ns) / 1000000u;

		text_printf(out, "unreferenced object 0x%08llx (size %llu):\n", (ull)o->start,
			(ull)o->bytes);
		text_printf(out, "  comm \"%.16s\", pid %u, jiffies %llu (age %llu.%03llus)\n",
			o->comm, o->pid, (ull)machine_jiffies(m, o->made_ns), (ull)(age_ms / 1000),
			(ull)(age_ms % 1000));
		put_hex(m, o, out);
		put_backtrace(m, o, out);
	}
	return 0;
}

/* ---- commands ---- */

/* dump_object_info(): into the log. */
static int dump(struct machine *m, const char *word, size_t len)
{
	uint64_t address;

	if (!parse_u64(word, len, 0, &address))
		return refuse(
			&m->why, EINVAL, "dump=ADDRESS: an address, as dump=0xffff888001234500");
	const struct kmemleak_object *o = kmemleak_find(m, address);

	if (!o) {
		log_printf(m, "kmemleak: Unknown object at 0x%08llx", (ull)address);
		return refuse(&m->why, EINVAL, "kmemleak knows no object at 0x%llx", (ull)address);
	}
	log_printf(m, "kmemleak: Object 0x%08llx (size %llu):", (ull)o->start, (ull)o->bytes);
	log_printf(m, "kmemleak:   comm \"%.16s\", pid %u, jiffies %llu", o->comm, o->pid,
		(ull)machine_jiffies(m, o->made_ns));
	log_printf(m, "kmemleak:   min_count = %d", o->min_count);
	log_printf(m, "kmemleak:   count = %d", o->count);
	log_printf(m, "kmemleak:   flags = 0x%x", o->flags | 1u);
	log_printf(m, "kmemleak:   checksum = %u", o->checksum);
	log_printf(m, "kmemleak:   backtrace:");
	struct text stack;

	text_init(&stack);
	stack_depot_print(m, o->handle, 5, &stack);
	for (const char *line = text_str(&stack), *end; (end = strchr(line, '\n')); line = end + 1)
		log_printf(m, "%.*s", (int)(end - line), line);
	text_finish(&stack);
	return 0;
}

static bool begins(const char **at, size_t *len, const char *word)
{
	size_t n = strlen(word);

	if (*len < n || memcmp(*at, word, n) != 0)
		return false;
	*at += n;
	*len -= n;
	return true;
}

static int set_wait(struct machine *m, const char *word, size_t len)
{
	uint64_t seconds;

	if (!parse_u64(word, len, 0, &seconds) || seconds > UINT32_MAX / 1000)
		return refuse(&m->why, EINVAL, "scan=on, scan=off, or scan= and seconds up to %u",
			UINT32_MAX / 1000);
	kmemleak_set_scan_wait(m, (uint32_t)seconds);
	return 0;
}

/* In the kernel's order, by what the words begin with. */
static int command(struct machine *m, const char *word, size_t len)
{
	if (begins(&word, &len, "clear"))
		return kmemleak_clear(m), 0;
	if (!m->kmemleak.enabled)
		return refuse(&m->why, EPERM,
			"kmemleak is off: boot with kmemleak=on on the command line");
	if (begins(&word, &len, "off"))
		return kmemleak_disable(m), 0;
	if (begins(&word, &len, "stack=on"))
		m->kmemleak.no_stack_scan = false;
	else if (begins(&word, &len, "stack=off"))
		m->kmemleak.no_stack_scan = true;
	else if (begins(&word, &len, "scan=on"))
		kmemleak_set_scan_wait(m, m->kmemleak.scan_wait_s ? m->kmemleak.scan_wait_s : 600);
	else if (begins(&word, &len, "scan=off"))
		kmemleak_set_scan_wait(m, 0);
	else if (begins(&word, &len, "scan="))
		return set_wait(m, word, len);
	else if (begins(&word, &len, "scan"))
		kmemleak_scan(m);
	else if (begins(&word, &len, "dump="))
		return dump(m, word, len);
	else
		return refuse(&m->why, EINVAL,
			"what can be written is scan, clear, scan=on, scan=off, scan=SECONDS, "
			"stack=on, "
			"stack=off, off, dump=ADDRESS");
	return 0;
}

int64_t store_kmemleak(struct view *v, const char *data, size_t len)
{
	size_t n = len;

	while (n && isspace((unsigned char)data[n - 1]))
		n--;
	int err = command(v->m, data, n);

	return err ? err : (int64_t)len;
}
