/* SPDX-License-Identifier: MIT
 *
 * The kernel's log: what `cat sim/dmesg` shows, in the kernel's words, stamped with virtual time.
 * A ring of bytes in the heap (like log_buf_len=1M): when full, the oldest whole lines go.
 */
#ifndef SIMM_MM_LOG_H
#define SIMM_MM_LOG_H

#include <stdint.h>

struct machine;
struct text;

#define LOG_BYTES ((uint64_t)1 << 20)

struct log {
	uint64_t at;		/* heap block of LOG_BYTES, 0 before the first line */
	uint64_t written;	/* bytes ever written; the ring holds the last min(written, LOG_BYTES) */
	uint64_t first;		/* position (in bytes ever written) of the oldest whole line */
};

/* One line, without newline: "[    0.000000] " is put before it. The log's own memory failing drops the line. */
void log_printf(struct machine *m, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* The whole log as text. */
void log_show(const struct machine *m, struct text *out);

#endif
