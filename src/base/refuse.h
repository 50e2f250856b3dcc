/* SPDX-License-Identifier: MIT
 *
 * A refusal: an errno together with the sentence that says what was wrong and what would be right.
 *
 * Everything in libsimm answers 0 (or a value) or -errno, and on the way keeps one reason. There is
 * one refuse(): it stores the sentence, and returns the negative errno, so `return refuse(...)` is
 * the whole error path. The world's errors come here; a bug of ours is an assertion instead.
 */
#ifndef SIMM_BASE_REFUSE_H
#define SIMM_BASE_REFUSE_H

#include <stdint.h>

struct refusal {
	int err;		/* positive errno, 0 when nothing was refused */
	uint32_t column;	/* 1-based byte column of the offending word in the line, 0: none */
	uint32_t span;		/* bytes of the offending word, 0: none */
	char sentence[512];	/* complete sentence(s), no newline */
};

/* Store @fmt's sentence and @err (positive) in @why (may be NULL); returns -@err. */
int refuse(struct refusal *why, int err, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* As refuse(), and mark the word at @column (1-based) of @span bytes. */
int refuse_at(struct refusal *why, int err, uint32_t column, uint32_t span, const char *fmt, ...)
	__attribute__((format(printf, 5, 6)));

static inline void refusal_clear(struct refusal *why)
{
	why->err = 0;
	why->column = 0;
	why->span = 0;
	why->sentence[0] = '\0';
}

/* "ENOMEM" for 12, from the errno table; "errno 4242" has no name and gives "E?". */
const char *errno_name(int err);

#endif
