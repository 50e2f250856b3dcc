// SPDX-License-Identifier: MIT
/*
 * daemon/options: words as a person, mount(8) and fstab write them; commas inside values; what is refused.
 */
#include "daemon/options.h"

#include <simm/simm.h>

#include <criterion/criterion.h>
#include <criterion/redirect.h>
#include <stdlib.h>
#include <string.h>

/* libsimm's part: four options, one of them without a value. */
bool simm_option_nth(unsigned i, const char **name, const char **argument, const char **doc)
{
	static const char *const names[] = {"ram", "config", "cmdline", "tiny"};

	if (i >= 4)
		return false;
	*name = names[i];
	*argument = i < 3 ? "VALUE" : NULL;
	*doc = "";
	return true;
}

static int parse(struct options *options, const char *line)
{
	static char text[1024];
	static char *argv[32];
	int argc = 0;

	/* Words are cut at | so that blanks may stand in them. */
	snprintf(text, sizeof(text), "simmfs|%s", line);
	for (char *word = strtok(text, "|"); word; word = strtok(NULL, "|"))
		argv[argc++] = word;
	argv[argc] = NULL;
	return options_parse(options, argc, argv);
}

static void join_settings(const struct options *options, char *out, size_t cap)
{
	*out = '\0';
	for (size_t i = 0; i < options->nr_settings; i++)
		snprintf(out + strlen(out), cap - strlen(out), "[%s=%s]", options->settings[i].name,
			options->settings[i].value);
}

Test(options, accepted)
{
	static const struct {
		const char *line, *machine, *mountpoint, *settings;
	} rows[] = {
		{"/mnt", NULL, "/mnt", ""},
		{"pc-i386|/mnt", "pc-i386", "/mnt", ""},
		{"none|/mnt|-o|rw,ram=2G,dev,suid", NULL, "/mnt", "[ram=2G]"},
		{"-o|ram=2G|m|/mnt", "m", "/mnt", "[ram=2G]"},
		{"-oram=2G,tiny|/mnt", NULL, "/mnt", "[ram=2G][tiny=]"},
		{"/mnt|-o|ram=1G|-o|ram=2G", NULL, "/mnt", "[ram=1G][ram=2G]"},
		{"/mnt|-o|cmdline=a\\,b,ram=1G", NULL, "/mnt", "[cmdline=a,b][ram=1G]"},
		{"/mnt|-o|cmdline=\"a,b c=d\",ram=1G", NULL, "/mnt", "[cmdline=a,b c=d][ram=1G]"},
		{"/mnt|-o|\"cmdline=a,b\",ram=1G", NULL, "/mnt", "[cmdline=a,b][ram=1G]"},
		{"/mnt|-o|config=+CMA,-SMP,+NUMA,ram=1G", NULL, "/mnt",
			"[config=+CMA,-SMP,+NUMA][ram=1G]"},
		{"/mnt|-oconfig=+CMA,-SMP", NULL, "/mnt", "[config=+CMA,-SMP]"},
		{"/mnt|-o|ram=1G,config=debian,+X", NULL, "/mnt", "[ram=1G][config=debian,+X]"},
		{"/mnt|-o|noauto,nofail,_netdev,x-systemd.automount,user,comment=hello", NULL,
			"/mnt", ""},
		{"m|/mnt|-n|-s|-v|-o|rw", "m", "/mnt", ""},
		{"/mnt|-o|cmdline=", NULL, "/mnt", "[cmdline=]"},
	};

	cr_redirect_stderr();
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct options options;
		char settings[256];

		cr_assert_eq(parse(&options, rows[i].line), 0, "%s", rows[i].line);
		cr_expect_str_eq(options.mountpoint, rows[i].mountpoint, "%s", rows[i].line);
		cr_expect(!options.machine == !rows[i].machine, "%s", rows[i].line);
		if (options.machine && rows[i].machine)
			cr_expect_str_eq(options.machine, rows[i].machine, "%s", rows[i].line);
		join_settings(&options, settings, sizeof(settings));
		cr_expect_str_eq(settings, rows[i].settings, "%s: %s", rows[i].line, settings);
		options_finish(&options);
	}
}

Test(options, refused)
{
	static const char *const lines[] = {
		"-o|rma=1G|/mnt",
		"-o|ram|/mnt",
		"--nonsense|/mnt",
		"a|b|/mnt",
		"/mnt|--",
		"-o",
		"--enter",
		"/mnt|-o|like=",
		"/mnt|-o|remount",
		"/mnt|-x",
	};

	cr_redirect_stderr();
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		struct options options;

		cr_expect_eq(parse(&options, lines[i]), 2, "%s", lines[i]);
		options_finish(&options);
	}
}

Test(options, flags_and_commands)
{
	struct options options;

	cr_assert_eq(
		parse(&options,
			"-f|-o|realtime,debug,ro,allow_other,like=/some,fsname=x|/mnt|--|cat|-o|y"),
		0);
	cr_expect(options.foreground && options.realtime && options.debug && options.read_only &&
		  options.allow_other);
	cr_expect_str_eq(options.like, "/some");
	cr_expect_str_eq(options.fsname, "x");
	cr_assert(options.command);
	cr_expect_str_eq(options.command[0], "cat");
	cr_expect_str_eq(options.command[2], "y");
	options_finish(&options);

	cr_assert_eq(parse(&options, "--enter|/mnt|free|-k"), 0);
	cr_expect_eq(options.action, RUN_ENTER);
	cr_expect_str_eq(options.command[1], "-k");
	options_finish(&options);

	cr_assert_eq(parse(&options, "--list-machines"), 0);
	cr_expect_eq(options.action, RUN_LIST_MACHINES);
	options_finish(&options);
}

/* Whatever bytes -o brings: an answer, no more. */
Test(options, random_text)
{
	static const char letters[] = "ram=,\\\"config+-19 xX_/;'$\t";
	char text[64];

	cr_redirect_stderr();
	srand(5);
	for (unsigned i = 0; i < 20000; i++) {
		struct options options;
		char name[] = "simmfs", dash_o[] = "-o", mnt[] = "/mnt";
		char *argv[] = {name, dash_o, text, mnt, NULL};
		size_t len = (size_t)rand() % (sizeof(text) - 1);

		for (size_t j = 0; j < len; j++)
			text[j] = letters[(size_t)rand() % (sizeof(letters) - 1)];
		text[len] = '\0';
		options_parse(&options, 4, argv);
		options_finish(&options);
	}
}
