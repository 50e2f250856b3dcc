/* SPDX-License-Identifier: MIT
 *
 * Calls: what may be written to a ctl file. One row of fs-layout/calls.def each.
 *
 * A line is cut into words (commas and parentheses are blanks), the first word finds the row, and the row's
 * argument string says how the rest is read. It is a list of `name:type` or `name:type=default`:
 *
 *	gfp     GFP flags                      order   0 .. nr_orders - 1      page    a struct page: NAME or pfn
 *	address an address (hex) or NAME       number  decimal, or hex with 0x  size   number with K, M, G, T
 *	node    a node id, -1 for none         word    any one word             rest    the rest of the line
 *	fd      a file descriptor or NAME      path    a name, in quotes or not buffer address or "contents"
 *	prot, mapping, advice ...              symbolic words (arg_word.def)
 *
 * The handler gets the values, does its act, and appends its result to call->result. When the line has a
 * `NAME =`, it puts what the name is to hold into call->made.
 */
#ifndef SIMM_VIEW_CALL_H
#define SIMM_VIEW_CALL_H

#include "view/view.h"

#define CALL_MAX_ARGS 8

struct call_value {
	uint64_t number;	/* the value; a page's pfn */
	struct var var;		/* when it came from a name: what the name held */
	bool given;		/* false: the default */
	bool named;		/* the word was a NAME */
	const char *word;	/* as written, @len bytes; NULL when left out (word, rest: the default) */
	size_t len;
	uint32_t column;
	char base[VAR_NAME_MAX]; /* named: base and index of the name */
	uint32_t index;
};

struct call {
	struct view *v;
	struct machine *m;
	const struct call_row *row;
	unsigned cpu;
	struct task *task;	/* of PID/ctl: who makes it; NULL elsewhere */
	struct vars *vars;	/* where its results are named, and its names looked up before the machine's */
	unsigned nr_args;
	struct call_value arg[CALL_MAX_ARGS];
	struct var made;	/* kind VAR_NONE: the call makes nothing that can be named */
	bool made_page;		/* `made` is a page that the call has just allocated: its name will hold it (holder.h) */
	struct text *result;
	struct line_run *run;	/* for calls of many steps: interrupted, and state (of malloc(), freed for you) */
	bool again;		/* set by a handler that did one slice and wants another */
	bool wait;		/* set by a handler that cannot go on before another act: it is called again then */
	bool recorded_given;	/* the line ended with strace's ` = 0x...`: what the real system returned */
	uint64_t recorded;
};

/* 0 or -errno with m->why. */
typedef int call_fn(struct call *c);

enum call_where {
	CALL_SIM = 1,
	CALL_CPU = 2,
	CALL_PROCESS = 4,
	CALL_DEVICE = 8,
	CALL_HAS_MEMORY = 16,			       /* of a process: it must have an address space */
	CALL_MEMORY = CALL_PROCESS | CALL_HAS_MEMORY,
};

struct call_row {
	const char *name;
	const char *args;	/* argument string, see above */
	unsigned where;		/* enum call_where bits */
	call_fn *fn;
	const char *doc;	/* one line; the manual's, and sim/help/NAME's first */
	const char *zh;		/* Chinese terms, so that grep finds the place */
	const char *more;	/* further lines of help, may be "" */
	enum config need;
};
extern const struct call_row call_rows[];
extern const unsigned nr_call_rows;

/* The handlers' prototypes come from the rows. */
#define CALL(name, args, where, fn, need, doc, zh, more) call_fn fn;
#include "calls.def"
#undef CALL

/* The rows' names hashed and their argument strings read, made once per session. */
struct call_index;
int call_index_create(struct call_index **out);
void call_index_destroy(struct call_index *index);

/* "alloc_pages GFP [ORDER=0]" made from the argument string. */
void call_usage(const struct call_row *row, struct text *out);

/* The struct page of a valid pfn as a call's result: by its address, or where that is not known by its number. */
void give_struct_page(struct call *c, uint64_t pfn);

extern const struct stream_ops ctl_stream;

#endif
