/* SPDX-License-Identifier: MIT
 *
 * From the words of a call to its numbers.
 *
 * A call is found by name in record_call.def; its reader takes the arguments that matter out of strace's spelling:
 * flags by their names, sizes out of {structs}, paths out of "strings" or, where -y was given, from behind a file
 * descriptor's number. A word that is in no list makes the call unread: it is counted, and nobody guesses.
 *
 * The constants are asm-generic's, which x86, ARM, AArch64 and RISC-V share.
 */
#include "replay/record.h"

#include "mm/process/syscalls.h"
#include "mm/process/task.h"

#include <string.h>

static const struct strace_word protections[] = {{"PROT_NONE", PROT_NONE_},
	{"PROT_READ", PROT_READ_}, {"PROT_WRITE", PROT_WRITE_}, {"PROT_EXEC", PROT_EXEC_},
	{"PROT_GROWSDOWN", PROT_GROWSDOWN_}, {NULL, 0}};

static const struct strace_word map_flags[] = {{"MAP_SHARED", MAP_SHARED_},
	{"MAP_PRIVATE", MAP_PRIVATE_}, {"MAP_SHARED_VALIDATE", MAP_SHARED_VALIDATE_},
	{"MAP_FIXED", MAP_FIXED_}, {"MAP_ANONYMOUS", MAP_ANONYMOUS_}, {"MAP_ANON", MAP_ANONYMOUS_},
	{"MAP_32BIT", MAP_32BIT_}, {"MAP_GROWSDOWN", MAP_GROWSDOWN_},
	{"MAP_DENYWRITE", MAP_DENYWRITE_}, {"MAP_EXECUTABLE", MAP_EXECUTABLE_},
	{"MAP_LOCKED", MAP_LOCKED_}, {"MAP_NORESERVE", MAP_NORESERVE_},
	{"MAP_POPULATE", MAP_POPULATE_}, {"MAP_NONBLOCK", MAP_NONBLOCK_}, {"MAP_STACK", MAP_STACK_},
	{"MAP_HUGETLB", MAP_HUGETLB_}, {"MAP_SYNC", MAP_SYNC_},
	{"MAP_FIXED_NOREPLACE", MAP_FIXED_NOREPLACE_}, {"MAP_FILE", 0}, {NULL, 0}};

static const struct strace_word remap_flags[] = {{"MREMAP_MAYMOVE", MREMAP_MAYMOVE_},
	{"MREMAP_FIXED", MREMAP_FIXED_}, {"MREMAP_DONTUNMAP", MREMAP_DONTUNMAP_}, {NULL, 0}};

static const struct strace_word advices[] = {{"MADV_NORMAL", MADV_NORMAL_},
	{"MADV_RANDOM", MADV_RANDOM_}, {"MADV_SEQUENTIAL", MADV_SEQUENTIAL_},
	{"MADV_WILLNEED", MADV_WILLNEED_}, {"MADV_DONTNEED", MADV_DONTNEED_},
	{"MADV_FREE", MADV_FREE_}, {"MADV_REMOVE", MADV_REMOVE_}, {"MADV_DONTFORK", MADV_DONTFORK_},
	{"MADV_DOFORK", MADV_DOFORK_}, {"MADV_MERGEABLE", MADV_MERGEABLE_},
	{"MADV_UNMERGEABLE", MADV_UNMERGEABLE_}, {"MADV_HUGEPAGE", MADV_HUGEPAGE_},
	{"MADV_NOHUGEPAGE", MADV_NOHUGEPAGE_}, {"MADV_DONTDUMP", MADV_DONTDUMP_},
	{"MADV_DODUMP", MADV_DODUMP_}, {"MADV_WIPEONFORK", MADV_WIPEONFORK_},
	{"MADV_KEEPONFORK", MADV_KEEPONFORK_}, {"MADV_COLD", MADV_COLD_},
	{"MADV_PAGEOUT", MADV_PAGEOUT_}, {"MADV_POPULATE_READ", MADV_POPULATE_READ_},
	{"MADV_POPULATE_WRITE", MADV_POPULATE_WRITE_}, {NULL, 0}};

static const struct strace_word lock_flags[] = {{"MCL_CURRENT", MCL_CURRENT_},
	{"MCL_FUTURE", MCL_FUTURE_}, {"MCL_ONFAULT", MCL_ONFAULT_},
	{"MLOCK_ONFAULT", MLOCK_ONFAULT_}, {NULL, 0}};

/* Of the flags of clone(2) those that decide what is shared; the others are read over. */
static const struct strace_word clone_words[] = {{"CLONE_VM", CLONE_VM_}, {"CLONE_FS", CLONE_FS_},
	{"CLONE_FILES", CLONE_FILES_}, {"CLONE_SIGHAND", CLONE_SIGHAND_},
	{"CLONE_VFORK", CLONE_VFORK_}, {"CLONE_PARENT", CLONE_PARENT_},
	{"CLONE_THREAD", CLONE_THREAD_}, {NULL, 0}};

