/* SPDX-License-Identifier: MIT
 *
 * Names of kernel options and edits of sets of them.
 */
#include "mm/core/config.h"

#include "base/parse.h"

#include <errno.h>
#include <string.h>

static const char *const names[NR_CONFIGS] = {
#define CONFIG(name, doc) #name,
#include "mm/core/config.def"
};

const char *config_name(enum config c)
{
	return names[c];
}

bool config_is_fixed(enum config c)
{
	static const enum config fixed[] = {CONFIG_ALWAYS, CONFIG_X86, CONFIG_ARM, CONFIG_ARM64,
		CONFIG_RISCV, CONFIG_64BIT, CONFIG_MMU, CONFIG_ARM_MPU};

	for (unsigned i = 0; i < sizeof(fixed) / sizeof(fixed[0]); i++)
		if (fixed[i] == c)
			return true;
	return false;
}

/* The option of that name, with or without CONFIG_; NR_CONFIGS when there is none. */
static enum config config_find(const char *name, size_t len)
{
	if (len > 7 && !memcmp(name, "CONFIG_", 7)) {
		name += 7;
		len -= 7;
	}
	for (unsigned c = 0; c < NR_CONFIGS; c++)
		if (strlen(names[c]) == len && !memcmp(names[c], name, len))
			return (enum config)c;
	return NR_CONFIGS;
}

static int edit_word(struct config_set *set, struct config_set debian, const char *word, size_t len,
	struct refusal *why)
{
	if (len == 6 && !memcmp(word, "debian", 6)) {
		*set = debian;
		return 0;
	}
	bool on = *word == '+';
	enum config c = NR_CONFIGS;
	if (on || *word == '-')
		c = config_find(word + 1, len - 1);
	if (c == NR_CONFIGS)
		return refuse(why, EINVAL,
			"config=%.*s: write `debian`, +NAME or -NAME, joined by commas; the "
			"nearest name is %s",
			(int)(len < 64 ? len : 64), word,
			parse_nearest(word + (len && strchr("+-", *word)),
				len - (len && strchr("+-", *word)), names, NR_CONFIGS));
	config_put(set, c, on);
	return 0;
}

int config_edit(
	struct config_set *set, struct config_set debian, const char *edit, struct refusal *why)
{
	while (*edit) {
		size_t len = strcspn(edit, ",");
		if (len) {
			int err = edit_word(set, debian, edit, len, why);
			if (err)
				return err;
		}
		edit += len + (edit[len] == ',');
	}
	return 0;
}
