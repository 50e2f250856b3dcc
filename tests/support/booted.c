/* SPDX-License-Identifier: MIT
 *
 * Booting machines for tests: from presets, devicetrees and dumps, with every refusal's sentence at hand, and with
 * machine_check() run on all that boot (see booted.h).
 */
#include "support/booted.h"

#include "base/text.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <glob.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static struct refusal why;

const char *refused_why(void)
{
	return why.sentence;
}

const char *shared_dir(void)
{
	const char *dir = getenv("SIMM_SHARED");
	struct stat st;

	return dir && !stat(dir, &st) && S_ISDIR(st.st_mode) ? dir : NULL;
}

/* To the end of @f, with a NUL behind it. */
static char *slurp_stream(FILE *f, size_t *bytes)
{
	size_t cap = 1 << 16, len = 0, n;
	char *data = malloc(cap);

	while ((n = fread(data + len, 1, cap - len - 1, f)) > 0) {
		len += n;
		if (cap - len < 4096)
			data = realloc(data, cap *= 2);
	}
	data[len] = '\0';
	if (bytes)
		*bytes = len;
	return data;
}

char *slurp(const char *path, size_t *bytes)
{
	FILE *f = fopen(path, "rb");

	if (!f)
		return NULL;
	char *data = slurp_stream(f, bytes);
	fclose(f);
	return data;
}

char *need_recording(const char *path, size_t *bytes)
{
	char command[1100];
	struct stat st;

	if (stat(path, &st))
		cr_skip_test("no %s here (SIMM_SHARED)", path);
	snprintf(command, sizeof(command), "zcat -f '%s'", path);
	FILE *f = popen(command, "r");
	cr_assert_not_null(f);
	char *data = slurp_stream(f, bytes);
	cr_assert_eq(pclose(f), 0, "%s cannot be read", path);
	return data;
}

struct machine_desc *described(const char *preset)
{
	struct machine_desc *d = calloc(1, sizeof(*d));
	const struct preset *p = preset_find(preset);
	size_t bytes = 0;
	char *file = p ? NULL : slurp(preset, &bytes);

	cr_assert(p || file, "no preset and no file %s", preset);
	struct blob fdt = p ? p->fdt : (struct blob){file, bytes};
	int err = describe_fdt(d, fdt, &why);
	cr_assert_eq(err, 0, "%s: %s", preset, why.sentence);
	snprintf(d->name, sizeof(d->name), "%s",
		strrchr(preset, '/') ? strrchr(preset, '/') + 1 : preset);
	free(file);
	return d;
}

struct machine *boot_described(struct machine_desc *d)
{
	struct machine *m = NULL;

	refusal_clear(&why);
	int err = describe_finish(d, &why);
	if (!err)
		err = machine_create(d, &m, &why);
	cr_assert_eq(!err, m != NULL);
	cr_assert(!err || (why.err == -err && *why.sentence), "a refusal without its sentence: %d",
		err);
	free(d);
	return m;
}

static struct machine *boot_options(const char *preset, va_list options)
{
	struct machine_desc *d = described(preset);
	const char *name;

	while ((name = va_arg(options, const char *))) {
		const char *value = va_arg(options, const char *);
		int err = describe_option(d, name, value, &why);

		if (err) {
			cr_assert_neq(err, -ENOENT, "no option %s", name);
			free(d);
			return NULL;
		}
	}
	return boot_described(d);
}

struct machine *booted(const char *preset, ...)
{
	va_list options;

	va_start(options, preset);
	struct machine *m = boot_options(preset, options);
	va_end(options);
	cr_assert(m, "%s: %s", preset, why.sentence);
	booted_check(m);
	return m;
}

const char *boot_refused(const char *preset, ...)
{
	va_list options;

	va_start(options, preset);
	struct machine *m = boot_options(preset, options);
	va_end(options);
	cr_assert_null(m, "%s boots", preset);
	return why.sentence;
}

static void feed(struct machine_desc *d, const char *dir, const char *path)
{
	size_t bytes;
	char *data = slurp(path, &bytes);
	const char *relative = path + strlen(dir) + 1;

	if (!data)
		return;
	int err = describe_like_file(d, relative, data, bytes, &why);
	cr_assert_eq(err, 0, "%s: %s", path, why.sentence);
	free(data);
}

struct machine_desc *like_dump(const char *dir)
{
	struct machine_desc *d = calloc(1, sizeof(*d));

	for (unsigned i = 0; describe_like_paths[i]; i++) {
		char pattern[512];
		glob_t found;

		snprintf(pattern, sizeof(pattern), "%s/%s", dir, describe_like_paths[i]);
		if (glob(pattern, 0, NULL, &found))
			continue;
		for (size_t k = 0; k < found.gl_pathc; k++)
			feed(d, dir, found.gl_pathv[k]);
		globfree(&found);
	}
	if (d->like.set)
		return d;
	free(d);
	return NULL;
}

static const char *keep(struct text *t)
{
	static char *kept;

	free(kept);
	kept = strdup(text_str(t));
	text_finish(t);
	return kept;
}

const char *booted_log(const struct machine *m)
{
	struct text t;

	text_init(&t);
	log_show(m, &t);
	return keep(&t);
}

const char *booted_resources(const struct machine *m, bool port)
{
	struct text t;

	text_init(&t);
	resource_show(m, port, &t);
	return keep(&t);
}

void booted_check(struct machine *m)
{
	struct text t;

	text_init(&t);
	unsigned bad = machine_check(m, &t);
	cr_assert_eq(bad, 0, "%s", text_str(&t));
	text_finish(&t);
}

struct machine *booted_board(const char *board, const char *ram)
{
	char path[512];

	if (!shared_dir())
		cr_skip_test("no ../shared here (SIMM_SHARED)");
	snprintf(path, sizeof(path), "%s/boards/%s.dtb", shared_dir(), board);
	char *there = slurp(path, NULL);
	if (!there)
		cr_skip_test("no %s here", path);
	free(there);
	struct machine_desc *d = described(path);
	if (ram)
		cr_assert_eq(describe_option(d, "ram", ram, NULL), 0);
	return boot_described(d);
}
