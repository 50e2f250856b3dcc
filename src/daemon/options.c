// SPDX-License-Identifier: MIT
/*
 * The command line.
 *
 *	simmfs [-f] [-o options] [MACHINE] MOUNTPOINT [-- COMMAND [ARGUMENT]...]
 *	simmfs --enter MOUNTPOINT [COMMAND [ARGUMENT]...]
 *
 * mount(8) and /etc/fstab reach us through the helper mount.fuse, as
 * `simmfs MACHINE MOUNTPOINT -o rw,ram=2G,dev`, where MACHINE is `none` when nothing is to be
 * named, and a comma inside a value is written `\,` or stands between double quotes.
 *
 * An -o option is one of four things:
 *
 *	ours      like=DIR, realtime, debug
 *	machine   what libsimm lists (ram=, cpus=, cma= ...): kept in order until the description
 *	          is there
 *	mount     what libfuse, fusermount3 and the kernel know (ro, nosuid, allow_other ...):
 *	          passed on
 *	nobody's  what mount(8) and systemd keep for themselves (noauto, user, x-...): dropped
 *
 * Everything else is refused, with the nearest name that exists: a misspelt `rma=1G` must not boot
 * another machine.
 */
#include "daemon/options.h"

#include <simm/simm.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Passed on to libfuse and the kernel as they are. */
static const char *const mount_words[] = {"rw", "suid", "nosuid", "dev", "nodev", "exec", "noexec",
	"sync", "async", "dirsync", "nodirsync", "atime", "noatime", "diratime", "nodiratime",
	"relatime", "norelatime", "strictatime", "nostrictatime", "lazytime", "nolazytime",
	"allow_root", "default_permissions", "auto_unmount",
	"subtype=", "max_read=", "context=", "fscontext=", "defcontext=", "rootcontext="};

/* For mount(8), systemd and others who read fstab. */
static const char *const dropped_words[] = {"auto", "noauto", "user", "nouser", "users", "owner",
	"group", "defaults", "nofail", "_netdev", "silent", "loud", "mand", "nomand", "iversion",
	"noiversion", "comment=", "x-", "X-", "helper=", "uhelper=", "nosymfollow", "symfollow"};

enum key {
	KEY_HELP,
	KEY_VERSION,
	KEY_MACHINES,
	KEY_FOREGROUND,
	KEY_DEBUG,
	KEY_NOTHING,
	KEY_READ_ONLY
};

/* "-n -s -v -w -t TYPE" are what mount(8) gives to its helpers. */
static const struct fuse_opt known[] = {
	FUSE_OPT_KEY("-h", KEY_HELP),
	FUSE_OPT_KEY("--help", KEY_HELP),
	FUSE_OPT_KEY("-V", KEY_VERSION),
	FUSE_OPT_KEY("--version", KEY_VERSION),
	FUSE_OPT_KEY("--list-machines", KEY_MACHINES),
	FUSE_OPT_KEY("-f", KEY_FOREGROUND),
	FUSE_OPT_KEY("-d", KEY_DEBUG),
	FUSE_OPT_KEY("-n", KEY_NOTHING),
	FUSE_OPT_KEY("-s", KEY_NOTHING),
	FUSE_OPT_KEY("-v", KEY_NOTHING),
	FUSE_OPT_KEY("-w", KEY_NOTHING),
	FUSE_OPT_KEY("-t ", KEY_NOTHING),
	FUSE_OPT_KEY("-r", KEY_READ_ONLY),
	FUSE_OPT_END,
};

static int complain(struct options *options, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

static int complain(struct options *options, const char *format, ...)
{
	va_list args;

	options->failed = true;
	fputs("simmfs: ", stderr);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
	return -1;
}

/* ---- text ---- */

/* Make `-o` text fit for libfuse's parser: in "double quotes" a comma is an ordinary character, and
 * so it is before
 * + and - after config= (config=+CMA,-SMP). Memory is the caller's; NULL when it ended. */
static char *options_escape(const char *text)
{
	char *escaped = malloc(2 * strlen(text) + 1);
	char *out = escaped;
	bool quoted = false,
	     config = !strncmp(text + (strncmp(text, "-o", 2) ? 0 : 2), "config=", 7);

	if (!escaped)
		return NULL;
	for (const char *p = text; *p; p++) {
		if (*p == '\\' && p[1]) {
			*out++ = *p++;
			*out++ = *p;
			continue;
		}
		if (*p == '"') {
			quoted = !quoted;
			continue;
		}
		if (*p == ',' && (quoted || (config && (p[1] == '+' || p[1] == '-'))))
			*out++ = '\\';
		else if (*p == ',')
			config = !strncmp(p + 1, "config=", 7);
		*out++ = *p;
	}
	*out = '\0';
	return escaped;
}

static bool in_list(const char *arg, const char *const *words, size_t nr)
{
	for (size_t i = 0; i < nr; i++) {
		size_t len = strlen(words[i]);
		bool prefix = words[i][len - 1] == '=' || words[i][len - 1] == '-';

		if (prefix ? !strncmp(arg, words[i], len) : !strcmp(arg, words[i]))
			return true;
	}
	return false;
}

#define LONGEST_WORD 40

/* How many letters must be put in, taken out, changed or swapped with their neighbour. */
static unsigned distance(const char *a, size_t a_len, const char *b, size_t b_len)
{
	unsigned cost[LONGEST_WORD + 1][LONGEST_WORD + 1];

	if (a_len > LONGEST_WORD || b_len > LONGEST_WORD)
		return LONGEST_WORD;
	for (unsigned i = 0; i <= a_len; i++) {
		for (unsigned j = 0; j <= b_len; j++) {
			unsigned best = i + j;

			if (i && j) {
				best = cost[i - 1][j - 1] + (a[i - 1] != b[j - 1]);
				best = cost[i - 1][j] + 1 < best ? cost[i - 1][j] + 1 : best;
				best = cost[i][j - 1] + 1 < best ? cost[i][j - 1] + 1 : best;
			}
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] &&
				cost[i - 2][j - 2] + 1 < best)
				best = cost[i - 2][j - 2] + 1;
			cost[i][j] = best;
		}
	}
	return cost[a_len][b_len];
}