static bool is(struct span a, const char *word)
{
	return strlen(word) == a.len && !memcmp(a.s, word, a.len);
}

static enum rec_kind kind_of(struct span name)
{
	static const char *const names[] = {
#define REC_CALL(kind, words) words,
#include "replay/record_call.def"
	};
	char word[40];

	if (name.len + 2 >= sizeof(word))
		return REC_NONE;
	word[0] = ' ';
	memcpy(word + 1, name.s, name.len);
	word[name.len + 1] = ' ';
	word[name.len + 2] = '\0';
	for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strstr(names[i], word))
			return i;
	return REC_NONE;
}

static bool keep_text(struct record *r, struct span s, struct rec_text *out)
{
	if (s.len > 4095 || r->texts.nr + s.len + 1 > UINT32_MAX)
		return false;
	out->at = (uint32_t)r->texts.nr;
	out->len = (uint32_t)s.len;
	for (size_t i = 0; i <= s.len; i++) {
		char *c = vec_add(&r->texts, 1);

		if (!c)
			return false;
		*c = i < s.len ? s.s[i] : '\0';
	}
	return true;
}

static bool path_arg(struct record *r, struct span a, struct rec_text *out)
{
	struct span text;

	return strace_string(a, &text) && text.len && keep_text(r, text, out);
}

/* "3</lib/libc.so.6>": the path of -y, when there is one. */
static void fd_path(struct record *r, struct span a, struct rec_text *out)
{
	const char *from = memchr(a.s, '<', a.len);

	/* Sockets and pipes look like this, too, but have no slash. */
	if (from && a.s[a.len - 1] == '>' && from[1] == '/') {
		from++;
		(void)keep_text(r, (struct span){from, (size_t)(a.s + a.len - 1 - from)}, out);
	}
}

static bool numbers(const struct strace_line *l, struct rec_call *c, unsigned n)
{
	if (l->nr_args < n)
		return false;
	for (unsigned i = 0; i < n; i++)
		if (!strace_number(l->arg[i], &c->a[i]))
			return false;
	return true;
}

/* One of several words joined by '|' that are taken when they are known. */
static uint64_t known_flags(struct span a, const struct strace_word *words)
{
	uint64_t flags = 0, one;

	for (const char *p = a.s, *end = a.s + a.len; p < end;) {
		const char *stop = memchr(p, '|', (size_t)(end - p));
		size_t len = (size_t)((stop ? stop : end) - p);

		if (strace_flags((struct span){p, len}, words, &one))
			flags |= one;
		p += len + (stop != NULL);
	}
	return flags;
}

/* ---- readers ---- */

static bool read_mmap(struct record *r, const struct strace_line *l, struct rec_call *c)
{
	/* mmap2's offset is printed in bytes. */
	if (l->nr_args < 6 || !strace_number(l->arg[0], &c->a[0]) ||
		!strace_number(l->arg[1], &c->a[1]) ||
		!strace_flags(l->arg[2], protections, &c->a[2]) ||
		!strace_number(l->arg[4], &c->a[4]) || !strace_number(l->arg[5], &c->a[5]))
		return false;
	/* Sizes of huge pages (21<<MAP_HUGE_SHIFT) and flags of later kernels do not move a mapping. */
	c->a[3] = known_flags(l->arg[3], map_flags);
	fd_path(r, l->arg[4], &c->text);
	return (c->a[3] & MAP_TYPE_) != 0;
}

static bool read_mremap(const struct strace_line *l, struct rec_call *c)
{
	if (!numbers(l, c, 3) || l->nr_args < 4 || !strace_flags(l->arg[3], remap_flags, &c->a[3]))
		return false;
	return l->nr_args < 5 || strace_number(l->arg[4], &c->a[4]);
}

static bool read_open(struct record *r, const struct strace_line *l, struct rec_call *c)
{
	bool at = l->name.len > 4 && !memcmp(l->name.s, "openat", 6);
	unsigned first = at ? 1 : 0;
	static const struct strace_word modes[] = {{"O_RDONLY", 0}, {"O_WRONLY", 1}, {"O_RDWR", 2},
		{"O_CREAT", 0100}, {"O_TRUNC", 01000}, {NULL, 0}};

	if (l->nr_args <= first || !path_arg(r, l->arg[first], &c->text))
		return false;
	c->a[0] = is(l->name, "creat") ? 01101 : 0;
	if (l->nr_args > first + 1)
		c->a[0] |= known_flags(l->arg[first + 1], modes);
	return true;
}

