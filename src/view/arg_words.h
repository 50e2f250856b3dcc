/* SPDX-License-Identifier: MIT
 *
 * Symbolic words of calls' arguments: PROT_READ|PROT_WRITE, MADV_DONTNEED, rw-p. Private to the ctl files.
 */
#ifndef SIMM_VIEW_ARG_WORDS_H
#define SIMM_VIEW_ARG_WORDS_H

#include "view/call_index.h"

/* What a protection as maps spells it says about sharing, above its PROT_ bits. */
#define PROT_SAYS_PRIVATE ((uint64_t)1 << 32)
#define PROT_SAYS_SHARED  ((uint64_t)1 << 33)

/* Has the type words of its own? */
bool arg_has_words(enum arg_type type);
/* The @i-th word of @type; NULL past the end. */
const char *arg_word_nth(enum arg_type type, unsigned i);
/* Read words joined by | or +, numbers among them. Errors: EINVAL with a sentence, @column being the word's. */
int arg_words_parse(enum arg_type type, const char *s, size_t len, uint32_t column, uint64_t *out, struct refusal *why);
/* A string's text between its quotes, escapes undone (\n, \t, \", \\, \177, \x7f), or the word itself. Bytes, at most
 * @cap; what does not fit is dropped. */
size_t arg_string(const char *word, size_t len, char *out, size_t cap);

#endif