struct nearest {
	const char *word;
	size_t len;
	char best[64];
	unsigned best_distance;
};

static void offer(struct nearest *near, const char *name)
{
	size_t len = strcspn(name, "=");
	unsigned d = distance(near->word, near->len, name, len);

	if (d >= near->best_distance || d * 2 > near->len + 1)
		return;
	near->best_distance = d;
	snprintf(near->best, sizeof(near->best), "%s", name);
}

static int refuse_option(struct options *options, const char *arg)
{
	struct nearest near = {
		.word = arg, .len = strcspn(arg, "="), .best_distance = LONGEST_WORD};
	const char *name, *argument, *doc;

	for (unsigned i = 0; simm_option_nth(i, &name, &argument, &doc); i++)
		offer(&near, name);
	for (size_t i = 0; i < sizeof(mount_words) / sizeof(mount_words[0]); i++)
		offer(&near, mount_words[i]);
	offer(&near, "like=");
	offer(&near, "realtime");
	offer(&near, "allow_other");
	if (*near.best)
		return complain(options,
			"there is no option '%s'; did you mean '%s'? (simmfs --help lists all)",
			arg, near.best);
	return complain(options, "there is no option '%s'; simmfs --help lists all", arg);
}

/* ---- -o options ---- */

static int keep_setting(struct options *options, const char *arg)
{
	size_t len = strcspn(arg, "=");
	struct setting *grown =
		realloc(options->settings, (options->nr_settings + 1) * sizeof(*grown));

	if (!grown)
		return complain(options, "no memory left");
	options->settings = grown;
	grown[options->nr_settings] = (struct setting){
		.name = strndup(arg, len), .value = strdup(arg[len] ? arg + len + 1 : "")};
	options->nr_settings++;
	return 0;
}

/* One of the machine's options? @argument: what it takes, NULL for a flag. */
static bool machine_option(const char *arg, const char **argument)
{
	size_t len = strcspn(arg, "=");
	const char *name, *doc;

	for (unsigned i = 0; simm_option_nth(i, &name, argument, &doc); i++)
		if (strlen(name) == len && !strncmp(name, arg, len))
			return true;
	return false;
}

static int set_string(struct options *options, char **at, const char *value, const char *what)
{
	if (!*value)
		return complain(options, "%s needs a value", what);
	free(*at);
	*at = strdup(value);
	return *at ? 0 : complain(options, "no memory left");
}

static int pass_on(struct options *options, const char *arg)
{
	return fuse_opt_add_arg(&options->mount_args, "-o") ||
			       fuse_opt_add_arg(&options->mount_args, arg)
		       ? complain(options, "no memory left")
		       : 0;
}

/* An argument of libfuse's parser must have its commas and backslashes escaped again. */
static int pass_on_escaped(struct options *options, const char *arg)
{
	char *escaped = NULL;
	int err = fuse_opt_add_opt_escaped(&escaped, arg) ? complain(options, "no memory left")
							  : pass_on(options, escaped);

	free(escaped);
	return err;
}

static int take_option(struct options *options, const char *arg)
{
	const char *argument;

	if (!*arg || !strcmp(arg, "debug"))
		options->debug = options->debug || *arg;
	else if (!strcmp(arg, "realtime"))
		options->realtime = true;
	else if (!strncmp(arg, "like=", 5))
		return set_string(options, &options->like, arg + 5, "like=DIR");
	else if (!strncmp(arg, "fsname=", 7))
		return set_string(options, &options->fsname, arg + 7, "fsname=NAME");
	else if (machine_option(arg, &argument)) {
		if (argument && !strchr(arg, '='))
			return complain(
				options, "option %s needs a value: %s=%s", arg, arg, argument);
		return keep_setting(options, arg);
	} else if (!strcmp(arg, "allow_other"))
		options->allow_other = true;
	else if (!strcmp(arg, "ro"))
		options->read_only = true;
	else if (in_list(arg, mount_words, sizeof(mount_words) / sizeof(mount_words[0])))
		return pass_on_escaped(options, arg);
	else if (!in_list(arg, dropped_words, sizeof(dropped_words) / sizeof(dropped_words[0])))
		return refuse_option(options, arg);
	return 0;
}

