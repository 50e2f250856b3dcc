// SPDX-License-Identifier: MIT
/*
 * From the command line to a booted machine. libsimm reads no files, so it is done here:
 *
 *	1. MACHINE: the name of a preset (without MACHINE and like=, the first one), or a file with
 *	   a compiled devicetree: it has a slash, or ends in .dtb, or no preset has that name and
 *	   such a file exists.
 *	2. like=DIR: those files under DIR that libsimm asks for; a `*` in their paths stands for
 *	   what is there.
 *	3. The options, in the order given.
 *	4. Boot.
 */
#include "daemon/source.h"

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MAX_DTB_BYTES  (16u << 20)
#define MAX_LIKE_BYTES (16u << 20)
#define SENTENCE_BYTES 1024

/* The whole of a file, which need not know its size (procfs); the caller frees it. NULL with errno.
 */
static char *read_whole(const char *path, size_t max_bytes, size_t *bytes)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	size_t cap = 64u << 10, used = 0;
	char *data = NULL;
	ssize_t got = 0;

	if (fd < 0)
		return NULL;
	do {
		if (!data || used == cap) {
			char *grown = realloc(data, cap = data ? cap * 2 : cap);

			if (!grown)
				break;
			data = grown;
		}
		got = read(fd, data + used, cap - used);
		if (got > 0)
			used += (size_t)got;
		if (used > max_bytes) {
			errno = EFBIG;
			got = -1;
		}
	} while (got > 0 || (got < 0 && errno == EINTR));
	close(fd);
	if (got) {
		free(data);
		return NULL;
	}
	*bytes = used;
	return data;
}

static bool looks_like_file(const char *machine)
{
	size_t len = strlen(machine);

	return strchr(machine, '/') || (len > 4 && !strcmp(machine + len - 4, ".dtb"));
}

static int use_dtb(struct simm_config *config, const char *path)
{
	char why[SENTENCE_BYTES] = "";
	size_t bytes;
	char *dtb = read_whole(path, MAX_DTB_BYTES, &bytes);
	int err;

	if (!dtb) {
		fprintf(stderr, "simmfs: cannot read the devicetree %s: %s\n", path,
			strerror(errno));
		return -1;
	}
	err = simm_config_fdt(config, dtb, bytes, why, sizeof(why));
	if (err)
		fprintf(stderr, "simmfs: %s: %s\n", path, why);
	free(dtb);
	return err;
}

static int use_machine(struct simm_config *config, const char *machine)
{
	char why[SENTENCE_BYTES] = "";
	int err;

	if (looks_like_file(machine))
		return use_dtb(config, machine);
	err = simm_config_machine(config, machine, why, sizeof(why));
	if (err == -ENOENT && !access(machine, R_OK))
		return use_dtb(config, machine);
	if (err)
		fprintf(stderr,
			"simmfs: %s (simmfs --list-machines lists the presets; a devicetree is "
			"named with a "
			"slash or ends in .dtb)\n",
			why);
	return err;
}

/* ---- like=DIR ---- */

static int feed(struct simm_config *config, const char *file, const char *path, unsigned *nr_fed)
{
	char why[SENTENCE_BYTES] = "";
	size_t bytes;
	char *data = read_whole(file, MAX_LIKE_BYTES, &bytes);
	int err;

	if (!data)
		return 0; /* a dump has what it has; libsimm says what it misses */
	err = simm_config_like(config, path, data, bytes, why, sizeof(why));
	free(data);
	if (err)
		fprintf(stderr, "simmfs: %s: %s\n", file, why);
	else
		++*nr_fed;
	return err;
}

/* DIR/PATTERN for glob(3), where only the pattern's stars are magic. */
static char *glob_pattern(const char *dir, const char *pattern)
{
	char *text = malloc(2 * strlen(dir) + strlen(pattern) + 2);
	char *out = text;

	if (!text)
		return NULL;
	for (; *dir; dir++) {
		if (strchr("*?[]\\", *dir))
			*out++ = '\\';
		*out++ = *dir;
	}
	sprintf(out, "/%s", pattern);
	return text;
}

static int use_like(struct simm_config *config, const char *dir)
{
	const char *pattern;
	unsigned nr_fed = 0;

	for (unsigned i = 0; (pattern = simm_like_path(i)); i++) {
		char *text = glob_pattern(dir, pattern);
		glob_t found;
		int err = 0;

		if (!text)
			return -ENOMEM;
		if (!glob(text, 0, NULL, &found)) {
			for (size_t j = 0; j < found.gl_pathc && !err; j++)
				err = feed(config, found.gl_pathv[j],
					found.gl_pathv[j] + strlen(dir) + 1, &nr_fed);
			globfree(&found);
		}
		free(text);
		if (err)
			return err;
	}
	if (nr_fed)
		return 0;
	fprintf(stderr,
		"simmfs: like=%s: no file of a machine is there; it wants a directory that holds "
		"proc/zoneinfo, "
		"proc/meminfo, sys/devices/system/node and so on (/ is this host)\n",
		dir);
	return -ENOENT;
}

/* ---- options, boot ---- */

static int use_settings(struct simm_config *config, const struct options *options)
{
	char why[SENTENCE_BYTES] = "";

	for (size_t i = 0; i < options->nr_settings; i++) {
		const struct setting *set = &options->settings[i];
		int err = simm_config_option(config, set->name, set->value, why, sizeof(why));

		if (err) {
			fprintf(stderr, "simmfs: option %s=%s: %s\n", set->name, set->value,
				*why ? why : strerror(-err));
			return err;
		}
	}
	return 0;
}

const char *default_machine(void)
{
	const char *name = "", *doc;

	simm_machine_nth(0, &name, &doc);
	return name;
}

/* 0, or an error after a sentence. */
static int describe(struct simm_config *config, const struct options *options)
{
	int err = 0;

	if (options->machine)
		err = use_machine(config, options->machine);
	else if (!options->like)
		err = use_machine(config, default_machine());
	if (!err && options->like)
		err = use_like(config, options->like);
	return err ? err : use_settings(config, options);
}

struct simm *source_boot(const struct options *options)
{
	struct simm_config *config = simm_config_new();
	char why[SENTENCE_BYTES] = "";
	struct simm *simm = NULL;

	if (!config) {
		fputs("simmfs: no memory left\n", stderr);
		return NULL;
	}
	if (!describe(config, options)) {
		simm = simm_create(config, why, sizeof(why));
		if (!simm)
			fprintf(stderr, "simmfs: the machine does not boot: %s\n", why);
	}
	simm_config_free(config);
	return simm;
}
