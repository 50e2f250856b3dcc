/* SPDX-License-Identifier: MIT
 *
 * Growing text: what every file of the mount is rendered into.
 *
 * A text never fails half-way: when host memory ends, `failed` is set and later puts do nothing;
 * the caller checks once at the end. The numbers are put by hand-written routines because a
 * meminfo of 50 lines is rendered for every open(2) and printf would be most of its cost.
 */
#ifndef SIMM_BASE_TEXT_H
#define SIMM_BASE_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct text {
	char *data;	/* owned; not NUL-terminated, see text_str() */
	size_t len;
	size_t cap;
	bool failed;	/* host memory ended: the text is not whole */
};

void text_init(struct text *t);
void text_finish(struct text *t);
/* Forget the content, keep the memory. */
void text_clear(struct text *t);

void text_put(struct text *t, const void *data, size_t len);
void text_puts(struct text *t, const char *s);
void text_putc(struct text *t, char c);
/* @n times @c. */
void text_fill(struct text *t, char c, size_t n);
void text_printf(struct text *t, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Decimal, right-aligned in at least @width columns (printf's %*llu). */
void text_dec(struct text *t, uint64_t value, unsigned width);
/* Signed decimal without alignment. */
void text_sdec(struct text *t, int64_t value);
/* Hexadecimal without 0x, zero-padded to at least @width digits. */
void text_hex(struct text *t, uint64_t value, unsigned width);
/* The content as a C string, valid until the next put; "" when it failed. */
const char *text_str(struct text *t);

#endif
