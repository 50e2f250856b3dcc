/* SPDX-License-Identifier: MIT
 *
 * What dma-debug says, and of whom (see debug.h).
 *
 *	error_count += 1
 *	the driver is filtered out?  ──> silence
 *	all_errors, or num_errors > 0 ──> "DMA-API: DRIVER DEVICE: ..." and where the mapping was made
 *	num_errors -= 1, unless all_errors, down to 0
 *
 * So by default the log has the first error only. A device without a driver goes by its bus's name, platform, in the log, and no
 * filter finds it.
 *
 * Left out: what else WARN() prints (registers, the call trace); offsets in the stacks, since there is no code.
 * Follows kernel/dma/debug.c of 6.1 (err_printk(), driver_filter(), filter_write()).
 */
#include "mm/dma/debug.h"

#include "base/text.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define STACK_ENTRIES 5 /* DMA_DEBUG_STACKTRACE_ENTRIES */

static bool driver_filter(const struct machine *m, const struct device *d)
{
	const char *filter = m->devices.debug.driver;

	return !*filter || strncmp(filter, d->driver, DMA_DEBUG_NAME_MAX - 1) == 0;
}

static void say_lines(struct machine *m, const char *line, unsigned most)
{
	while (*line && most--) {
		size_t n = strcspn(line, "\n");

		log_printf(m, "%.*s", (int)n, line);
		line += n + (line[n] == '\n');
	}
}

static void dump_entry_trace(struct machine *m, const struct dma_debug_entry *x)
{
	struct text stack;

	log_printf(m, "DMA-API: Mapped at:");
	text_init(&stack);
	stack_depot_print(m, x->stack, 1, &stack);
	say_lines(m, text_str(&stack), STACK_ENTRIES);
	text_finish(&stack);
}

void dma_debug_err(struct machine *m, const struct device *d, const struct dma_debug_entry *x,
	const char *fmt, ...)
{
	struct dma_debug *s = &m->devices.debug;
	char words[512];
	va_list args;

	s->error_count++;
	if (driver_filter(m, d) && (s->show_all_errors || s->show_num_errors)) {
		int n = snprintf(
			words, sizeof(words), "DMA-API: %s %s: ", dev_driver_string(d), d->name);

		va_start(args, fmt);
		vsnprintf(words + n, sizeof(words) - (size_t)n, fmt, args);
		va_end(args);
		say_lines(m, words, UINT32_MAX);
		if (x)
			dump_entry_trace(m, x);
	}
	if (!s->show_all_errors && s->show_num_errors)
		s->show_num_errors--;
}

const char *dma_debug_type_name(unsigned type)
{
	/* The kernel's spelling. */
	static const char *const names[] = {[DMA_DEBUG_SINGLE] = "single",
		[DMA_DEBUG_SG] = "scather-gather",
		[DMA_DEBUG_COHERENT] = "coherent",
		[DMA_DEBUG_RESOURCE] = "resource"};

	return names[type];
}

/* ---- the filter ---- */

/* isalnum(), isspace() of the kernel's table, which is Latin-1's. */
static bool is_alnum(unsigned char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	       (c >= 0xc0 && c != 0xd7 && c != 0xf7);
}

static bool is_space(unsigned char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r') || c == 0xa0;
}

void dma_debug_set_filter(struct machine *m, const char *data, size_t len)
{
	char *name = m->devices.debug.driver;
	size_t n = 0;

	if (!len || !is_alnum((unsigned char)data[0])) {
		if (*name)
			log_printf(m, "DMA-API: switching off dma-debug driver filter");
		*name = '\0';
		return;
	}
	while (n < len && n < DMA_DEBUG_NAME_MAX - 1 && data[n] &&
		!is_space((unsigned char)data[n]))
		n++;
	memset(name, 0, DMA_DEBUG_NAME_MAX);
	memcpy(name, data, n);
	log_printf(m, "DMA-API: enable driver filter for driver [%s]", name);
}
