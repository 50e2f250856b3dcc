/* SPDX-License-Identifier: MIT
 *
 * System calls about NUMA nodes and pinned pages, as calls of PID/ctl.
 *
 *	mbind buf 8M MPOL_INTERLEAVE 0-1			what a hand types
 *	move_pages 0 2048 buf 1					2048 pages from buf on to node 1
 *	move_pages 0 2048 buf					where are they?
 *	move_pages(0, 2, [0x7f0000, 0x7f1000], [1, 1], [1, -ENOENT], MPOL_MF_MOVE) = 0	what strace prints
 *
 * The answer of move_pages has the sums first and each page's status behind them.
 */
#include "view/calls_process.h"

#include "base/parse.h"
#include "mm/move/numa.h"
#include "mm/move/pin.h"
#include "mm/page/zone.h"
#include "mm/process/task.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define PAGES_MOST   ((uint64_t)1 << 22)
#define STATUS_SHOWN 16u

typedef unsigned long long ull;

/* ---- policies ---- */

int call_mbind(struct call *c)
{
	const struct call_value *a = c->arg;

	return answer_zero(c, sys_mbind(c->m, c->task, a[0].number, a[1].number,
				      (unsigned)a[2].number, a[3].number, (unsigned)a[5].number));
}

int call_set_mempolicy(struct call *c)
{
	return answer_zero(
		c, sys_set_mempolicy(c->m, c->task, (unsigned)c->arg[0].number, c->arg[1].number));
}

int call_set_mempolicy_home_node(struct call *c)
{
	const struct call_value *a = c->arg;

	return answer_zero(c, sys_set_mempolicy_home_node(c->m, c->task, a[0].number, a[1].number,
				      a[2].number, a[3].number));
}

int call_get_mempolicy(struct call *c)
{
	unsigned mode, flags = (unsigned)c->arg[4].number;
	uint64_t nodes;
	int err = sys_get_mempolicy(c->m, c->task, c->arg[3].number, flags, &mode, &nodes);

	if (err)
		return refused_arg(c, err, 3);
	if (flags & MPOL_F_NODE_) {
		text_printf(c->result, "0 node=%u", mode);
		return 0;
	}
	struct mempolicy p = {.mode = mode & 0xff, .flags = (uint16_t)(mode & 0xff00)};

	text_puts(c->result, "0 policy=");
	mpol_print(&p, c->result);
	text_puts(c->result, " nodes=");
	if (nodes)
		mpol_print_nodes(nodes, c->result);
	else
		text_puts(c->result, "none");
	return 0;
}

/* ---- pages ---- */

/* The process that argument @i names: 0 is the one that calls. NULL: refused. */
static struct task *process_of(struct call *c, unsigned i)
{
	uint64_t pid = c->arg[i].number;
	struct task *t = !pid ? c->task : pid < UINT32_MAX ? task_find(c->m, (uint32_t)pid) : NULL;

	if (!t || t->state == TASK_ZOMBIE)
		refuse_at(&c->m->why, ESRCH, c->arg[i].column, (uint32_t)c->arg[i].len,
			"there is no process %llu", (ull)pid);
	return t && t->state != TASK_ZOMBIE ? t : NULL;
}

/* Element @n of a list in brackets, "..." and what is behind the last one not; false: there is none. */
static bool list_element(const struct call_value *a, uint64_t n, const char **s, size_t *len)
{
	const char *at = a->word + 1, *end = a->word + a->len - 1;

	for (;; n--) {
		while (at < end && (*at == ' ' || *at == ','))
			at++;
		*s = at;
		while (at < end && *at != ' ' && *at != ',')
			at++;
		*len = (size_t)(at - *s);
		if (!*len || parse_is(*s, *len, "..."))
			return false;
		if (!n)
			return true;
	}
}

static bool is_list(const struct call_value *a)
{
	return a->word && a->len >= 2 && *a->word == '[' && a->word[a->len - 1] == ']';
}

