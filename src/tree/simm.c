/* SPDX-License-Identifier: MIT
 *
 * The public face: configurations, machines, whole files, and the rows for manuals.
 */
#include "simm/simm.h"

#include "base/parse.h"
#include "tree/tree.h"
#include "view/call.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct simm_config {
	struct machine_desc desc;
};

static int answer(int err, const struct refusal *why, char *error, size_t cap)
{
	if (err && error && cap)
		snprintf(error, cap, "%s", why->sentence[0] ? why->sentence : strerror(-err));
	return err;
}

/* ---- machines ---- */

bool simm_machine_nth(unsigned i, const char **name, const char **doc)
{
	const struct preset *p = preset_nth(i);

	if (!p)
		return false;
	*name = p->name;
	*doc = p->doc;
	return true;
}

struct simm_config *simm_config_new(void)
{
	return calloc(1, sizeof(struct simm_config));
}

void simm_config_free(struct simm_config *config)
{
	free(config);
}

#define PRESETS_MAX 64

int simm_config_machine(struct simm_config *config, const char *name, char *error, size_t cap)
{
	const struct preset *p = preset_find(name);
	struct refusal why;

	refusal_clear(&why);
	if (p)
		return answer(describe_fdt(&config->desc, p->fdt, &why), &why, error, cap);
	const char *names[PRESETS_MAX];
	unsigned n = 0;
	while (n < PRESETS_MAX && preset_nth(n)) {
		names[n] = preset_nth(n)->name;
		n++;
	}
	const char *nearest = parse_nearest(name, strlen(name), names, n);
	int err = refuse(&why, ENOENT, "there is no machine `%s`: the nearest name is %s", name,
		nearest ? nearest : "none");
	return answer(err, &why, error, cap);
}

int simm_config_fdt(
	struct simm_config *config, const void *fdt, size_t bytes, char *error, size_t cap)
{
	struct refusal why;

	refusal_clear(&why);
	int err = describe_fdt(&config->desc, (struct blob){fdt, bytes}, &why);
	return answer(err, &why, error, cap);
}

int simm_config_like(struct simm_config *config, const char *path, const char *data, size_t bytes,
	char *error, size_t cap)
{
	struct refusal why;

	refusal_clear(&why);
	return answer(describe_like_file(&config->desc, path, data, bytes, &why), &why, error, cap);
}

const char *simm_like_path(unsigned i)
{
	for (unsigned n = 0; describe_like_paths[n]; n++)
		if (n == i)
			return describe_like_paths[n];
	return NULL;
}

int simm_config_option(
	struct simm_config *config, const char *name, const char *value, char *error, size_t cap)
{
	struct refusal why;

	refusal_clear(&why);
	return answer(describe_option(&config->desc, name, value, &why), &why, error, cap);
}

struct simm *simm_create(const struct simm_config *config, char *error, size_t cap)
{
	struct simm *simm = calloc(1, sizeof(*simm));
	struct refusal why;
	int err = -ENOMEM;

	refusal_clear(&why);
	refuse(&why, ENOMEM, "the host has no memory for a simulation");
	if (simm)
		err = table_init(&simm->table);
	if (!err) {
		err = session_init(&simm->session, &config->desc, &why);
		if (err)
			table_finish(&simm->table);
	}
	if (!err)
		return simm;
	free(simm);
	answer(err, &why, error, cap);
	return NULL;
}

void simm_destroy(struct simm *simm)
{
	if (!simm)
		return;
	session_finish(&simm->session);
	table_finish(&simm->table);
	free(simm);
}

void simm_tell_time(struct simm *simm, uint64_t monotonic_ns, uint64_t wall_s)
{
	simm->session.host_ns = monotonic_ns;
	simm->session.wall_s = wall_s;
}

uint64_t simm_advance(struct simm *simm, uint64_t ns)
{
	struct session *s = &simm->session;
	uint64_t until_ns = s->m->clock.now_ns + ns;

	/* Time is an act as well: it does not pass within somebody's long act. */
	if (simm->acting)
		return ns;
	(void)clock_advance_step(s->m, until_ns, session_slice(s, 16 * SESSION_TASK_STEPS));
	return until_ns > s->m->clock.now_ns ? until_ns - s->m->clock.now_ns : 0;
}

uint64_t simm_acts(const struct simm *simm)
{
	return simm->session.acts;
}

void simm_set_caller(struct simm *simm, const struct simm_caller *caller)
{
	simm->session.caller = (struct caller){caller->pid, caller->tid, caller->uid, caller->gid};
}

/* ---- whole files ---- */

ssize_t simm_file_read(struct simm *simm, const char *path, char *buf, size_t cap)
{
	struct simm_node node;
	struct simm_open *open;
	size_t at = 0;
	int err = simm_resolve(simm, path, &node);

	if (!err)
		err = simm_open(simm, &node, SIMM_O_READ, &open);
	if (err)
		return err;
	ssize_t n = 0;
	while (at < cap && (n = simm_read(open, buf + at, cap - at, at)) > 0)
		at += (size_t)n;
	simm_release(open);
	return n < 0 ? n : (ssize_t)at;
}

static ssize_t run_to_end(struct simm_write *w)
{
	if (!w)
		return -ENOMEM;
	while (simm_write_step(w) == SIMM_MORE)
		;
	return simm_write_end(w);
}

ssize_t simm_file_write(struct simm *simm, const char *path, const void *data, size_t len)
{
	struct simm_node node;
	struct simm_open *open;
	int err = simm_resolve(simm, path, &node);

	if (!err)
		err = simm_open(simm, &node, SIMM_O_WRITE | SIMM_O_NONBLOCK, &open);
	if (err)
		return err;
	ssize_t ret = run_to_end(simm_write_begin(open, data, len, 0, 1));
	ssize_t flushed = run_to_end(simm_flush_begin(open, 1));
	simm_release(open);
	return ret >= 0 && flushed < 0 ? flushed : ret;
}

/* ---- the manual ---- */

bool simm_row_nth(unsigned i, const char **path, unsigned *mode, const char **doc)
{
	if (i >= nr_rows)
		return false;
	*path = rows[i].path;
	*mode = rows[i].mode;
	*doc = rows[i].doc;
	return true;
}

bool simm_call_nth(unsigned i, const char **name, char *usage, size_t cap, const char **doc)
{
	struct text t;

	if (i >= nr_call_rows)
		return false;
	text_init(&t);
	call_usage(&call_rows[i], &t);
	snprintf(usage, cap, "%s", text_str(&t));
	text_finish(&t);
	*name = call_rows[i].name;
	*doc = call_rows[i].doc;
	return true;
}

bool simm_option_nth(unsigned i, const char **name, const char **argument, const char **doc)
{
	return describe_option_nth(i, name, argument, doc);
}
