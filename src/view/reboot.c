/* SPDX-License-Identifier: MIT
 *
 * reboot: the machine's description is copied, the options named are applied to the copy, and a machine is booted
 * from it. Whatever is refused on the way leaves the present machine as it is.
 */
#include "view/call.h"

#include "base/parse.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define VALUE_MAX   CMDLINE_BYTES_MAX
#define OPTIONS_MAX 64

static bool is_option(const char *s, size_t len)
{
	const char *name, *argument, *doc;

	for (unsigned i = 0; describe_option_nth(i, &name, &argument, &doc); i++)
		if (parse_is(s, len, name))
			return true;
	return false;
}

static const char *nearest_option(const char *s, size_t len)
{
	const char *names[OPTIONS_MAX], *argument, *doc;
	unsigned n = 0;

	while (n < OPTIONS_MAX && describe_option_nth(n, &names[n], &argument, &doc))
		n++;
	return parse_nearest(s, len, names, n);
}

/* Does the comma before @s part options? So it does at the end of a word, and before `NAME=` of an option. */
static bool comma_parts(const char *s, const char *end)
{
	if (s == end || *s == ' ' || *s == '\t')
		return true;
	const char *equals = memchr(s, '=', (size_t)(end - s));

	return equals && is_option(s, (size_t)(equals - s));
}

/* Copy the value at *s without its double quotes; it ends at a blank, or at a comma before another option. */
static bool take_value(const char **s, const char *end, char *value, size_t cap)
{
	size_t len = 0;
	bool quoted = false;

	for (; *s < end; (*s)++) {
		char c = **s;

		if (c == '"') {
			quoted = !quoted;
			continue;
		}
		if (!quoted && (c == ' ' || c == '\t' || (c == ',' && comma_parts(*s + 1, end))))
			break;
		if (len + 1 == cap)
			return false;
		value[len++] = c;
	}
	value[len] = '\0';
	return !quoted;
}

static int apply(struct call *c, struct machine_desc *desc)
{
	struct refusal *why = &c->m->why;
	const char *s = c->arg[0].word;
	const char *end = s + c->arg[0].len;
	char name[32], value[VALUE_MAX];

	while (s < end) {
		if (*s == ' ' || *s == '\t' || *s == ',') {
			s++;
			continue;
		}
		size_t len = 0;
		while (s + len < end && !strchr("= \t,", s[len]))
			len++;
		uint32_t column = c->arg[0].column + (uint32_t)(s - c->arg[0].word);
		if (!is_option(s, len))
			return refuse_at(why, EINVAL, column, (uint32_t)len,
				"`%.*s` is not among a machine's options: the nearest is %s",
				(int)(len < 64 ? len : 64), s, nearest_option(s, len));
		memcpy(name, s, len);
		name[len] = '\0';
		s += len;
		if (s == end || *s != '=')
			return refuse_at(why, EINVAL, column, (uint32_t)len,
				"%s wants a value: %s=VALUE", name, name);
		s++;
		if (!take_value(&s, end, value, sizeof(value)))
			return refuse_at(why, EINVAL, column, (uint32_t)len,
				"the value of %s is too long, or its double quote is not closed",
				name);
		int err = describe_option(desc, name, value, why);
		if (err) {
			why->column = column;
			why->span = (uint32_t)(s - c->arg[0].word) + c->arg[0].column - column;
			return err;
		}
	}
	return 0;
}

int call_reboot(struct call *c)
{
	struct session *s = c->v->s;
	struct machine_desc *desc = malloc(sizeof(*desc));

	if (!desc)
		return refuse(&c->m->why, ENOMEM, "the host has no memory for another machine");
	*desc = s->desc;
	int err = c->arg[0].given ? apply(c, desc) : 0;
	if (!err)
		err = session_reboot(s, desc, &c->m->why);
	free(desc);
	return err;
}