static int refuse_list(struct call *c, unsigned i, const char *what)
{
	return refuse_at(&c->m->why, EINVAL, c->arg[i].column, (uint32_t)c->arg[i].len,
		"%s: as many as there are pages, in [brackets]", what);
}

struct moved {
	uint64_t nr;
	uint64_t *pages;
	int64_t *nodes; /* NULL: only ask */
	int64_t *status;
};

/* Addresses: a list, or one from which on each page. */
static int read_pages(struct call *c, struct moved *x)
{
	const struct call_value *a = &c->arg[2];
	const char *s;
	size_t len;

	for (uint64_t i = 0; i < x->nr; i++) {
		x->pages[i] = a->number + (i << PAGE_SHIFT);
		if (is_list(a) &&
			(!list_element(a, i, &s, &len) || !parse_u64(s, len, 16, &x->pages[i])))
			return refuse_list(c, 2, "addresses of pages");
	}
	return 0;
}

/* Nodes: a list, one for all, or NULL. */
static int read_nodes(struct call *c, struct moved *x)
{
	const struct call_value *a = &c->arg[3];
	const char *s = a->word;
	size_t len = a->len;

	if (parse_is(s, len, "NULL")) {
		free(x->nodes);
		x->nodes = NULL;
		return 0;
	}
	for (uint64_t i = 0; i < x->nr; i++) {
		if (is_list(a) && !list_element(a, i, &s, &len))
			return refuse_list(c, 3, "nodes");
		if (!parse_s64(s, len, &x->nodes[i]))
			return refuse_list(c, 3, "nodes");
	}
	return 0;
}

static const char *status_word(int64_t status)
{
	switch (status) {
	case -EFAULT:
		return "EFAULT";
	case -ENOENT:
		return "ENOENT";
	case -EACCES:
		return "EACCES";
	case -EBUSY:
		return "EBUSY";
	default:
		return "untouched";
	}
}

/* " node0=512 EFAULT=3 status=[0,0,...]" */
static void put_status(struct call *c, const struct moved *x)
{
	static const int64_t errors[] = {-EFAULT, -ENOENT, -EACCES, -EBUSY, INT64_MIN};

	for (int64_t nid = 0; nid < c->m->nr_nodes; nid++) {
		uint64_t n = 0;

		for (uint64_t i = 0; i < x->nr; i++)
			n += x->status[i] == nid;
		text_printf(c->result, " node%lld=%llu", (long long)nid, (ull)n);
	}
	for (unsigned e = 0; e < sizeof(errors) / sizeof(errors[0]); e++) {
		uint64_t n = 0;

		for (uint64_t i = 0; i < x->nr; i++)
			n += x->status[i] == errors[e];
		if (n)
			text_printf(c->result, " %s=%llu", status_word(errors[e]), (ull)n);
	}
	text_puts(c->result, " status=[");
	for (uint64_t i = 0; i < x->nr && i < STATUS_SHOWN; i++) {
		text_puts(c->result, i ? "," : "");
		if (x->status[i] >= 0)
			text_printf(c->result, "%lld", (long long)x->status[i]);
		else
			text_printf(c->result, "%s%s", x->status[i] == INT64_MIN ? "" : "-",
				status_word(x->status[i]));
	}
	text_puts(c->result, x->nr > STATUS_SHOWN ? ",...]" : "]");
}

static int move_them(struct call *c, struct task *t, struct moved *x)
{
	int err = read_pages(c, x);

	if (!err)
		err = read_nodes(c, x);
	if (err)
		return err;
	for (uint64_t i = 0; i < x->nr; i++)
		x->status[i] = INT64_MIN;
	int64_t left = sys_move_pages(c->m, c->task->cpu, t, x->nr, x->pages, x->nodes, x->status,
		(unsigned)c->arg[5].number);
	if (left < 0)
		return refused_arg(c, (int)left, 3);
	text_printf(c->result, "%lld", (long long)left);
	put_status(c, x);
	c->made = (struct var){.kind = VAR_NUMBER, .value = (uint64_t)left};
	return 0;
}

