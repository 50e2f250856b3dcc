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

#define VALUE_MAX DESCRIBE_CMDLINE_MAX

static const char *const option_names[] = {
#define OPTION(name, argument, doc) #name,
#include "mm/boot/option.def"
};
#define NR_OPTIONS (sizeof(option_names) / sizeof(option_names[0]))

static bool is_option(const char *s, size_t len)
{
	for (unsigned i = 0; i < NR_OPTIONS; i++)
		if (parse_is(s, len, option_names[i]))
			return true;
	return false;
}

/* Does `NAME=` of an option begin at @s? Then the comma before it parts options. */
static bool option_begins(const char *s, const char *end)
{
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
		if (!quoted && (c == ' ' || c == '\t' || (c == ',' && option_begins(*s + 1, end))))
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
				(int)(len < 64 ? len : 64), s, parse_nearest(s, len, option_names, NR_OPTIONS));
		memcpy(name, s, len);
		name[len] = '\0';
		s += len;
		if (s == end || *s != '=')
			return refuse_at(why, EINVAL, column, (uint32_t)len, "%s wants a value: %s=VALUE", name, name);
		s++;
		if (!take_value(&s, end, value, sizeof(value)))
			return refuse_at(why, EINVAL, column, (uint32_t)len,
				"the value of %s is too long, or its double quote is not closed", name);
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
	*desc = s->asked;
	int err = c->arg[0].given ? apply(c, desc) : 0;
	if (!err)
		err = session_reboot(s, desc, &c->m->why);
	free(desc);
	return err;
}
