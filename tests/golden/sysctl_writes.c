/* SPDX-License-Identifier: MIT
 *
 * What a write to a sysctl returned and what was read back, on the oracle's machines: derived/sysctl-writes.tsv,
 * written in its order to machines that start with the oracle's values.
 */
#include "made.h"
#include "oracle.h"

#include "tree/row.h"

#include <errno.h>

static bool find_sysctl(struct view *v, const char *name)
{
	char path[96];

	snprintf(path, sizeof(path), "proc/sys/vm/%s", name);
	for (unsigned i = 0; i < nr_rows; i++) {
		const struct row *row = &rows[i];

		if (strcmp(row->path, path) || !machine_has(v->m, row->need) ||
			(row->when && !row->when(v->m)))
			continue;
		v->row = row;
		v->aux = row->aux;
		return true;
	}
	return false;
}

static void check_result(const char *who, const char *want, int64_t got)
{
	char text[32];

	if (got >= 0)
		snprintf(text, sizeof(text), "ok %ld", (long)got);
	else
		snprintf(text, sizeof(text), "%s",
			got == -EINVAL ? "Invalid argument" : strerror((int)-got));
	cr_expect_str_eq(text, want, "%s: `%s`, not `%s`", who, want, text);
}

static void check_write(struct machine *m, const char *const *field, const char *reads_back)
{
	struct session session = {.m = m};
	struct view v = {.s = &session, .m = m};
	char who[160], data[128];
	struct text text;

	snprintf(who, sizeof(who), "%s %s <- `%s`", field[0], field[1], field[2]);
	if (!strcmp(field[3], "No such file or directory")) {
		cr_expect(!find_sysctl(&v, field[1]), "%s is not there", who);
		return;
	}
	cr_assert(find_sysctl(&v, field[1]), "%s", who);
	snprintf(data, sizeof(data), "%s\n", field[2]);
	check_result(who, field[3], v.row->store(&v, data, strlen(data)));
	text_init(&text);
	cr_expect_eq(v.row->show(&v, &text), 0);
	if (text.len)
		text.len--; /* the newline */
	cr_expect_str_eq(text_str(&text), reads_back, "%s reads back", who);
	text_finish(&text);
}

static const struct oracle_machine *oracle_of(const char *name)
{
	for (unsigned i = 0; i < NR_ORACLES; i++)
		if (!strcmp(oracles[i].name, name))
			return &oracles[i];
	return NULL;
}

/* "machine name written result reads_back"; the first and the last column may hold tabs. */
static bool cut(char *line, const char **field, const char **reads_back)
{
	char *result = strstr(line, "\tok ");

	if (!result)
		result = strstr(line, "\tInvalid argument");
	if (!result)
		result = strstr(line, "\tNo such file");
	if (!result)
		return false;
	*result++ = '\0';
	field[3] = result;
	char *end = strchr(result, '\t');
	*reads_back = end ? end + 1 : "";
	if (end)
		*end = '\0';
	char *name = strchr(line, '\t'), *written = name ? strchr(name + 1, '\t') : NULL;
	if (!written)
		return false;
	*name = *written = '\0';
	field[0] = line;
	field[1] = name + 1;
	field[2] = written + 1;
	return true;
}

Test(sysctl_writes, every_row)
{
	char *text = oracle_need("derived/sysctl-writes.tsv"), *save = NULL;
	struct machine *m = NULL;
	const char *now = "";
	unsigned checked = 0;

	for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		const char *field[4], *reads_back;

		if (!cut(line, field, &reads_back))
			continue;
		if (strcmp(now, field[0])) {
			if (m)
				made_destroy(m);
			now = field[0];
			cr_assert(oracle_of(now), "%s", now);
			m = made_machine(oracle_of(now));
		}
		check_write(m, field, reads_back);
		checked++;
	}
	if (m)
		made_destroy(m);
	cr_expect_gt(checked, 480, "%u", checked);
	free(text);
}
