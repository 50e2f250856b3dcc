/* SPDX-License-Identifier: MIT
 *
 * The kernel's log ring (see log.h).
 */
#include "mm/core/log.h"

#include "base/text.h"
#include "mm/machine.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static void put(struct machine *m, const char *data, uint64_t len)
{
	char *ring = machine_at(m, m->log.at);

	for (uint64_t i = 0; i < len; i++)
		ring[(m->log.written + i) % LOG_BYTES] = data[i];
	m->log.written += len;
	/* The oldest line that is no longer whole goes up to its newline. */
	if (m->log.written - m->log.first > LOG_BYTES) {
		uint64_t at = m->log.written - LOG_BYTES;

		while (at < m->log.written && ring[at % LOG_BYTES] != '\n')
			at++;
		m->log.first = at + 1;
	}
}

void log_printf(struct machine *m, const char *fmt, ...)
{
	char line[1024];
	va_list args;
	uint64_t us = m->clock.now_ns / 1000;

	if (!m->log.at) {
		struct refusal keep = m->why;

		m->log.at = heap_alloc(m, LOG_BYTES);
		m->why = keep;
		if (!m->log.at)
			return;
	}
	int head = snprintf(line, sizeof(line), "[%5llu.%06llu] ",
		(unsigned long long)(us / 1000000), (unsigned long long)(us % 1000000));
	va_start(args, fmt);
	int len = vsnprintf(line + head, sizeof(line) - (size_t)head - 1, fmt, args);
	va_end(args);
	if (len < 0)
		return;
	len += head;
	if (len > (int)sizeof(line) - 2)
		len = (int)sizeof(line) - 2;
	line[len++] = '\n';
	put(m, line, (uint64_t)len);
}

void log_show(const struct machine *m, struct text *out)
{
	if (!m->log.at || m->log.first >= m->log.written)
		return;
	const char *ring = machine_at(m, m->log.at);
	uint64_t from = m->log.first % LOG_BYTES;
	uint64_t len = m->log.written - m->log.first;
	uint64_t run = len < LOG_BYTES - from ? len : LOG_BYTES - from;

	text_put(out, ring + from, run);
	text_put(out, ring, len - run);
}
