/* winmem run: an unmodified Windows program on this machine. */
#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include "kernel32/loader/run.h"
#include "memoryapi/privilege.h"
#include "memoryapi/trace.h"
#include "tools/winmem/commands.h"

#define USAGE 2

static const char help[] =
    "usage: winmem run [options] program.exe [arguments]\n"
    "\n"
    "  --imports            list what the program imports and who answers, without running it\n"
    "  --aslr               put the program at a random base when it allows that\n"
    "  --privilege NAME     hold this privilege too (SeLockMemoryPrivilege, ...); may be repeated\n"
    "  --trace[=family,..]  print every call of the Windows API to stderr (of these families)\n"
    "\n"
    "The exit code is the program's; 2: usage, 126: cannot be run, 127: no such file.\n";

/* Adds to WINMEM_PRIVILEGES, which the programs that this one starts get as well. */
static bool add_privilege(const char *name)
{
    const char *before = getenv("WINMEM_PRIVILEGES");
    char *all = NULL;
    if (!privilege_number(name)) {
        fprintf(stderr, "winmem: %s: no such privilege\n", name);
        return false;
    }
    if (asprintf(&all, "%s%s%s", before ? before : "", before && *before ? "," : "", name) < 0)
        return false;
    bool added = setenv("WINMEM_PRIVILEGES", all, 1) == 0;
    free(all);
    return added;
}

int cmd_run(int argc, char **argv)
{
    static const struct option options[] = {
        {"imports", no_argument, NULL, 'i'},
        {"aslr", no_argument, NULL, 'a'},
        {"privilege", required_argument, NULL, 'p'},
        {"trace", optional_argument, NULL, 't'},
        {"help", no_argument, NULL, 'h'},
        {NULL, 0, NULL, 0},
    };
    struct run_options run = {0};
    bool imports = false;
    int option;

    /* "+": what follows the program's name is the program's */
    while ((option = getopt_long(argc, argv, "+h", options, NULL)) != -1) {
        switch (option) {
        case 'i':
            imports = true;
            break;
        case 'a':
            run.random_base = true;
            break;
        case 'p':
            if (!add_privilege(optarg))
                return USAGE;
            break;
        case 't':
            if (!trace_start(optarg ? optarg : "all", getenv("WINMEM_TRACE_FILE")))
                return 1;
            break;
        case 'h':
            fputs(help, stdout);
            return 0;
        default:
            fputs(help, stderr);
            return USAGE;
        }
    }
    if (optind == argc) {
        fputs(help, stderr);
        return USAGE;
    }
    if (imports)
        return run_list_imports(argv[optind]);
    return run_program(argv[optind], argc - optind, argv + optind, environ, &run);
}