int call_move_pages(struct call *c)
{
	struct task *t = process_of(c, 0);
	struct moved x = {.nr = c->arg[1].number};

	if (!t)
		return -c->m->why.err;
	if (x.nr > PAGES_MOST)
		return refuse_at(&c->m->why, E2BIG, c->arg[1].column, (uint32_t)c->arg[1].len,
			"at most %llu pages in one call", (ull)PAGES_MOST);
	x.pages = calloc(x.nr + 1, sizeof(*x.pages));
	x.nodes = calloc(x.nr + 1, sizeof(*x.nodes));
	x.status = calloc(x.nr + 1, sizeof(*x.status));
	int err = x.pages && x.nodes && x.status
			  ? move_them(c, t, &x)
			  : refuse(&c->m->why, ENOMEM, "the host has no memory for the call");
	free(x.pages);
	free(x.nodes);
	free(x.status);
	return err;
}

int call_migrate_pages(struct call *c)
{
	struct task *t = process_of(c, 0);

	if (!t)
		return -c->m->why.err;
	int64_t left = sys_migrate_pages(c->m, c->task->cpu, t, c->arg[2].number, c->arg[3].number);
	return left < 0 ? refused_arg(c, (int)left, 3) : answer_number(c, (uint64_t)left);
}

/* ---- pins ---- */

#define PINS_MOST ((uint64_t)1 << 20)

/* The first page gets the name in front of `=`; with an array's name all of them are its elements. */
static int name_pins(struct call *c, const uint64_t *pfns, uint64_t nr)
{
	const struct call_value *array = &c->arg[3];

	c->made = (struct var){.kind = VAR_PAGE, .value = pfns[0]};
	for (uint64_t i = 0; array->given && i < nr; i++) {
		struct var v = {.kind = VAR_PAGE, .value = pfns[i]};
		int err = var_set(c->m, c->vars, array->word, array->len, (uint32_t)i, &v);

		if (err)
			return err;
	}
	return 0;
}

static int pin_them(struct call *c, uint64_t nr, uint64_t *pfns)
{
	int64_t got = pin_user_pages(
		c->m, c->task, c->arg[0].number, nr, (unsigned)c->arg[2].number, pfns);

	if (got < 0)
		return refused_arg(c, (int)got, 0);
	int err = name_pins(c, pfns, (uint64_t)got);

	if (err) {
		struct refusal why = c->m->why;

		for (int64_t i = 0; i < got; i++)
			(void)unpin_user_page(c->m, c->task->cpu, pfns[i]);
		c->m->why = why;
		return err;
	}
	text_printf(c->result, "0x%llx pages=%lld", (ull)pfns[0], (long long)got);
	return 0;
}

int call_pin_user_pages(struct call *c)
{
	const struct call_value *array = &c->arg[3];
	uint64_t start = c->arg[0].number & ~(PAGE_BYTES - 1);
	uint64_t nr = pfn_up(c->arg[0].number + c->arg[1].number - start);

	if (!nr || nr > PINS_MOST)
		return refuse_at(&c->m->why, EINVAL, c->arg[1].column, (uint32_t)c->arg[1].len,
			"from 1 to %llu pages can be pinned at a time", (ull)PINS_MOST);
	if (array->given && !var_name_ok(array->word, array->len))
		return refuse_at(&c->m->why, EINVAL, array->column, (uint32_t)array->len,
			"an array's name has letters, digits and _, and does not begin with a "
			"digit");
	uint64_t *pfns = calloc(nr, sizeof(*pfns));
	int err = pfns ? pin_them(c, nr, pfns)
		       : refuse(&c->m->why, ENOMEM, "the host has no memory for the call");

	free(pfns);
	return err;
}

int call_unpin_user_page(struct call *c)
{
	return answer_zero(c, unpin_user_page(c->m, c->cpu, c->arg[0].number));
}