static int take_word(struct options *options, const char *word)
{
	if (!options->mountpoint)
		return set_string(options, &options->mountpoint, word, "MOUNTPOINT");
	if (options->machine)
		return complain(options,
			"too many words: '%s' (usage: simmfs [-o options] [MACHINE] MOUNTPOINT)",
			word);
	/* Of two words the first is the machine. */
	options->machine = options->mountpoint;
	options->mountpoint = NULL;
	return set_string(options, &options->mountpoint, word, "MOUNTPOINT");
}

static int take(void *data, const char *arg, int key, struct fuse_args *outargs)
{
	struct options *options = data;

	switch (key) {
	case FUSE_OPT_KEY_NONOPT:
		return take_word(options, arg);
	case FUSE_OPT_KEY_OPT:
		/* libfuse hands over `-x` and `--long` with their dashes, and -o options without.
		 */
		return *arg == '-' ? complain(options,
					     "there is no option %s; simmfs --help lists all", arg)
				   : take_option(options, arg);
	case KEY_HELP:
		options->action = RUN_HELP;
		break;
	case KEY_VERSION:
		options->action = RUN_VERSION;
		break;
	case KEY_MACHINES:
		options->action = RUN_LIST_MACHINES;
		break;
	case KEY_DEBUG:
		options->debug = true;
		break;
	case KEY_FOREGROUND:
		options->foreground = true;
		break;
	case KEY_READ_ONLY:
		options->read_only = true;
		break;
	}
	return 0;
}

/* ---- the whole line ---- */

static int parse_enter(struct options *options, int argc, char **argv)
{
	options->action = RUN_ENTER;
	if (argc < 3)
		return complain(options, "--enter needs a mountpoint: simmfs --enter MOUNTPOINT "
					 "[COMMAND [ARGUMENT]...]");
	if (set_string(options, &options->mountpoint, argv[2], "MOUNTPOINT"))
		return -1;
	argv += 3;
	if (*argv && !strcmp(*argv, "--"))
		argv++;
	options->command = *argv ? argv : NULL;
	return 0;
}

/* Feed libfuse's parser with @argc words, the texts of -o made fit for it. */
static int parse_words(struct options *options, int argc, char **argv)
{
	struct fuse_args args = FUSE_ARGS_INIT(0, NULL);
	bool text_of_o = false;
	int err = 0;

	for (int i = 0; i < argc && !err; i++) {
		bool joined = !strncmp(argv[i], "-o", 2) && argv[i][2];
		char *escaped = text_of_o || joined ? options_escape(argv[i]) : strdup(argv[i]);

		err = !escaped || fuse_opt_add_arg(&args, escaped);
		free(escaped);
		text_of_o = !text_of_o && !strcmp(argv[i], "-o");
	}
	if (err)
		complain(options, "no memory left");
	else
		err = fuse_opt_parse(&args, options, known, take);
	if (err && !options->failed)
		complain(options, "-o needs a list of options");
	fuse_opt_free_args(&args);
	return err ? -1 : 0;
}

static int finish_mount_args(struct options *options)
{
	if (options->allow_other &&
		(pass_on(options, "allow_other") || pass_on(options, "default_permissions")))
		return -1;
	if (options->read_only && pass_on(options, "ro"))
		return -1;
	return options->debug ? pass_on(options, "debug") : 0;
}

int options_parse(struct options *options, int argc, char **argv)
{
	int nr_words = argc;

	*options = (struct options){.action = RUN_MOUNT};
	fuse_opt_add_arg(&options->mount_args, "simmfs");
	if (argc > 1 && !strcmp(argv[1], "--enter"))
		return parse_enter(options, argc, argv) ? 2 : 0;
	for (int i = 1; i < argc && nr_words == argc; i++) {
		if (!strcmp(argv[i], "--")) {
			nr_words = i;
			options->command = argv + i + 1;
		}
	}
	if (parse_words(options, nr_words, argv))
		return 2;
	if (options->action != RUN_MOUNT)
		return 0;
	if (!options->mountpoint) {
		complain(options, "where to? usage: simmfs [-o options] [MACHINE] MOUNTPOINT "
				  "(simmfs --help says more)");
		return 2;
	}
	if (options->command && !*options->command) {
		complain(options, "a command must follow --");
		return 2;
	}
	if (options->machine && !strcmp(options->machine, "none")) {
		free(options->machine);
		options->machine = NULL;
	}
	return finish_mount_args(options) ? 2 : 0;
}

void options_finish(struct options *options)
{
	for (size_t i = 0; i < options->nr_settings; i++) {
		free(options->settings[i].name);
		free(options->settings[i].value);
	}
	free(options->settings);
	free(options->machine);
	free(options->mountpoint);
	free(options->like);
	free(options->fsname);
	fuse_opt_free_args(&options->mount_args);
}
