/* SPDX-License-Identifier: MIT
 *
 * sim/files, the table of simulated files, and the call that makes one.
 *
 *	create /data 8M pattern        ──> inode_create()     the file is there, and nothing of it in memory
 *	cat sim/files                  ──> ino kind bytes cached dirty mappings open path
 *
 * A simulated file is a name, a size and a rule of contents; Linux has no call that makes such a thing at once, so
 * `create` is a word of ours. What is done with a file afterwards are system calls.
 */
#include "view/arg_words.h"
#include "view/calls_process.h"
#include "view/files.h"

#include "base/parse.h"
#include "mm/core/link.h"
#include "mm/page/frame.h"
#include "mm/process/file.h"

#include <errno.h>
#include <string.h>

typedef unsigned long long ull;

#define PATH_CAP 4097 /* one more than a path may have, so that a longer one is refused */

static const char *const kinds[] = {[INODE_FILE] = "file",
	[INODE_SHMEM] = "shmem",
	[INODE_MEM] = "mem",
	[INODE_ZERO] = "zero",
	[INODE_DMABUF] = "dmabuf"};

static uint64_t dirty_pages(const struct machine *m, const struct inode *i)
{
	uint64_t index = 0, pages = 0, pfn;

	for (; (pfn = page_cache_next(m, i, &index)) != NO_PFN; index++)
		pages += !!(frame_of(m, pfn)->flags & FRAME_DIRTY);
	return pages;
}

/* A path may hold any byte: what would break the line is written as the kernel writes it in maps. */
static void put_path(const struct machine *m, const struct inode *i, struct text *out)
{
	struct text path;

	text_init(&path);
	inode_put_path(m, i, &path);
	for (size_t k = 0; k < path.len; k++) {
		unsigned char c = (unsigned char)path.data[k];

		if (c < ' ' || c == '\\' || c == 127)
			text_printf(out, "\\%03o", c);
		else
			text_putc(out, (char)c);
	}
	text_finish(&path);
}

int show_sim_files(struct view *v, struct text *out)
{
	const struct machine *m = v->m;

	text_puts(out, "#    ino kind         bytes   cached    dirty mappings open path\n");
	for (struct inode *i = inode_next(m, NULL); i; i = inode_next(m, i)) {
		unsigned mappings = 0;

		link_for_each(m, &i->mappings, l) mappings++;
		text_printf(out, "%8llu %-5s %12llu %8llu %8llu %8u %4u ", (ull)i->ino,
			kinds[i->kind], (ull)i->bytes, (ull)i->nr_pages, (ull)dirty_pages(m, i),
			mappings, i->refcount);
		put_path(m, i, out);
		text_putc(out, '\n');
	}
	return 0;
}

/* ---- create PATH SIZE [RULE] ---- */

static int read_rule(struct call *c, const struct call_value *a, enum content_rule *rule)
{
	if (parse_is(a->word, a->len, "zero"))
		*rule = CONTENT_ZERO;
	else if (parse_is(a->word, a->len, "pattern"))
		*rule = CONTENT_PATTERN;
	else
		return refuse_at(&c->m->why, EINVAL, a->column, (uint32_t)a->len,
			"a file's contents are `zero` or `pattern` (each word tells where it is)");
	return 0;
}

int call_create(struct call *c)
{
	char path[PATH_CAP];
	size_t len = arg_string(c->arg[0].word, c->arg[0].len, path, sizeof(path));
	enum content_rule rule = CONTENT_ZERO;
	int err = read_rule(c, &c->arg[2], &rule);

	if (err)
		return err;
	struct inode *i = inode_create(c->m, c->cpu, INODE_FILE, path, len, c->arg[1].number, rule);
	if (!i)
		return refused_arg(c, -c->m->why.err, 0);
	text_printf(c->result, "%llu", (ull)i->ino);
	c->made = (struct var){.kind = VAR_NUMBER, .value = i->ino};
	return 0;
}
