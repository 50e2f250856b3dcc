/* SPDX-License-Identifier: MIT
 *
 * Growing text. Capacity doubles, so n bytes cost O(n) copies; it is never shrunk, since a text is
 * reused for the next rendering of the same file.
 */
#include "base/text.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void text_init(struct text *t)
{
	memset(t, 0, sizeof(*t));
}

void text_finish(struct text *t)
{
	free(t->data);
	text_init(t);
}

void text_clear(struct text *t)
{
	t->len = 0;
	t->failed = false;
}

static bool room(struct text *t, size_t more)
{
	if (t->failed)
		return false;
	if (t->cap - t->len >= more)
		return true;
	size_t cap = t->cap ? t->cap : 512;
	while (cap - t->len < more)
		cap *= 2;
	char *data = realloc(t->data, cap);
	if (!data) {
		t->failed = true;
		return false;
	}
	t->data = data;
	t->cap = cap;
	return true;
}

void text_put(struct text *t, const void *data, size_t len)
{
	if (!len || !room(t, len))
		return;
	memcpy(t->data + t->len, data, len);
	t->len += len;
}

void text_puts(struct text *t, const char *s)
{
	text_put(t, s, strlen(s));
}

void text_putc(struct text *t, char c)
{
	if (!room(t, 1))
		return;
	t->data[t->len++] = c;
}

void text_fill(struct text *t, char c, size_t n)
{
	if (!n || !room(t, n))
		return;
	memset(t->data + t->len, c, n);
	t->len += n;
}

void text_printf(struct text *t, const char *fmt, ...)
{
	va_list args, again;

	va_start(args, fmt);
	va_copy(again, args);
	int len = vsnprintf(NULL, 0, fmt, args);
	if (len > 0 && room(t, (size_t)len + 1)) {
		vsnprintf(t->data + t->len, (size_t)len + 1, fmt, again);
		t->len += (size_t)len;
	}
	va_end(again);
	va_end(args);
}

void text_dec(struct text *t, uint64_t value, unsigned width)
{
	char digits[20];
	unsigned n = 0;

	do {
		digits[sizeof(digits) - ++n] = (char)('0' + value % 10);
		value /= 10;
	} while (value);
	if (n < width)
		text_fill(t, ' ', width - n);
	text_put(t, digits + sizeof(digits) - n, n);
}

void text_sdec(struct text *t, int64_t value)
{
	if (value < 0) {
		text_putc(t, '-');
		text_dec(t, 0 - (uint64_t)value, 0);
	} else {
		text_dec(t, (uint64_t)value, 0);
	}
}

void text_hex(struct text *t, uint64_t value, unsigned width)
{
	char digits[16];
	unsigned n = 0;

	do {
		digits[sizeof(digits) - ++n] = "0123456789abcdef"[value & 15];
		value >>= 4;
	} while (value);
	if (n < width)
		text_fill(t, '0', width - n);
	text_put(t, digits + sizeof(digits) - n, n);
}

const char *text_str(struct text *t)
{
	if (!room(t, 1))
		return "";
	t->data[t->len] = '\0';
	return t->data;
}
