/* SPDX-License-Identifier: MIT
 *
 * Memory references as valgrind's lackey prints them with --trace-mem=yes.
 */
#ifndef SIMM_REPLAY_LACKEY_H
#define SIMM_REPLAY_LACKEY_H

#include <stddef.h>
#include <stdint.h>

enum lackey_kind {
	LACKEY_FETCH,	  /* "I  ADDR,SIZE" */
	LACKEY_LOAD,	  /* " L ADDR,SIZE" */
	LACKEY_STORE,	  /* " S ADDR,SIZE" */
	LACKEY_MODIFY,	  /* " M ADDR,SIZE": a load and a store */
	LACKEY_OTHER,	  /* valgrind's "==PID==" lines, blank and # lines */
	LACKEY_MALFORMED, /* torn, or no line of lackey */
};

struct lackey_ref {
	uint64_t addr;
	uint32_t bytes; /* 1 .. LACKEY_MAX_BYTES */
	uint32_t kind;	/* enum lackey_kind */
};

/* The widest reference: fxsave stores 512 bytes, xsave more. */
#define LACKEY_MAX_BYTES 16384

/* Read the line that begins at @s; @end is behind the last byte that may be looked at. Returns the byte behind the line's
 * newline (@end when it has none). */
const char *lackey_parse(const char *s, const char *end, struct lackey_ref *out);

#endif