static bool read_size(struct record *r, const struct strace_line *l, struct rec_call *c)
{
	static const char *const keys[] = {"st_size", "stx_size"};
	struct span value, path;
	bool found = false;

	for (unsigned i = 0; i < l->nr_args && !found; i++)
		for (unsigned k = 0; k < 2 && !found; k++)
			found = strace_field(l->arg[i], keys[k], &value) &&
				strace_number(value, &c->a[1]);
	if (!found)
		return false;
	/* fstat(3, ...), newfstatat(3, "", ...), newfstatat(AT_FDCWD, "path", ...), stat("path", ...) */
	unsigned name = l->nr_args > 1 && strace_string(l->arg[1], &path) ? 1 : 0;
	if (strace_string(l->arg[name], &path) && path.len) {
		c->a[0] = UINT64_MAX;
		return path_arg(r, l->arg[name], &c->text);
	}
	return strace_number(l->arg[0], &c->a[0]);
}

static bool read_dup(const struct strace_line *l, struct rec_call *c)
{
	if (l->nr_args < 1 || !strace_number(l->arg[0], &c->a[0]))
		return false;
	if (!is(l->name, "fcntl"))
		return true;
	return l->nr_args > 1 && l->arg[1].len >= 7 && !memcmp(l->arg[1].s, "F_DUPFD", 7);
}

/* clone(child_stack=..., flags=A|B, ...), clone3({flags=A|B, ...}, 88): the argument with the flags. */
static bool read_fork(const struct strace_line *l, struct rec_call *c)
{
	struct span flags;

	if (is(l->name, "fork"))
		return true;
	if (is(l->name, "vfork")) {
		c->a[0] = CLONE_VM_ | CLONE_VFORK_;
		return true;
	}
	for (unsigned i = 0; i < l->nr_args; i++) {
		if (l->arg[i].len > 6 && !memcmp(l->arg[i].s, "flags=", 6))
			flags = (struct span){l->arg[i].s + 6, l->arg[i].len - 6};
		else if (!strace_field(l->arg[i], "flags", &flags))
			continue;
		c->a[0] = known_flags(flags, clone_words);
		return true;
	}
	return false;
}

static bool read_advice(
	const struct strace_line *l, struct rec_call *c, const struct strace_word *words)
{
	return numbers(l, c, 2) && l->nr_args > 2 && strace_flags(l->arg[2], words, &c->a[2]);
}

static bool read_lock(const struct strace_line *l, struct rec_call *c)
{
	return numbers(l, c, 2) &&
	       (l->nr_args < 3 || strace_flags(l->arg[2], lock_flags, &c->a[2]));
}

static bool read_exec(struct record *r, const struct strace_line *l, struct rec_call *c)
{
	unsigned path = is(l->name, "execveat") ? 1 : 0;

	return l->nr_args > path && path_arg(r, l->arg[path], &c->text);
}

/* Calls that share a name with kept ones, but keep nothing themselves. */
static bool is_foreign(const struct strace_line *l, enum rec_kind kind)
{
	if (kind == REC_DUP && is(l->name, "fcntl"))
		return l->nr_args < 2 || l->arg[1].len < 7 ||
		       memcmp(l->arg[1].s, "F_DUPFD", 7) != 0;
	if (kind == REC_WAIT)
		return l->result != STRACE_VALUE || !l->value;
	/* Of failed calls nothing is read: what stands there may be anything. */
	return false;
}

bool rec_call_read(struct record *r, const struct strace_line *l, struct rec_call *c)
{
	c->kind = kind_of(l->name);
	if (c->kind != REC_NONE && is_foreign(l, c->kind))
		c->kind = REC_NONE;
	c->result = l->value;
	if (l->result != STRACE_VALUE && c->kind != REC_NONE)
		return true;
	switch ((enum rec_kind)c->kind) {
	case REC_EXEC:
		return read_exec(r, l, c);
	case REC_MMAP:
		return read_mmap(r, l, c);
	case REC_MREMAP:
		return read_mremap(l, c);
	case REC_MPROTECT:
		return read_advice(l, c, protections);
	case REC_MADVISE:
		return read_advice(l, c, advices);
	case REC_MLOCK:
	case REC_MUNLOCK:
		return read_lock(l, c);
	case REC_MLOCKALL:
		return l->nr_args > 0 && strace_flags(l->arg[0], lock_flags, &c->a[0]);
	case REC_BRK:
	case REC_CLOSE:
		return numbers(l, c, 1);
	case REC_MUNMAP:
	case REC_TRUNCATE:
		return numbers(l, c, 2);
	case REC_OPEN:
		return read_open(r, l, c);
	case REC_MEMFD:
		return l->nr_args > 0 && path_arg(r, l->arg[0], &c->text);
	case REC_DUP:
		return read_dup(l, c);
	case REC_SIZE:
		return read_size(r, l, c);
	case REC_FORK:
		return read_fork(l, c);
	case REC_MUNLOCKALL:
	case REC_WAIT:
		return true;
	case REC_EXIT:
	case REC_NONE:
		break;
	}
	return false;
}
