/* winmem COMMAND: picks the command; the work is in the library. */
#include <stdio.h>
#include <string.h>

#include <winmem/winmem.h>
#include "tools/winmem/commands.h"

static int cmd_version(int argc, char **argv)
{
    (void)argc, (void)argv;
    printf("winmem %s\n", winmem_version());
    return 0;
}

static int cmd_help(int argc, char **argv);

static const struct command {
    const char *name;
    int (*run)(int argc, char **argv);
    const char *summary;
} commands[] = {
    {"run", cmd_run,
     "[--imports | --aslr | --trace] PROGRAM.EXE [ARGUMENT...]   run a Windows program"},
    {"exports", cmd_exports,
     "[--coverage | --apisets | --quirks] [WORD...]   the functions winmem knows, and what is "
     "built"},
    {"call", cmd_call, "[MODULE!]FUNCTION ARGUMENT... [then ...]   call functions by name"},
    {"gpu", cmd_gpu, "list | top | timeline | reset | pressure | ...   the simulated GPU"},
    {"version", cmd_version, "print the version"},
    {"help", cmd_help, "print this"},
};

static int usage(FILE *out)
{
    fprintf(out, "usage: winmem COMMAND ...\n");
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++)
        fprintf(out, "  %-8s %s\n", commands[i].name, commands[i].summary);
    return out == stdout ? 0 : 2;
}

static int cmd_help(int argc, char **argv)
{
    (void)argc, (void)argv;
    return usage(stdout);
}

/* A command that lost some of its output (a full disk, a closed descriptor) has failed. */
static int finish(int code)
{
    if (fflush(stdout) == 0 && !ferror(stdout))
        return code;
    fprintf(stderr, "winmem: the output could not be written to standard output\n");
    return code ? code : 1;
}

int main(int argc, char **argv)
{
    if (argc < 2)
        return usage(stderr);
    const char *name = argv[1];
    if (name[0] == '-' && name[1] == '-')
        name += 2;
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++)
        if (strcmp(commands[i].name, name) == 0)
            return finish(commands[i].run(argc - 1, argv + 1));
    fprintf(stderr, "winmem: there is no command '%s'\n", argv[1]);
    return usage(stderr);
}
